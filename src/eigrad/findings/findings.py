"""Attributions of the three sets with the table that compares them, and the tables a page shows behind it."""

from __future__ import annotations

import math
import unicodedata
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from eigrad.attribute import Attributions
from eigrad.report.spread import PERCENTS, SETS
from eigrad.significance import SignificanceWarning, recommended
from eigrad.significance.prepare import as_matrix, named_alike, table_rows

SHOWN, MOST = 100, 200_000  # features whose samples are written, and attributions in all
ALIKE = ("path", "baseline", "precision")  # in which sets that are compared should not differ


@dataclass(frozen=True)
class Question:
    """What was asked, in the words of the page.

    `sets` says of the class and the reference who is in them, or nothing, `score` what was explained; `how` are
    sentences about network, data and baselines.
    """

    title: str
    score: str
    sets: Mapping[str, str]
    how: Sequence[str] = ()


@dataclass(frozen=True)
class Findings:
    """The recommended `table`, largest magnitude first, and what every sample has of each of its rows.

    `found` are the attributions of "class", "reference" and "null", `values` (samples, rows) their sums over the
    members of every row, in the order of the table, and `numbers` what samples are called
    in the data, None where that is not known.
    """

    found: Mapping[str, Attributions]
    table: pd.DataFrame
    values: Mapping[str, NDArray[Any]]
    numbers: Mapping[str, Sequence[int]] | None

    @classmethod
    def of(
        cls,
        found: Mapping[str, Attributions],
        *,
        numbers: Mapping[str, Sequence[int]] | None = None,
        feature_names: Iterable[Hashable] | None = None,
        groups: Iterable[Hashable] | None = None,
        **options: Any,
    ) -> Findings:
        """Compare the sets by `eigrad.recommended`, which has the `options`.

        Features without a name are called by their place in a sample, as 3,17 in an image.
        """
        for name, places in (numbers or {}).items():
            if len(places) != len(found[name]):
                raise ValueError(
                    f"sets: got {len(places)} samples of the {name}, expected the {len(found[name])} explained"
                )
        first = found["class"]
        matrices = {name: as_matrix(found[name], f"the {name}") for name in SETS}
        names = named_alike({f"the {name}": found[name] for name in SETS}, feature_names)
        if names is None:
            names = list(place_names(first.values.shape[first.score.ndim :]))
        names = [_word(name) for name in names]
        groups = None if groups is None else [_word(label) for label in groups]
        rows = table_rows(matrices["class"].shape[1], groups, names)
        _distinct(rows.names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignificanceWarning)  # said below, of the line that asks for a page
            table = recommended(first, found["null"], found["reference"], feature_names=names, groups=groups, **options)
        for message in table.attrs["warnings"]:
            warnings.warn(message, SignificanceWarning, stacklevel=3)
        values = {name: rows.sums(each) for name, each in matrices.items()}
        for name, each in values.items():
            table[f"mean_{name}"] = each.mean(axis=0)
        order = np.argsort(-table["magnitude"].to_numpy(), kind="stable")
        attributes = table.attrs
        table = table.iloc[order].reset_index(drop=True)
        table.attrs.update(attributes)
        return cls(found, table, {name: each[:, order] for name, each in values.items()}, numbers)

    def distributions(self) -> pd.DataFrame:
        """Quantiles of every feature's attributions in every set, a column each."""
        columns = {"feature": self.table["feature"]}
        for name in SETS:
            quantiles = np.percentile(self.values[name], PERCENTS, axis=0)
            columns |= {f"{name}_{percent}": row for percent, row in zip(PERCENTS, quantiles, strict=True)}
        return pd.DataFrame(columns)

    def samples(self) -> pd.DataFrame:
        """Attributions of the first features, a column a sample, as `class 17`."""
        n = max(1, min(SHOWN, MOST // sum(map(len, self.values.values()))))
        numbers = self.numbers or {name: range(len(self.values[name])) for name in SETS}
        columns = [f"{name} {number}" for name in SETS for number in numbers[name]]
        values = np.concatenate([self.values[name][:, :n] for name in SETS]).T
        return pd.concat([self.table["feature"].head(n), pd.DataFrame(values, columns=columns)], axis=1)

    def _unlike(self) -> list[str]:
        """In words, where a set was not explained as the class was."""
        first = self.found["class"]
        return [
            f"the {name} was explained with another {fact} ({getattr(self.found[name], fact)}) than the class "
            f"({getattr(first, fact)}): the two differ by that already"
            for name in SETS
            for fact in ALIKE
            if getattr(self.found[name], fact) != getattr(first, fact)
        ]

    def summary(self) -> dict[str, Any]:
        """The headline numbers."""
        significant = self.table[self.table["significant"]]
        first = self.found["class"]
        return {
            "n_features": len(self.table), "n_significant": len(significant),
            "top": significant["feature"].head(10).tolist(), "largest": self.table["feature"].head(10).tolist(),
            "n_explained": {name: len(self.found[name]) for name in SETS},
            "rule": first.rule, "reason": first.reason, "path": first.path, "baseline": first.baseline,
            "error_p95": {name: _finite(self.found[name].relative_error.quantile(0.95)) for name in SETS},
            "min_share": self.table.attrs["min_share"], "warnings": self.table.attrs["warnings"] + self._unlike(),
            "numbered": self.numbers is not None,
            "precision_error": first.precision_error,
        }  # fmt: skip


def _word(name: Hashable) -> str:
    """A name as files and pages have it, without characters that end a line."""
    return "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in str(name))


def _finite(value: Tensor) -> float | None:
    return float(value) if math.isfinite(value) else None


def place_names(shape: Sequence[int]) -> tuple[str, ...]:
    """Names for the features of a sample of this shape: where they are in it, as 3,17 in an image."""
    return tuple(",".join(map(str, place)) for place in np.ndindex(*shape))


def _distinct(names: Sequence[Hashable]) -> None:
    counts = Counter(map(str, names))
    if len(counts) < len(names):
        twice, _ = counts.most_common(1)[0]
        raise ValueError(f"feature_names: got {twice!r} twice, expected a name of its own for every feature")
