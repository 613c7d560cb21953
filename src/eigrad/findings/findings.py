"""Attributions of the three sets with the table that compares them, and the tables a page shows behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eigrad.attribute import Attributions
from eigrad.report.spread import PERCENTS, SETS
from eigrad.significance import recommended
from eigrad.significance.prepare import as_matrix, named_alike, table_rows

SHOWN, MOST = 100, 200_000  # features whose samples are written, and attributions in all


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
    members of every row, in the order of the table, and `numbers` what samples are called.
    """

    found: Mapping[str, Attributions]
    table: pd.DataFrame
    values: Mapping[str, NDArray[Any]]
    numbers: Mapping[str, Sequence[int]]

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
        numbers = {name: range(len(found[name])) for name in SETS} if numbers is None else numbers
        for name in SETS:
            if len(numbers[name]) != len(found[name]):
                raise ValueError(
                    f"sets: got {len(numbers[name])} samples of the {name}, expected the {len(found[name])} explained"
                )
        first = found["class"]
        matrices = {name: as_matrix(found[name], f"the {name}") for name in SETS}
        names = named_alike({f"the {name}": found[name] for name in SETS}, feature_names)
        if names is None:
            names = list(places(first.values.shape[first.score.ndim :]))
        groups = None if groups is None else list(groups)
        rows = table_rows(matrices["class"].shape[1], groups, names)
        _distinct(rows.names)
        table = recommended(first, found["null"], found["reference"], feature_names=names, groups=groups, **options)
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
        columns = [f"{name} {number}" for name in SETS for number in self.numbers[name]]
        values = np.concatenate([self.values[name][:, :n] for name in SETS]).T
        return pd.concat([self.table["feature"].head(n), pd.DataFrame(values, columns=columns)], axis=1)

    def summary(self) -> dict[str, Any]:
        """The headline numbers."""
        significant = self.table[self.table["significant"]]
        first = self.found["class"]
        return {
            "n_features": len(self.table), "n_significant": len(significant),
            "top": significant["feature"].head(10).tolist(), "largest": self.table["feature"].head(10).tolist(),
            "n_explained": {name: len(self.found[name]) for name in SETS},
            "rule": first.rule, "reason": first.reason, "path": first.path, "baseline": first.baseline,
            "error_p95": {name: float(self.found[name].relative_error.quantile(0.95)) for name in SETS},
            "min_share": self.table.attrs["min_share"], "warnings": self.table.attrs["warnings"],
            "precision_error": first.precision_error,
        }  # fmt: skip


def places(shape: Sequence[int]) -> tuple[str, ...]:
    """Names for the features of a sample of this shape: where they are in it, as 3,17 in an image."""
    return tuple(",".join(map(str, place)) for place in np.ndindex(*shape))


def _distinct(names: Sequence[Hashable]) -> None:
    counts = Counter(map(str, names))
    if len(counts) < len(names):
        twice, _ = counts.most_common(1)[0]
        raise ValueError(f"feature_names: got {twice!r} twice, expected a name of its own for every feature")
