"""Samples from files: their values, read as they are needed, and what is said of each of them."""

from __future__ import annotations

import gzip
import importlib.util
import math
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from eigrad.data import is_there, one_line
from eigrad.sequence import LETTERS, one_hot

T = TypeVar("T")

TABLES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
FASTA = (".fa", ".fasta", ".fna")
MANY, FEWEST = 10**6, 100  # of chunks, or of numbers in one, that are taken on trust, and how far beyond what is there
KNOWN = ".h5ad, .parquet, .csv, .tsv, .npy, .npz, .zarr or FASTA (tables and FASTA gzipped or not)"


@dataclass(frozen=True)
class Samples:
    """`values` has a length, and its slices are arrays (samples, *shape); `about` has a row a sample.

    `names` are those of the features of a flattened sample, `groups` what is better tested together.
    """

    values: Any
    about: pd.DataFrame
    names: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.values) == 0:
            raise ValueError("data: got no samples, expected at least one")
        if len(self.about) != len(self.values):
            raise ValueError(f"data: got {len(self.about)} rows of labels for {len(self.values)} samples")

    def __len__(self) -> int:
        return len(self.values)

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """The values at these places, in memory, in this order."""
        order = np.argsort(places, kind="stable")
        rows = np.asarray(self.values[places[order]])
        taken = np.empty_like(rows)
        taken[order] = rows
        return taken


def read_samples(
    path: Path, *, labels: Path | None = None, about: Sequence[str] = (), key: str | None = None
) -> Samples:
    """Samples of a file, by its ending.

    In a table (CSV, TSV, Parquet) columns of numbers are features, others, and those named in `about`, say something of
    the sample. Of .npz and .zarr `key` names the array (by default X, or the only one); 1-D arrays beside it that are
    as long say something of the samples. Of .h5ad `key` names a layer instead of X. FASTA is one-hot (4, positions),
    whose letters are grouped by position; its `name` and `description` say something of each. `labels` is a table with
    a row a sample, in their order. Nothing is unpickled. ValueError says what is wrong with a file.
    """
    found = _reader(path)(path, about, key)
    if labels is None:
        return found
    more = read_table(labels)
    if len(more) != len(found):
        raise ValueError(f"{labels}: got {len(more)} rows for {len(found)} samples of {path}, expected one each")
    if twice := [name for name in more if name in found.about]:
        raise ValueError(f"{labels}: has the column {twice[0]!r}, which {path} has as well, expected others")
    return replace(found, about=pd.concat([found.about, more.reset_index(drop=True)], axis=1))


Reader = Callable[[Path, Sequence[str], str | None], Samples]


def _reader(path: Path) -> Reader:
    if not is_there(path):
        raise ValueError(f"data: got {path}, expected a file that exists")
    ending = _ending(path)
    readers: dict[str, Reader] = {".npy": _npy, ".npz": _npz, ".zarr": _zarr, ".h5ad": _h5ad, ".parquet": _columns}
    readers |= dict.fromkeys(TABLES, _columns) | dict.fromkeys(FASTA, _fasta)
    if ending not in readers:
        raise ValueError(f"data: got {path}, expected {KNOWN}")
    return readers[ending]


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def read_table(path: Path) -> pd.DataFrame:
    """A table of any columns, by its ending; ValueError says what is wrong with the file."""
    ending = _ending(path)
    if ending == ".parquet":
        _need("pyarrow", path)
    elif ending not in TABLES:
        raise ValueError(f"{path}: expected a table, {', '.join([*TABLES, '.parquet'])}")
    try:
        if ending == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, sep=TABLES[ending], low_memory=False)
    except Exception as error:  # of damaged Parquet that is many things
        raise ValueError(f"{path}: cannot be read as a table ({one_line(error)})") from error


def _columns(path: Path, about: Sequence[str], key: str | None) -> Samples:
    table = read_table(path)
    if unknown := [name for name in about if name not in table]:
        raise ValueError(
            f"{path}: has no column {unknown[0]!r}, expected one of {', '.join(map(str, table.columns[:9]))}"
        )
    numbers = [
        name for name in table
        if name not in about and pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool
    ]  # fmt: skip
    if not numbers:
        raise ValueError(f"{path}: has no column of numbers, expected one a feature")
    with np.errstate(over="ignore"):  # what is too large for 32 bits is not finite in them
        values = table[numbers].to_numpy(np.float32)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(
            f"{path}: row {row + 1}, column {numbers[column]!r} is missing or not finite, expected a number"
        )
    return Samples(values, table.drop(columns=numbers), tuple(map(str, numbers)))


def _npy(path: Path, about: Sequence[str], key: str | None) -> Samples:
    values = _read(path, "as arrays", lambda: np.lib.format.open_memmap(path, mode="r"))
    return Samples(_shaped(values, path), pd.DataFrame(index=range(len(values))))


