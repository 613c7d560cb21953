"""What attributions are computed from, in few words: hashes of arrays and weights, and settings as they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from eigrad.attribute import Explainer
from eigrad.attribute.session import length_of
from eigrad.model import as_samples, on_host

SILENT = {"progress", "batch_size"}  # settings of the explainer that change no number beyond rounding
ROWS = 4096


def fingerprint(explainer: Explainer, samples: Any, *, target: Any = None, extra: Any = ()) -> dict[str, Any]:
    """JSON values that two runs share exactly where they would write the same: model, path, baseline, data, settings.

    Samples are read once, slice by slice. Of a function all that is known is its name.
    """
    own = {each.name: getattr(explainer, each.name) for each in fields(explainer) if each.name not in SILENT}
    if target is not None:
        own["target"] = target
    settings = {name: described(value) for name, value in own.items()}
    return {**settings, "samples": _hash_of_rows(samples), "extra": described(extra)}


def described(value: Any) -> Any:
    """A value as JSON: arrays and networks by their hash, objects of fields by these, others by what they print."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor | np.ndarray | pd.DataFrame | pd.Series):
        return _hash_of_array(value)
    if isinstance(value, nn.Module):
        return _hash_of_module(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {"of": _name(type(value)), **{each.name: described(getattr(value, each.name)) for each in fields(value)}}
    if isinstance(value, Mapping):
        return {str(key): described(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [described(each) for each in value]
    if hasattr(value, "__dict__") and not hasattr(value, "__qualname__"):
        own = {key: each for key, each in vars(value).items() if not _cached(value, key)}
        return {"of": _name(value), **{key: described(each) for key, each in own.items()}}
    return _name(value) if callable(value) else repr(value)


def differing(one: Any, other: Any, name: str = "") -> Iterator[str]:
    """The names of what differs between two fingerprints, such as baseline.points."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            yield from differing(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name


def _name(value: Any) -> str:
    kind = value if hasattr(value, "__qualname__") else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _cached(value: Any, name: str) -> bool:
    return isinstance(getattr(type(value), name, None), cached_property)


def _hash_of_array(value: Any) -> str:
    array = on_host(value) if isinstance(value, Tensor) else np.asarray(value)
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes() if array.dtype != object else repr(array.tolist()).encode())
    return digest.hexdigest()


def _hash_of_module(module: nn.Module) -> str:
    """Of its layers as it prints them, its weights and its buffers."""
    digest = hashlib.sha256(repr(module).encode())
    unsaved = dict(module.named_buffers())  # buffers that are not persistent are in no state
    for name, tensor in {**module.state_dict(), **unsaved}.items():
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {_hash_of_array(_plain(tensor))}".encode())
    return digest.hexdigest()


def _plain(tensor: Tensor) -> Tensor:
    """As a plain grid of numbers of a kind that NumPy knows."""
    tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
    known = tensor.dtype in (torch.float16, torch.float32, torch.float64) or not tensor.is_floating_point()
    return tensor if known else tensor.float()


def _hash_of_rows(samples: Any) -> str:
    names = repr(tuple(samples.columns)) if isinstance(samples, pd.DataFrame) else ""
    digest = hashlib.sha256(names.encode())
    for first in range(0, length_of(samples), ROWS):
        rows = samples.iloc[first : first + ROWS] if names else samples[first : first + ROWS]
        digest.update(_hash_of_array(as_samples(rows)).encode())
    return digest.hexdigest()
