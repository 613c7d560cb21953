"""Windows of DNA about a splice site, or about none: read, freed of duplicates, split, and turned into numbers."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from eigrad.cases.junctions.settings import CLASSES
from eigrad.data import Examples, one_line
from eigrad.sequence import IUPAC, LETTERS, one_hot

SHIPPED = Path(__file__).parent / "splice_junctions.csv.gz"
COLUMNS = ("sequence", "label")
SHARED = 30  # letters in a row that make two windows relatives: half of one of 60
FOLDS = {"train": 6, "validation": 1, "test": 3}  # tenths


@dataclass(frozen=True)
class Windows:
    """One-hot windows (4, length) of three classes: to train on, to stop by, and to explain and judge by."""

    train: Examples
    validation: Examples
    test: Examples
    source: str
    hash: str
    n_read: int
    n_duplicates: int  # further copies of a window of one label, left out
    n_contradictory: int  # windows that stand there with two labels, all left out

    @property
    def length(self) -> int:
        """Letters in a window; the junction lies in its middle."""
        return self.train.shape[-1]

    @property
    def positions(self) -> tuple[int, ...]:
        """From 1: the meta-feature of each of the flattened window's values."""
        return tuple(range(1, self.length + 1)) * len(LETTERS)


def load(source: str | None, seed: int) -> Windows:
    """The windows in the package (None) or in a CSV table with the columns sequence and label (EI, IE, N).

    Relatives (windows that share 30 letters in a row) are never parted between training and test.
    """
    path = SHIPPED if source is None else Path(source)
    table = _read(path)
    distinct, contradictory = _distinct(table)
    counts = distinct["label"].value_counts()
    if short := [label for label in CLASSES if counts.get(label, 0) < sum(FOLDS.values())]:
        raise ValueError(
            f"{path}: got {counts.get(short[0], 0)} different windows of the label {short[0]}, expected at least "
            f"{sum(FOLDS.values())}"
        )
    codes = distinct["label"].map({label: code for code, label in enumerate(CLASSES)}).to_numpy(np.int64)
    values = one_hot(distinct["sequence"].tolist())
    names = tuple(f"{letter}{position}" for letter in LETTERS for position in range(1, values.shape[-1] + 1))
    whole = Examples(values, codes, names)
    digest = hashlib.sha256(values.tobytes() + codes.tobytes()).hexdigest()
    train, validation, test = (whole.take(rows) for rows in _parted(relatives(distinct["sequence"]), codes, seed))
    return Windows(
        train, validation, test, "3,190 windows in the package" if source is None else path.name, digest, len(table),
        len(table) - contradictory - len(distinct), contradictory,
    )  # fmt: skip


def shipped(label: str) -> np.ndarray:
    """The different windows of one label in the package, one-hot (windows, 4, 60)."""
    table, _ = _distinct(_read(SHIPPED))
    return one_hot(table.loc[table["label"] == label, "sequence"].tolist())


def _distinct(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Every window once, without those of two labels, and how many rows those were."""
    labels = table.groupby("sequence")["label"].transform("nunique")
    return table[labels == 1].drop_duplicates("sequence").reset_index(drop=True), int((labels > 1).sum())


def relatives(sequences: pd.Series, shared: int = SHARED) -> np.ndarray:
    """A number for each sequence: equal where a chain of them leads over, sharing so many letters in a row."""
    words = [[text[i : i + shared] for i in range(max(1, len(text) - shared + 1))] for text in sequences]
    rows = np.repeat(np.arange(len(words)), [len(each) for each in words])
    codes, found = pd.factorize(np.array([word for each in words for word in each], dtype=object))
    n = len(words) + len(found)
    links = sparse.coo_array((np.ones(len(rows)), (rows, len(words) + codes)), shape=(n, n))
    numbers: np.ndarray = connected_components(links, directed=False)[1][: len(words)]
    return numbers


def _parted(families: np.ndarray, labels: np.ndarray, seed: int) -> list[np.ndarray]:
    folds = StratifiedGroupKFold(sum(FOLDS.values()), shuffle=True, random_state=seed)
    tenths = [held_out for _, held_out in folds.split(labels, labels, families)]
    ends = np.cumsum([0, *FOLDS.values()])
    parts = [np.sort(np.concatenate(tenths[a:b])) for a, b in pairwise(ends)]
    for name, part in zip(FOLDS, parts, strict=True):
        if missing := [label for code, label in enumerate(CLASSES) if not np.any(labels[part] == code)]:
            raise ValueError(f"--data: no {name} window has the label {missing[0]}, expected more that are unrelated")
    return parts


def _read(path: Path) -> pd.DataFrame:
    """The table with its sequences in upper case; the first row that cannot be used is named."""
    try:
        content = path.read_bytes()
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=str,
            keep_default_na=False,
            compression="gzip" if content[:2] == b"\x1f\x8b" else None,
        )
    except (OSError, EOFError, ValueError, zlib.error) as error:  # pandas' own errors are ValueErrors
        raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected a CSV table of windows") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path}: has no column {missing[0]!r}, expected {' and '.join(COLUMNS)}")
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"{path}: got rows of more cells than the header, expected as many")
    table["sequence"] = table["sequence"].str.strip().str.upper()
    for number, (sequence, label) in enumerate(zip(table["sequence"], table["label"], strict=True), start=1):
        _check(f"{path}: row {number}", sequence, label, len(table["sequence"][0]))
    return table


def _check(where: str, sequence: str, label: str, length: int) -> None:
    if label not in CLASSES:
        raise ValueError(f"{where}: label is {label!r}, expected one of {', '.join(CLASSES)}")
    if len(sequence) != length or length < 2 or length % 2:
        raise ValueError(
            f"{where}: sequence has {len(sequence)} letters, expected an even number, the same in every row (the first "
            f"has {length})"
        )
    if unknown := set(sequence) - set(IUPAC):
        raise ValueError(f"{where}: sequence has the letter {min(unknown)!r}, expected nucleotides ({''.join(IUPAC)})")