def _npz(path: Path, about: Sequence[str], key: str | None) -> Samples:
    return _of_arrays(path, _read(path, "as arrays", lambda: _members(path)), key)


def _members(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = dict(archive)
    if other := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"{other[0]!r} is no array")
    return arrays


def _read(path: Path, how: str, read: Callable[[], T]) -> T:
    """What is read; what readers of damaged files raise is many things, which become a ValueError of one sentence.

    What they warn of shows in what they give.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except Exception as error:
        raise ValueError(f"{path}: cannot be read {how} ({one_line(error)}), expected numbers, not pickled") from error


def _zarr(path: Path, about: Sequence[str], key: str | None) -> Samples:
    opened = _read(path, "as Zarr", lambda: zarr.open(path, mode="r"))
    if isinstance(opened, zarr.Group):
        group = opened
        return _of_arrays(path, _read(path, "as Zarr", lambda: dict(group.arrays())), key)
    return Samples(_shaped(opened, path), pd.DataFrame(index=range(opened.shape[0])))


def _of_arrays(path: Path, arrays: dict[str, Any], key: str | None) -> Samples:
    """The array that is asked for, and what 1-D arrays beside it say of its rows."""
    deep = [name for name, array in arrays.items() if array.ndim > 1]
    name = key or ("X" if "X" in deep else deep[0] if len(deep) == 1 else None)
    if name is None or name not in arrays:
        raise ValueError(f"{path}: got the arrays {', '.join(arrays) or 'none'}, expected --key with the name of one")
    values = _shaped(arrays[name], path)
    beside = {other: array for other, array in arrays.items() if array.shape == (len(values),)}
    said = _read(path, "as arrays", lambda: {other: np.asarray(array[:]) for other, array in beside.items()})
    return Samples(values, pd.DataFrame(said, index=range(len(values))))


def _shaped(array: Any, path: Path) -> Any:
    if array.ndim < 2 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{path}: got an array of shape {array.shape} and type {array.dtype}, expected numbers, a row a sample"
        )
    if isinstance(array, np.ndarray):
        return array
    if isinstance(array, zarr.Array):
        _read(path, "as Zarr", lambda: _require_stored(array))
    return _Dense(array, path)


def _require_stored(array: zarr.Array[Any]) -> None:
    """Refuse a size that is but said: chunks far larger than the array, or so many that nearly all must be missing."""
    if math.prod(array.chunks) > max(MANY, FEWEST * array.size):
        raise ValueError(f"its chunks are of shape {array.chunks}")
    if array.nchunks > MANY and FEWEST * array.nbytes_stored() < array.nchunks:
        raise ValueError(f"nearly all chunks of its shape {array.shape} are missing")


@dataclass(frozen=True)
class _Dense:
    """Rows of what has a shape, on disk or sparse, as arrays."""

    matrix: Any
    path: Path

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        return _read(self.path, "where its samples are", lambda: self._rows(rows))

    def _rows(self, rows: Any) -> NDArray[Any]:
        on_disk = isinstance(self.matrix, zarr.Array) and isinstance(rows, np.ndarray)
        part = self.matrix.oindex[rows] if on_disk else self.matrix[rows]
        return np.asarray(part.toarray() if hasattr(part, "toarray") else part)


def _h5ad(path: Path, about: Sequence[str], key: str | None) -> Samples:
    _need("anndata", path)
    anndata: Any = importlib.import_module("anndata")
    read = _read(path, "as h5ad", lambda: anndata.read_h5ad(path, backed="r"))
    if key is not None and key not in read.layers:
        raise ValueError(f"{path}: has no layer {key!r}, expected one of {', '.join(read.layers) or 'none'}")
    matrix = read.X if key is None else read.layers[key]
    about_it = read.obs.rename_axis("name").reset_index()
    return Samples(_Dense(matrix, path), about_it, tuple(map(str, read.var_names)))


def _fasta(path: Path, about: Sequence[str], key: str | None) -> Samples:
    try:
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode().splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read as FASTA ({one_line(error)})") from error
    rows: list[tuple[str, str]] = []
    texts: list[list[str]] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith(">"):
            name, _, rest = line[1:].strip().partition(" ")
            rows.append((name, rest))
            texts.append([])
        elif line.strip():
            if not texts:
                raise ValueError(f"{path}: line {number} comes before any '>', expected FASTA")
            texts[-1].append(line.strip())
    try:
        values = one_hot(["".join(each) for each in texts])
    except ValueError as error:
        raise ValueError(f"{path}: {one_line(error)}") from error
    positions = [str(position) for position in range(1, values.shape[2] + 1)]
    names = tuple(f"{letter}{position}" for letter in LETTERS for position in positions)
    return Samples(values, pd.DataFrame(rows, columns=["name", "description"]), names, (*positions,) * len(LETTERS))


def _need(package: str, path: Path) -> None:
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"{path}: needs a package that is not installed: pip install {package}")
