"""Exons that answer to the loss of a protein, and what they share with the exons of a tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool
from scipy import stats

from eigrad.cases.splicing.events import SPREAD, Events

MIN_DPSI, MAX_STILL = 0.10, 0.05
MIN_PROBABILITY, MAX_P = 0.5, 0.05  # more likely than not, or significant, where a table says how sure it is

Mask = Bool[np.ndarray, " events"]


@dataclass(frozen=True)
class Response:
    """Of every exon of an experiment: enhanced by the protein (less included without it), repressed, or unmoved.

    `conditions` are the wild type and the knock-out.
    """

    events: Events
    enhanced: Mask
    repressed: Mask
    unmoved: Mask
    conditions: tuple[str, str] = ("", "")


def response(
    events: Events, wildtype: str, knockout: str, *, min_dpsi: float = MIN_DPSI, max_still: float = MAX_STILL
) -> Response:
    """Exons that answer: inclusion changes by at least `min_dpsi` between wild type and knock-out, and it is likely.

    Of the two local splicing variations that MAJIQ sees of an exon, each with an inclusion and an exclusion junction,
    both must change by as much and in the same direction. A table's probability of change must be at least 0.5, its
    adjusted p-value at most 0.05. Unmoved are exons of which every junction changes by less than `max_still`.
    """
    if not 0 < max_still <= min_dpsi < 1:
        raise ValueError(f"knock-out: got min_dpsi {min_dpsi} and max_still {max_still}, expected 0 < still <= min < 1")
    changes = events.changes
    one, two = changes["condition_1"], changes["condition_2"]
    ahead, back = (one == wildtype) & (two == knockout), (one == knockout) & (two == wildtype)
    if not (ahead | back).any():
        known = sorted(set(zip(one, two, strict=True)))
        raise ValueError(f"knock-out: got {wildtype!r} and {knockout!r}, expected two that are compared, of {known}")
    least, most = (changes.get(name, changes["dpsi"]) for name in SPREAD)
    sure = ~(changes["probability_changing"] < MIN_PROBABILITY) & ~(changes["p_adjusted"] > MAX_P)
    seen = pd.DataFrame(
        {"least": least.where(ahead, -most), "most": most.where(ahead, -least), "sure": sure}
    )[ahead | back].set_axis(changes.loc[ahead | back, "event_id"])  # fmt: skip
    seen = seen.reindex(events.exons["event_id"])
    low, high, likely = seen["least"].to_numpy(float), seen["most"].to_numpy(float), seen["sure"].eq(True).to_numpy()
    unmoved = np.maximum(np.abs(low), np.abs(high)) < max_still
    return Response(
        events, likely & (high <= -min_dpsi), likely & (low >= min_dpsi), unmoved, (wildtype, knockout)
    )  # fmt: skip


def shared(tissue: Events, chosen: Mask, answer: Response, among: Mask | None = None) -> dict[str, float | int]:
    """How many exons of a tissue's set answer to the knock-out, among those quantified in both, with Fisher's test.

    `among` are the exons that could be of the set, by default all. Keys: both, tissue, regulated, overlap, odds_ratio,
    p_value (two-sided).
    """
    ids = tissue.exons["event_id"]
    could = np.ones(len(ids), bool) if among is None else among
    place = {name: i for i, name in enumerate(answer.events.exons["event_id"])}
    rows = [(i, place[name]) for i, name in enumerate(ids) if could[i] and name in place]
    if not rows:
        raise ValueError("knock-out: got no exon that is quantified in both, expected tables of one genome")
    mine, other = np.array(rows).T
    of_tissue, regulated = chosen[mine], (answer.enhanced | answer.repressed)[other]
    table = np.array([[(one & other).sum() for other in (regulated, ~regulated)] for one in (of_tissue, ~of_tissue)])
    odds, p = stats.fisher_exact(table)
    return {
        "both": len(rows), "tissue": int(of_tissue.sum()), "regulated": int(regulated.sum()),
        "overlap": int(table[0, 0]), "odds_ratio": float(odds), "p_value": float(p),
    }  # fmt: skip
