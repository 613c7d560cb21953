"""The motifs behind the significant meta-features of a run: what is aligned with known motifs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.regulators.alignment import from_words, word_groups

WORD = 3  # letters of the k-mers that are put together; shorter ones say too little
FEWEST_POSITIONS = 4  # of a motif that is put together, below which it is like everything


@dataclass(frozen=True)
class Query:
    """A motif, the meta-features it stands for, and their sum of mean |attribution|; `p_value` is their smallest."""

    motif: Motif
    meta_features: tuple[str, ...]
    places: tuple[str, ...]
    weight: float
    p_value: float


def queries(meta_features: pd.DataFrame, known: Sequence[Motif]) -> list[Query]:
    """Of the significant meta-features, those of motifs motif by motif, then k-mers put together region by region.

    k-mers that speak for the outcome and against it are kept apart. `known` are the motifs the features were made of.
    """
    kept = meta_features[meta_features["significant"].astype(bool)]
    return [*_of_motifs(kept[kept["kind"] == "motif"], known), *_of_words(kept[kept["kind"] == f"{WORD}-mer"])]


def _of_motifs(kept: pd.DataFrame, known: Sequence[Motif]) -> list[Query]:
    by_name = {motif.name: motif for motif in known}
    names = kept["meta_feature"].str.split(":", n=1).str[-1]
    return [_query(by_name[str(name)], part) for name, part in kept.groupby(names, sort=False) if name in by_name]


def _of_words(kept: pd.DataFrame) -> list[Query]:
    found = []
    words = kept["meta_feature"].str.split(":", n=1).str[-1]
    for (region, direction), part in kept.assign(word=words).groupby(["region", "direction"], sort=False):
        table = part.set_index("word")
        for group in word_groups(list(table.index), table["magnitude"].to_numpy(float)):
            members = table.loc[group]
            (motif,) = from_words(group, members["magnitude"].to_numpy(float))
            if len(motif) >= FEWEST_POSITIONS:
                name = f"{region}:{motif.name} ({direction})"
                found.append(_query(Motif(name, motif.probabilities), members))
    return found


def _query(motif: Motif, part: pd.DataFrame) -> Query:
    places = (f"{region} ({direction})" for region, direction in zip(part["region"], part["direction"], strict=True))
    return Query(
        motif, tuple(part["meta_feature"]), tuple(dict.fromkeys(places)), float(part["magnitude"].sum()),
        float(part["p_adjusted"].min()),
    )  # fmt: skip
