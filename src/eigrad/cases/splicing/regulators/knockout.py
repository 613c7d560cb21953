"""Exons that answer to the loss of a protein, and what they share with the exons of a tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy import stats

from eigrad.cases.splicing.events import Events

MIN_DPSI, MAX_STILL = 0.10, 0.05

Mask = Bool[np.ndarray, " events"]


@dataclass(frozen=True)
class Response:
    """Of every exon of an experiment: enhanced by the protein (less included without it), repressed, or unmoved."""

    events: Events
    enhanced: Mask
    repressed: Mask
    unmoved: Mask


def response(
    events: Events, wildtype: str, knockout: str, *, min_dpsi: float = MIN_DPSI, max_still: float = MAX_STILL
) -> Response:
    """Exons whose |dPSI| between wild type and knock-out is at least `min_dpsi`, or below `max_still`.

    The junctions of an exon that MAJIQ sees from both sides must agree: their dPSI is a mean of the two in `Events`.
    """
    if not 0 < max_still <= min_dpsi < 1:
        raise ValueError(f"knock-out: got min_dpsi {min_dpsi} and max_still {max_still}, expected 0 < still <= min < 1")
    changes = events.changes
    one, two = changes["condition_1"], changes["condition_2"]
    ahead, back = (one == wildtype) & (two == knockout), (one == knockout) & (two == wildtype)
    if not (ahead | back).any():
        known = sorted(set(zip(one, two, strict=True)))
        raise ValueError(f"knock-out: got {wildtype!r} and {knockout!r}, expected two that are compared, of {known}")
    signed = changes["dpsi"].where(ahead, -changes["dpsi"])[ahead | back]
    dpsi = signed.set_axis(changes.loc[ahead | back, "event_id"]).reindex(events.exons["event_id"]).to_numpy(float)
    return Response(events, dpsi <= -min_dpsi, dpsi >= min_dpsi, np.abs(dpsi) < max_still)


def shared(tissue: Events, chosen: Mask, answer: Response) -> dict[str, float | int]:
    """How many exons of a tissue's set answer to the knock-out, among those quantified in both, with Fisher's test.

    Keys: both, tissue, regulated, overlap, odds_ratio, p_value (two-sided).
    """
    ids = tissue.exons["event_id"]
    place = {name: i for i, name in enumerate(answer.events.exons["event_id"])}
    rows = [(i, place[name]) for i, name in enumerate(ids) if name in place]
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
