"""Networks from files that run no code but the user's own: a function, TorchScript, torch.export, or safetensors."""

from __future__ import annotations

import importlib.util
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import nn

from eigrad.autoencoder import dense_layers
from eigrad.data import is_there, one_line
from eigrad.training import load_config, load_weights

KNOWN = "FILE.py:FUNCTION, TorchScript (.ts, .pt), torch.export (.pt2), or weights of ours (.safetensors)"
DENSE = "dense"
SAFE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
OBJECTS = ("custom_obj", "opaque_obj")  # files of objects in an archive of torch.export


def read_network(given: str, device: str = "cpu") -> nn.Module:
    """A network in evaluation mode on a device.

    FILE.py:FUNCTION calls a function without arguments that returns one (it runs that file, which should be yours). Of
    .safetensors the file's metadata say the architecture: {"architecture": "dense", "sizes": [...]}, which
    `eigrad.training.save_model(path, dense_layers(sizes), config)` writes. A pickle, as `torch.save` writes it, is
    refused.
    """
    file, colon, function = given.rpartition(":")
    if colon and file.endswith(".py"):
        network = _called(Path(file), function)
    else:
        path = Path(given)
        if not is_there(path) or path.is_dir():
            raise ValueError(f"model: got {given}, expected {KNOWN}")
        network = _loaded(path)
    return network.to(torch.device(device)).eval() if not isinstance(network, _Exported) else network


class _Exported(nn.Module):
    """What torch.export keeps is in one mode, and refuses to be told another."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.training = False

    def train(self, mode: bool = True) -> _Exported:
        self.training = mode
        return self

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.inner(*inputs)


def _called(path: Path, function: str) -> nn.Module:
    if not path.is_file():
        raise ValueError(f"model: got {path}, expected a Python file that exists")
    spec = importlib.util.spec_from_file_location(f"eigrad_model_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        made = getattr(module, function)()
    except Exception as error:  # whatever a stranger's code raises is said, without a traceback
        raise ValueError(f"model: {path}:{function} failed ({type(error).__name__}: {one_line(error)})") from error
    if not isinstance(made, nn.Module):
        raise ValueError(f"model: {path}:{function} returned {type(made).__name__}, expected a torch.nn.Module")
    return made


def _loaded(path: Path) -> nn.Module:
    if path.suffix == ".safetensors":
        return _ours(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        raise ValueError(f"model: {path} is no archive of PyTorch, expected {KNOWN}; a pickle is not loaded") from None
    if any(Path(name).name.startswith(OBJECTS) for name in names):
        raise ValueError(f"model: {path} holds pickled objects, which are not loaded, expected tensors alone")
    exported = path.suffix == ".pt2" or any(name.endswith(("archive_format", "models/model.json")) for name in names)
    scripted = any("/code/" in name for name in names)
    if not exported and not scripted:
        raise ValueError(f"model: {path} is a pickle of torch.save, which is not loaded, expected {KNOWN}")
    try:
        with _weights_only(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how a file was written, which is done
            return _Exported(torch.export.load(path).module()) if exported else torch.jit.load(str(path))
    except Exception as error:  # what readers of damaged archives raise is many things
        raise ValueError(f"model: {path} cannot be read ({one_line(error)}), expected {KNOWN}") from error


@contextmanager
def _weights_only() -> Iterator[None]:
    """A block in which torch.load unpickles nothing but tensors, whatever it is asked: torch.export asks for more."""
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE]
        else:
            os.environ[SAFE] = before


def _ours(path: Path) -> nn.Module:
    config = load_config(path)
    sizes = config.get("sizes")
    if config.get("architecture") != DENSE or not _are_sizes(sizes):
        raise ValueError(
            f"model: {path} says {json.dumps(config)[:120]}, expected the architecture 'dense' with sizes; "
            "for others give FILE.py:FUNCTION"
        )
    if (n := sum(before * after for before, after in pairwise(sizes))) > path.stat().st_size:
        raise ValueError(f"model: {path} says sizes of {n:,} weights, expected no more than it has bytes")
    network = dense_layers(sizes)
    load_weights(path, network)
    if bad := [name for name, weights in network.state_dict().items() if not weights.isfinite().all()]:
        raise ValueError(f"model: {path}: {bad[0]} holds NaN or infinite values, expected finite ones")
    return network


def _are_sizes(given: object) -> TypeGuard[list[int]]:
    return isinstance(given, list) and len(given) > 1 and all(type(size) is int and size > 0 for size in given)
