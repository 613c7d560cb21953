"""The format: a Zarr group with an array for every tensor, cut along the samples, and a commit for every chunk.

A chunk is its rows of all arrays, one object of the store each. It counts once its commit is there, a group of no
arrays that is written last and in one go: its attributes hold the rows, a checksum of every array's, and what the
attributions say of themselves. What was interrupted in between is written again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import zarr
from numpy.typing import NDArray
from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.core.sync import sync

from eigrad.attribute import TENSORS, Attributions
from eigrad.attribute.result import OF_SAMPLES
from eigrad.data import one_line
from eigrad.model import on_host

FACTS = ("rule", "reason", "n_evaluations", "path", "baseline", "precision", "precision_error")
NAMES, COMMITS = "feature_names", "commits"
Place: TypeAlias = str | Path


@dataclass(frozen=True)
class Commit:
    """The rows of a chunk, what it says of itself, and the checksum of every array's rows."""

    rows: slice
    facts: Mapping[str, Any]
    sums: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        content = {"rows": [self.rows.start, self.rows.stop], "facts": dict(self.facts), "sha256": dict(self.sums)}
        return {**content, "own_sha256": _checksum_of_json(content)}

    @classmethod
    def read(cls, raw: bytes) -> Commit | None:
        """From the metadata of its group, None where that is not what was written."""
        try:
            content = json.loads(raw)["attributes"]
            own = content.pop("own_sha256")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        same = own == _checksum_of_json(content)
        return cls(slice(*content["rows"]), content["facts"], content["sha256"]) if same else None


@dataclass(frozen=True)
class Progress:
    """How many samples of all are there, and which: the rows of the chunks that are committed, in order."""

    n_samples: int
    rows: tuple[slice, ...]

    @property
    def n_done(self) -> int:
        return sum(rows.stop - rows.start for rows in self.rows)

    @property
    def whole(self) -> bool:
        return self.n_done == self.n_samples


def begin(place: Place, n_samples: int, fingerprint: Mapping[str, Any] | None) -> zarr.Group:
    """An empty group in this place, whatever was there; its attributes say how many samples it is to hold."""
    group = zarr.open_group(place, mode="w", attributes={"n_samples": n_samples, "fingerprint": fingerprint})
    group.create_group(COMMITS)
    return group


class Writer:
    """Writes the attributions of rows into a group, whose arrays it keeps open, and commits them."""

    def __init__(self, group: zarr.Group) -> None:
        self.group = group
        self._arrays: dict[str, zarr.Array[Any]] = {}

    def __call__(self, number: int, rows: slice, part: Attributions) -> None:
        """Write a chunk; the first to be written is as long as any."""
        sums = {}
        for name in TENSORS:
            axis, values = _axis(name, part), np.ascontiguousarray(on_host(getattr(part, name)))
            if name not in self._arrays:
                self._arrays[name] = self._opened(name, axis, values)
            self._arrays[name][(slice(None),) * axis + (rows,)] = values
            sums[name] = _checksum(values)
        commit = Commit(rows, facts_of(part), sums)
        self.group.create_group(f"{COMMITS}/{number}", attributes=commit.as_json())

    def _opened(self, name: str, axis: int, values: NDArray[Any]) -> zarr.Array[Any]:
        """The array that is there, or a new one cut into chunks of these values."""
        n_samples: Any = self.group.attrs["n_samples"]
        shape = (*values.shape[:axis], n_samples, *values.shape[axis + 1 :])
        if (there := _known(self.group, name, shape, values.dtype, axis)) is not None:
            return there
        return self.group.create_array(
            name, shape=shape, chunks=values.shape, dtype=values.dtype, compressors=None, overwrite=True
        )


def recorded(group: zarr.Group) -> dict[int, Commit | None]:
    """Every commit by the number of its chunk, None where it is no longer what was written."""

    async def read() -> list[tuple[int, Buffer | None]]:
        folder = f"{group.path}/{COMMITS}".lstrip("/")
        numbers = sorted([int(name) async for name in group.store.list_dir(folder) if name.isdigit()])
        keys = [f"{folder}/{number}/zarr.json" for number in numbers]
        found = await asyncio.gather(*(group.store.get(key, default_buffer_prototype()) for key in keys))
        return list(zip(numbers, found, strict=True))

    found = sync(read())  # not Zarr's own listing, which warns of interrupted commits and stops at damaged ones
    return {number: Commit.read(raw.to_bytes()) for number, raw in found if raw is not None}


def commits(group: zarr.Group) -> list[Commit]:
    """What is committed, in the order of the rows; ValueError where a commit is not what was written."""
    found = []
    for number, commit in recorded(group).items():
        if commit is None:
            raise ValueError(f"the commit of chunk {number} is not what was saved")
        found.append(commit)
    return sorted(found, key=lambda commit: commit.rows.start)


