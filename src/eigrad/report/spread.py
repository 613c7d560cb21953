"""The attributions behind a table of features: quantiles in every set, and those of single samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eigrad.report.folder import Csv, read_csv
from eigrad.report.show import DIGITS

SETS = ("class", "reference", "null")
PERCENTS = (5, 25, 50, 75, 95)
QUANTILES = tuple(f"{name}_{percent}" for name in SETS for percent in PERCENTS)
SAMPLE = re.compile(rf"({'|'.join(SETS)}) ([0-9]+)")


def read_distributions(run: Path, name: str, features: Sequence[str]) -> list[list[float]]:
    """`feature`, then `QUANTILES`, rising in every set: a list a quantile, with the features in their order."""
    table = read_csv(run, name)
    if table.columns != ("feature", *QUANTILES):
        raise ValueError(
            f"{run / name}: got the columns {_some(table.columns)}, expected feature, {_some(QUANTILES)} "
            f"to {QUANTILES[-1]}"
        )
    _distinct(run / name, features)
    if [row[0] for row in table.rows] != list(features):
        raise ValueError(f"{run / name}: got other features than the table, expected the same in the same order")
    quantiles = _numbers(run / name, table)
    n = len(PERCENTS)
    for row in quantiles:
        if any(row[at : at + n] != sorted(row[at : at + n]) for at in range(0, len(QUANTILES), n)):
            raise ValueError(f"{run / name}: got quantiles that fall, expected them to rise from 5 to 95 %")
    return [list(column) for column in zip(*quantiles, strict=True)] or [[] for _ in QUANTILES]


def read_samples(run: Path, name: str, features: Sequence[str]) -> dict[str, Any]:
    """`feature`, then a column a sample, as `class 17`: of some features, the sets with their numbers and values."""
    table = read_csv(run, name)
    found = [SAMPLE.fullmatch(column) for column in table.columns[1:]]
    if table.columns[0] != "feature" or not found or not all(found) or len(set(table.columns)) < len(table.columns):
        raise ValueError(
            f"{run / name}: got the columns {_some(table.columns)}, expected feature, then a set and a number for "
            "every sample, as class 17"
        )
    names = [row[0] for row in table.rows]
    _distinct(run / name, features)
    _distinct(run / name, names)
    if unknown := sorted(set(names) - set(features)):
        raise ValueError(f"{run / name}: got the feature {unknown[0]!r}, expected only those of the table")
    values = _numbers(run / name, table)
    columns = {of: [i for i, sample in enumerate(found) if sample and sample[1] == of] for of in SETS}
    sets = {
        of: {
            "numbers": [int(table.columns[i + 1].split()[1]) for i in places],
            "values": [[row[i] for i in places] for row in values],
        }
        for of, places in columns.items()
    }
    return {"features": names, "sets": sets}


def _numbers(path: Path, table: Csv) -> list[list[float]]:
    """Every cell but those of the first column, rounded as the page shows numbers."""
    for name, kind in zip(table.columns[1:], table.kinds[1:], strict=True):
        if kind != "number" and table.rows:
            raise ValueError(f"{path}: got {name!r} with cells that are no numbers, expected numbers")
    try:
        rows = [[float(f"{float(cell):.{DIGITS}g}") for cell in row[1:]] for row in table.rows]
    except ValueError as error:
        raise ValueError(f"{path}: got an empty cell, expected a number in every one") from error
    if any(abs(value) > 1e300 or value != value for row in rows for value in row):
        raise ValueError(f"{path}: got a number that is not finite, expected finite ones")
    return rows


def _distinct(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{path}: got the feature {twice!r} twice, expected a name of its own for every feature")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
