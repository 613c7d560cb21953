"""What is true of a simulated world, meta-feature by meta-feature, and how far up methods bring it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eigrad.data import one_line
from eigrad.evaluate import recovery
from eigrad.significance import ORDERS

LEAST = 0.25  # log odds below which a factor does not count as acting in a tissue
CAUSES, SHOWN = ("motif", "own"), "k-mer"


@dataclass(frozen=True)
class Truth:
    """Of every meta-feature: whether it is a cause, and whether it shows one (a k-mer within a motif that acts)."""

    causal: np.ndarray
    shows: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """What counts as right in a significant set."""
        either: np.ndarray = self.causal | self.shows
        return either


def read_truth(folder: Path, conditions: Sequence[str], meta_features: Sequence[str]) -> Truth:
    """The truth about these meta-features: causes are what acts in one of the conditions, or on every exon."""
    table = _read(folder / "meta_features.csv", ("meta_feature", "kind"), conditions)
    acting = table[(table[list(conditions)].abs() >= LEAST).any(axis=1)]
    causes = set(acting.loc[acting["kind"].isin(CAUSES), "meta_feature"])
    shown = set(acting.loc[acting["kind"] == SHOWN, "meta_feature"]) - causes
    names = pd.Index(meta_features)
    return Truth(np.asarray(names.isin(list(causes))), np.asarray(names.isin(list(shown))))


def _read(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """A table of the truth, with these columns."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected a table of eigrad simulate") from error
    if missing := [name for name in (*texts, *numbers) if name not in table]:
        raise ValueError(f"{path}: has no column {missing[0]!r}, expected {', '.join((*texts, *numbers))}")
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(table[name]) or not np.isfinite(table[name].to_numpy(float)).all():
            raise ValueError(f"{path}: got cells in {name!r} that are no finite numbers, expected numbers")
    return table


def recovered(tables: Mapping[str, pd.DataFrame], truth: Truth) -> pd.DataFrame:
    """Of every method, the average precision of causes in each order (k-mers that show one left out), and of its set.

    Columns: method, a column for each of `ORDERS`, n_significant, precision (of causes and what shows them) and recall.
    """
    rows = []
    for name, table in tables.items():
        chosen = table["significant"].to_numpy(bool)
        rows.append(
            {
                "method": name,
                **{order: average_precision(table[order].abs().to_numpy(), truth) for order in ORDERS},
                "n_significant": int(chosen.sum()),
                "precision": float(truth.right[chosen].mean()) if chosen.any() else np.nan,
                "recall": float(chosen[truth.causal].mean()),
            }
        )
    return pd.DataFrame(rows)


def planted(folder: Path, table: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """Every planted effect, and where a table has its meta-feature: its place in the order, and what is said of it.

    `log_odds` is what many sites do to inclusion in the tissues where the factor acts; place, significant and
    mean_attribution are the table's, empty where it has no such meta-feature.
    """
    effects = _read(folder / "effects.csv", ("factor", "region"), ("log_odds",))
    tissues = [str(name) for name in effects if name not in ("factor", "region", "log_odds")]
    acting = effects[tissues] >= LEAST
    told = pd.DataFrame(
        {
            "meta_feature": effects["region"] + ":" + effects["factor"], "log_odds": effects["log_odds"],
            "acts_in": [
                "everywhere" if all(row) else ", ".join(name for name, is_so in zip(tissues, row, strict=True) if is_so)
                for row in acting.itertuples(index=False)
            ],
        }
    )  # fmt: skip
    found = table.iloc[order][["meta_feature", "significant", "mean_attribution"]]
    found.insert(1, "place", np.arange(1, len(found) + 1))
    return told.merge(found, on="meta_feature", how="left").sort_values("place", kind="stable")


def average_precision(scores: np.ndarray, truth: Truth) -> float:
    """Of causes, by falling score; what shows one counts neither way."""
    return recovery(scores, truth.causal, left_out=truth.shows, at=())["average_precision"]