def damaged(group: zarr.Group, commit: Commit) -> str | None:
    """The first array whose rows are not what was committed, if any."""
    for name in TENSORS:
        try:
            values = np.asarray(_rows(group, name, commit.rows))
        except Exception:  # as in `opened`
            return name
        if _checksum(values) != commit.sums[name]:
            return name
    return None


def progress(place: Place) -> Progress:
    """How far attributions that are written chunk by chunk have come; ValueError where there are none."""
    with opened(place) as group:
        n_samples: Any = group.attrs["n_samples"]
        rows = tuple(commit.rows for commit in commits(group))
        if type(n_samples) is not int or any(each.stop > n_samples for each in rows):
            raise ValueError(f"it says that it is of {n_samples!r} samples")
        return Progress(n_samples, rows)


def load(place: Place, *, partial: bool = False) -> Attributions:
    """Read attributions back, equal to the bit; ValueError when there are none, or not what was saved, or not all.

    With `partial` those of the samples that are there so far (see `progress`), in order.
    """
    there = progress(place)
    if not there.rows or not (there.whole or partial):
        raise ValueError(f"{place}: {there.n_done} of {there.n_samples} samples are there, expected all of them")
    with opened(place) as group:
        found = commits(group)
        tensors: dict[str, Any] = {name: torch.from_numpy(_array(group, name, found)) for name in TENSORS}
        names = found[0].facts.get(NAMES)
        return Attributions(**tensors, **_together(found), feature_names=None if names is None else tuple(names))


@contextmanager
def opened(place: Place) -> Iterator[zarr.Group]:
    """The group to read from; whatever Zarr and its codecs raise becomes a ValueError of one sentence."""
    try:
        yield zarr.open_group(place, mode="r")
    except Exception as error:  # of damaged metadata that is many things
        raise ValueError(
            f"{place}: expected attributions saved by eigrad ({type(error).__name__}: {one_line(error)})"
        ) from error


def facts_of(attributions: Attributions) -> dict[str, Any]:
    """What attributions say of themselves, as JSON values."""
    facts = {name: getattr(attributions, name) for name in FACTS}
    names = attributions.feature_names
    if names is None:
        return facts
    return {**facts, NAMES: [name if isinstance(name, str | int) else str(name) for name in names]}


def _together(found: Sequence[Commit]) -> dict[str, Any]:
    """What chunks say of themselves, taken together as `attribute.result.joined` does."""
    facts = {name: found[0].facts[name] for name in FACTS}
    for name, between in (("rule", ", "), ("reason", "; ")):
        facts[name] = between.join(dict.fromkeys(str(commit.facts[name]) for commit in found))
    return {**facts, "n_evaluations": sum(commit.facts["n_evaluations"] for commit in found)}


def _axis(name: str, part: Attributions) -> int:
    """The axis of the samples."""
    return 0 if name in OF_SAMPLES or part.n_outputs is None else 1


def _array(group: zarr.Group, name: str, found: Sequence[Commit]) -> NDArray[Any]:
    """The committed rows of an array; a lost chunk, which Zarr reads as zeros, shows in the checksum."""
    parts = []
    for commit in found:
        values = np.asarray(_rows(group, name, commit.rows))
        if _checksum(values) != commit.sums[name]:
            raise ValueError(f"{name} is not what was saved")
        parts.append(values)
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=_sample_axis(group, name))


def _rows(group: zarr.Group, name: str, rows: slice) -> Any:
    axis, array = _sample_axis(group, name), group[name]
    if not isinstance(array, zarr.Array) or not _in_rows(array, axis):
        raise ValueError(f"{name} is not cut as it was saved")
    return array[(slice(None),) * axis + (rows,)]


def _sample_axis(group: zarr.Group, name: str) -> int:
    """Arrays with outputs have one axis more than the score of a single one."""
    return 0 if name in OF_SAMPLES else group["score"].ndim - 1  # type: ignore[union-attr]


def _in_rows(array: zarr.Array[Any], axis: int) -> bool:
    """Whether it is cut along the samples alone, into chunks that are no longer than it says to be."""
    sizes = enumerate(zip(array.chunks, array.shape, strict=True))
    return all(chunk <= size if i == axis else chunk == size for i, (chunk, size) in sizes)


def _known(
    group: zarr.Group, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], axis: int
) -> zarr.Array[Any] | None:
    """The array that is there; one whose metadata cannot be read, or are of another, is not."""
    try:
        array = group[name]
    except Exception:  # as in `opened`
        return None
    if not isinstance(array, zarr.Array) or (array.shape, array.dtype) != (shape, dtype):
        return None
    return array if _in_rows(array, axis) else None


def _checksum_of_json(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _checksum(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
