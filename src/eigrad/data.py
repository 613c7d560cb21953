"""Examples, their validation and splits, and what is read from and written to files."""

from __future__ import annotations

import gzip
import json
import math
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float32, Integer
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

ROUNDING = 1e-9  # of fractions: sizes are rounded down, and a tenth of ten is one
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclass(frozen=True)
class Examples:
    """Values (samples, *shape) with a label each, and a name for every feature of the flattened sample."""

    values: Float32[np.ndarray, samples * shape]
    labels: Integer[np.ndarray, " samples"]
    feature_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim < 2 or 0 in self.values.shape:
            raise ValueError(f"examples: got values of shape {self.values.shape}, expected (samples, features...)")
        if len(self.labels) != len(self.values):
            raise ValueError(
                f"examples: got {len(self.labels)} labels for {len(self.values)} samples, expected one each"
            )
        if len(self.feature_names) != self.n_features:
            raise ValueError(
                f"examples: got {len(self.feature_names)} feature names, expected one for each of {self.n_features}"
            )
        bad = np.flatnonzero(~np.isfinite(self.values.reshape(len(self), -1)).all(1))
        if len(bad):
            raise ValueError(
                f"examples: {len(bad)} of {len(self)} samples hold NaN or infinite values (the first is number "
                f"{bad[0]}), expected finite ones"
            )

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.values.shape[1:])

    @property
    def n_features(self) -> int:
        return math.prod(self.shape)

    def take(self, index: NDArray[Any]) -> Examples:
        """The examples at these positions, or where a mask is true."""
        return Examples(self.values[index], self.labels[index], self.feature_names)

    def of_class(self, label: int) -> Examples:
        """The examples with this label."""
        there = np.flatnonzero(self.labels == label)
        if len(there) == 0:
            known = ", ".join(map(str, np.unique(self.labels)))
            raise ValueError(f"examples: none has label {label}, expected one of {known}")
        return self.take(there)


def split(examples: Examples, fractions: Sequence[float], seed: int) -> tuple[Examples, ...]:
    """Disjoint parts of these sizes, each with the labels in the proportions of the whole."""
    if not math.isclose(sum(fractions), 1) or min(fractions) <= 0:
        raise ValueError(f"split: got fractions {tuple(fractions)}, expected positive ones that sum to 1")
    random = np.random.RandomState(seed)
    parts, rest = [], np.arange(len(examples))
    left = 1.0
    for fraction in fractions[:-1]:
        try:
            part, rest = train_test_split(
                rest, train_size=fraction / left + ROUNDING, stratify=examples.labels[rest], random_state=random
            )
        except ValueError as error:
            raise ValueError(
                f"split: got {len(examples)} examples of {len(np.unique(examples.labels))} labels, expected enough for "
                f"every label to be in each part of {tuple(fractions)}"
            ) from error
        parts.append(examples.take(np.sort(part)))
        left -= fraction
    return (*parts, examples.take(np.sort(rest)))


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, gzipped or not; ValueError when the file is none, or not whole."""
    try:
        raw = Path(path).read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error}), expected an IDX file, gzipped or not") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES or not 1 <= content[3] <= 8:
        raise ValueError(f"{path}: got a file that starts with {content[:4].hex(' ')!r}, expected an IDX file")
    n_axes, dtype = content[3], np.dtype(IDX_TYPES[content[2]])
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", min(n_axes, len(content) // 4 - 1), offset=4))
    expected = 4 + 4 * n_axes + math.prod(shape) * dtype.itemsize
    if len(shape) != n_axes or len(content) != expected:
        raise ValueError(f"{path}: got {len(content)} bytes, expected {expected} by the header; the file is not whole")
    try:
        values = np.frombuffer(content, dtype, offset=4 + 4 * n_axes).reshape(shape)
    except ValueError as error:  # none, by axes that are longer than memory goes
        raise ValueError(f"{path}: got the shape {shape} ({error}), expected one that an array can have") from error
    return values.astype(dtype.newbyteorder("="), copy=False)


def one_line(error: BaseException) -> str:
    """What an exception says, to be quoted in another: a line that is not too long."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def require_whole(name: str, value: Any, least: int) -> int:
    """The whole number that a value is; ValueError where it is none, or too small."""
    number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not number or value != int(value) or value < least:
        raise ValueError(f"{name}: got {value!r}, expected a whole number of at least {least}")
    return int(value)


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; there is none of a name that no file system takes."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def write_atomic(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the place of `path` when the block ends well, else it is removed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_table(path: Path, table: pd.DataFrame, digits: int | None = None) -> None:
    """A CSV file without the index, whole or not at all; its numbers in full, or to so many significant digits."""
    with write_atomic(path) as beside:
        table.to_csv(beside, index=False, float_format=None if digits is None else f"%.{digits}g")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """A JSON file, whole or not at all; NumPy's numbers are written as numbers, none but finite ones."""
    try:
        text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be written ({error}), expected finite numbers") from error
    with write_atomic(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")
