"""Attributions on disk: a Zarr group for each set of samples, written beside its place and renamed when whole."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from eigrad.attribute import TENSORS, Attributions, Explainer
from eigrad.model import on_host

logger = logging.getLogger(__name__)

FACTS = ("rule", "reason", "n_evaluations", "path", "baseline", "precision", "precision_error")
NAMES = "feature_names"


def save(path: Path, attributions: Attributions, fingerprint: Mapping[str, Any] | None = None) -> None:
    """Write attributions as the Zarr group `path`; a folder around it that ends in .zarr becomes its parent group.

    `fingerprint` is what they were computed from (JSON values), so that `load_or_compute` knows them again.
    bfloat16 is stored as float32, and names of features that are neither text nor whole numbers as text.
    """
    _make_parent(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent, ignore_cleanup_errors=True) as beside:
        whole = Path(beside, "new")
        _write(whole, attributions, fingerprint)
        _replace(path, whole, Path(beside, "old"))


def _make_parent(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.suffix == ".zarr":
        zarr.open_group(path.parent, mode="a")


def stream(path: Path, explainer: Explainer, samples: Any, **call: Any) -> None:
    """Explain samples chunk by chunk into the Zarr group `path`, as `save` writes it, holding one chunk at a time.

    `samples` may be memory-mapped; `call` is handed to `Explainer.stream`. The group is in its place once whole.
    One output at a time: ValueError where several are explained.
    """
    _make_parent(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent, ignore_cleanup_errors=True) as beside:
        whole = Path(beside, "new")
        group = zarr.open_group(whole, mode="w")
        sums = {name: hashlib.sha256() for name in TENSORS}
        facts: dict[str, Any] = {}
        done = 0
        for part in explainer.stream(samples, **call):
            if part.n_outputs != 1:
                raise ValueError(f"store: got {part.n_outputs} outputs, expected one where attributions are streamed")
            for name in TENSORS:
                rows = np.ascontiguousarray(on_host(getattr(part.output(0), name)))
                if not done:
                    shape = (len(samples), *rows.shape[1:])
                    group.create_array(name, shape=shape, chunks=rows.shape, dtype=rows.dtype, compressors=None)
                group[name][done : done + len(rows)] = rows  # type: ignore[index]
                sums[name].update(rows.tobytes())
            done += len(part)
            facts = _merged(facts, part)
        digests = {name: digest.hexdigest() for name, digest in sums.items()}
        group.attrs.update({**facts, "sha256": digests, "fingerprint": None})
        _replace(path, whole, Path(beside, "old"))


def _merged(facts: dict[str, Any], part: Attributions) -> dict[str, Any]:
    """What parts say of themselves, taken together as `attribute.result.joined` does."""
    new = _facts(part)
    if not facts:
        return new
    for name, between in (("rule", ", "), ("reason", "; ")):
        said = facts[name].split(between)
        new[name] = facts[name] if new[name] in (*said, facts[name]) else between.join([*said, new[name]])
    return {**new, "n_evaluations": facts["n_evaluations"] + new["n_evaluations"]}


def load(path: Path) -> Attributions:
    """Read attributions back, equal to the bit; ValueError when the folder holds none, or not what was saved."""
    with _opened(path) as group:
        tensors: dict[str, Any] = {name: torch.from_numpy(_array(group, name)) for name in TENSORS}
        facts: dict[str, Any] = {name: group.attrs[name] for name in FACTS}
        names: Any = group.attrs.get(NAMES)  # of runs before there were any it is missing
        return Attributions(**tensors, **facts, feature_names=None if names is None else tuple(names))


def load_or_compute(path: Path, fingerprint: Mapping[str, Any], compute: Callable[[], Attributions]) -> Attributions:
    """The saved attributions if they have this fingerprint, else freshly computed and saved ones."""
    if path.exists():
        try:
            with _opened(path) as group:
                same = group.attrs["fingerprint"] == json.loads(json.dumps(fingerprint))
            if same:
                attributions = load(path)
                logger.info("reusing the attributions in %s", path)
                return attributions
        except ValueError as error:
            logger.warning("%s; computing again", error)
    attributions = compute()
    save(path, attributions, fingerprint)
    return attributions


def _write(path: Path, attributions: Attributions, fingerprint: Mapping[str, Any] | None) -> None:
    group = zarr.open_group(path, mode="w")
    arrays = {name: on_host(getattr(attributions, name)) for name in TENSORS}
    for name, array in arrays.items():
        group.create_array(name, data=array)
    sums = {name: _checksum(array) for name, array in arrays.items()}
    group.attrs.update({**_facts(attributions), "sha256": sums, "fingerprint": fingerprint})


def _facts(attributions: Attributions) -> dict[str, Any]:
    """What attributions say of themselves, as JSON values."""
    facts = {name: getattr(attributions, name) for name in FACTS}
    names = attributions.feature_names
    if names is None:
        return facts
    return {**facts, NAMES: [name if isinstance(name, str | int) else str(name) for name in names]}


def _replace(path: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `path`, which is back there if that fails."""
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise


@contextmanager
def _opened(path: Path) -> Iterator[zarr.Group]:
    """The group to read from; whatever Zarr and its codecs raise becomes a ValueError of one sentence."""
    try:
        yield zarr.open_group(path, mode="r")
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected attributions saved by eigrad ({type(error).__name__}: {reason})") from error


def _array(group: zarr.Group, name: str) -> NDArray[Any]:
    """One array of the group; a lost chunk, which Zarr reads as zeros, shows in the checksum."""
    array = np.asarray(group[name][...])  # type: ignore[index]
    sums: Any = group.attrs["sha256"]
    if _checksum(array) != sums[name]:
        raise ValueError(f"{name} is not what was saved")
    return array


def _checksum(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
