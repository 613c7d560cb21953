"""What the plate of one candidate shows: the same evidence that its lines test, position by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.regulators.binding import motif_at_sites, tag_density
from eigrad.cases.splicing.regulators.motif_map import frequencies, hits, windows
from eigrad.cases.splicing.regulators.study.finished import ELSEWHERE, EXCLUDED, INCLUDED, STILL, Evidence, Finished
from eigrad.cases.splicing.regulators.study.lines import ENHANCED, REPRESSED, UNMOVED
from eigrad.cases.splicing.regulators.study.queries import Query

ORDER = (INCLUDED, EXCLUDED, ELSEWHERE, STILL)


@dataclass(frozen=True)
class Details:
    """Of one candidate; None where there is nothing to show.

    `alignment`: the best query, the candidate's motif, the query's offset in it, and q. `expression`: measurements and
    the tissue. `motif_map` and `knockout_map`: frequencies and windows. `near`: fractions of sets with a site.
    `density`: tags by position. `at_sites`: whether its motif stands at its sites. `knockout`: counts of the overlap.
    """

    alignment: tuple[Motif, Motif, int, float] | None
    expression: tuple[pd.DataFrame, str] | None
    motif_map: tuple[pd.DataFrame, pd.DataFrame] | None
    near: pd.DataFrame | None
    density: pd.DataFrame | None
    at_sites: dict[str, float | int] | None
    knockout: dict[str, Any] | None
    knockout_map: tuple[pd.DataFrame, pd.DataFrame] | None


def details_of(
    name: str,
    finished: Finished,
    evidence: Evidence,
    proteins: Mapping[str, Sequence[Motif]],
    asked: Sequence[Query],
    aligned: pd.DataFrame,
    tested: pd.DataFrame,
    near: pd.DataFrame,
    counts: pd.DataFrame,
) -> Details:
    """Everything about one candidate; `aligned`, `tested`, `near` and `counts` are what its lines were drawn from."""
    best = _best(name, proteins, asked, aligned)
    motif = _mapped_motif(name, proteins, tested, best)
    sites, answer = evidence.clip.get(name), evidence.knockout.get(name)
    sets = {each: finished.sets[each] for each in ORDER}
    return Details(
        best,
        _measured(name, evidence),
        None if motif is None else _mapped(finished.events, finished, motif, sets, STILL),
        None if sites is None else near[near["candidate"] == name],
        None if sites is None else tag_density(finished.events, sites, sets),
        None if sites is None or motif is None else motif_at_sites(sites, finished.genome, motif),
        None if answer is None else _overlap(name, finished, counts),
        None if answer is None or motif is None else _mapped(
            answer.events, finished, motif,
            {ENHANCED: answer.enhanced, REPRESSED: answer.repressed, UNMOVED: answer.unmoved}, UNMOVED,
        ),
    )  # fmt: skip


def _best(
    name: str, proteins: Mapping[str, Sequence[Motif]], asked: Sequence[Query], aligned: pd.DataFrame
) -> tuple[Motif, Motif, int, float] | None:
    """The alike query of most weight, else the one that is most alike."""
    rows = aligned[aligned["candidate"] == name]
    if rows.empty:
        return None
    weight = {query.motif.name: query.weight for query in asked}
    rows = rows.assign(weight=rows["query"].map(weight) * rows["alike"])
    row = rows.sort_values(["weight", "p_value"], ascending=[False, True], kind="stable").iloc[0]
    query = next(each.motif for each in asked if each.motif.name == row["query"])
    target = next(each for each in proteins[name] if each.name == row["target"])
    return query, target, int(row["offset"]), float(row["q_value"])


def _mapped_motif(
    name: str,
    proteins: Mapping[str, Sequence[Motif]],
    tested: pd.DataFrame,
    best: tuple[Motif, Motif, int, float] | None,
) -> Motif | None:
    """The candidate's motif that its line of motif maps speaks of, else the one that is aligned, or its first."""
    own = proteins.get(name, ())
    of_line = set(tested.loc[tested["candidate"] == name, "motif"]) if len(tested) else set()
    for motif in own:
        if motif.name in of_line:
            return motif
    return best[1] if best is not None else own[0] if own else None


def _measured(name: str, evidence: Evidence) -> tuple[pd.DataFrame, str] | None:
    if evidence.expression is None:
        return None
    rows = evidence.expression.replicates
    rows = rows[rows["gene_name"].astype(str).str.upper() == name.upper()]
    return None if rows.empty else (rows, evidence.tissue)


def _mapped(
    events: Any, finished: Finished, motif: Motif, sets: Mapping[str, np.ndarray], background: str
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Of the exons that the genome has: a knock-out may have been aligned to more sequences."""
    known = events.exons["chrom"].isin(finished.genome.lengths).to_numpy()
    kept = np.flatnonzero(np.any(list(sets.values()), axis=0) & known)
    if not (sets[background] & known).any():
        return None
    of_kept = {each: mask[kept] for each, mask in sets.items()}
    found = hits(events.take(kept), finished.genome, motif)
    return frequencies(found, of_kept), windows(found, of_kept, background)


def _overlap(name: str, finished: Finished, counts: pd.DataFrame) -> dict[str, Any]:
    (row,) = counts[counts["candidate"] == name].to_dict("records")
    return {**{str(key): value for key, value in row.items()}, "name": f"{finished.of_class} in {finished.condition}"}
