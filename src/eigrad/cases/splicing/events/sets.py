"""Which exons: changed in one condition, constitutive, non-changing, alternative elsewhere; and what a model learns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool

from eigrad.cases.splicing.events.table import Events

Mask = Bool[np.ndarray, " events"]


def differential(
    events: Events,
    condition: str,
    *,
    direction: str = "included",
    min_others: int = 2,
    min_dpsi: float | int = 0.2,
    min_probability: float | int = 0.95,
    max_p: float | int = 0.05,
) -> Mask:
    """Exons that are more included (or excluded) in a condition than in at least so many others.

    A comparison counts where |dPSI| is at least `min_dpsi` and it is sure: a probability of change of at least
    `min_probability`, or an adjusted p-value of at most `max_p`, whichever the table has. An exon that also changes
    the other way, against another condition, is in neither set; "either" takes both sets.
    """
    if direction not in ("included", "excluded", "either"):
        raise ValueError(f"direction: got {direction!r}, expected included, excluded or either")
    if min_others < 1:
        raise ValueError(f"min_others: got {min_others}, expected at least 1")
    seen = _from(events, condition)
    sure = _changing(seen, min_dpsi, min_probability, max_p)
    up, down = (_count(events, seen[sure & (sign * seen["dpsi"] > 0)]) for sign in (1, -1))
    more, less = (up >= min_others) & (down == 0), (down >= min_others) & (up == 0)
    mask: Mask = {"included": more, "excluded": less, "either": more | less}[direction]
    return mask


def constitutive(events: Events, *, min_psi: float | int = 0.95, min_conditions: int = 1) -> Mask:
    """Exons included in every condition that quantifies them, and in at least so many."""
    values = events.psi.to_numpy(float)
    there = ~np.isnan(values)
    mask: Mask = (there.sum(axis=1) >= min_conditions) & (np.where(there, values, 1.0) >= min_psi).all(axis=1)
    return mask


def non_changing(
    events: Events,
    *,
    condition: str | None = None,
    max_dpsi: float | int = 0.05,
    min_probability: float | int = 0.0,
    min_pairs: int = 1,
) -> Mask:
    """Exons that change in no comparison (with `condition`, or at all), of at least so many.

    Every |dPSI| must be at most `max_dpsi`, and every probability of no change that the table has at least
    `min_probability`.
    """
    seen = events.changes if condition is None else _from(events, condition)
    still = (seen["dpsi"].abs() <= max_dpsi) & ~(seen["probability_non_changing"] < min_probability)
    total, quiet = _count(events, seen), _count(events, seen[still])
    mask: Mask = (total >= min_pairs) & (total == quiet)
    return mask


def unchanged(
    events: Events,
    condition: str,
    *,
    min_dpsi: float | int = 0.2,
    min_probability: float | int = 0.95,
    max_p: float | int = 0.05,
) -> Mask:
    """Exons that are compared with a condition and change in none of the comparisons (see `differential`)."""
    seen = _from(events, condition)
    changing = seen[_changing(seen, min_dpsi, min_probability, max_p)]
    mask: Mask = (_count(events, seen) > 0) & (_count(events, changing) == 0)
    return mask


def alternative_elsewhere(
    events: Events,
    condition: str,
    *,
    min_pairs: int = 2,
    min_dpsi: float | int = 0.2,
    min_probability: float | int = 0.95,
    max_p: float | int = 0.05,
) -> Mask:
    """Exons that change in at least so many comparisons of other conditions, and in none with `condition`."""
    own = (events.changes["condition_1"] == condition) | (events.changes["condition_2"] == condition)
    others = events.changes[~own]
    changed = _count(events, others[_changing(others, min_dpsi, min_probability, max_p)])
    still = unchanged(events, condition, min_dpsi=min_dpsi, min_probability=min_probability, max_p=max_p)
    mask: Mask = (changed >= min_pairs) & still
    return mask


def targets(events: Events, condition: str, reference: str, *, seed: int = 0) -> pd.DataFrame:
    """What the splicing code learns of a pair of conditions, after Jha et al. (2020), equation 1: a row an event.

    `psi` in the condition, `increased` = max(e, dPSI) and `decreased` = max(e, -dPSI) of the condition over the
    reference; e is uniform between 0.01 and 0.03, one draw an event, so that what does not change has a small value.
    Events that are not compared are left out.
    """
    seen = _from(events, condition)
    other = np.where(seen["condition_1"] == condition, seen["condition_2"], seen["condition_1"])
    if not np.any(other == reference):
        raise ValueError(f"targets: got no comparison of {condition!r} with {reference!r}, expected one")
    dpsi = seen[other == reference].set_index("event_id")["dpsi"]
    psi = events.psi.loc[dpsi.index, condition]
    noise = np.random.default_rng(seed).uniform(0.01, 0.03, len(events))
    epsilon = pd.Series(noise, index=events.exons["event_id"]).loc[dpsi.index]
    table = pd.DataFrame({"psi": psi, "increased": np.maximum(epsilon, dpsi), "decreased": np.maximum(epsilon, -dpsi)})
    return table.dropna()


def times_compared(events: Events, condition: str) -> np.ndarray:
    """In how many comparisons with a condition every event is seen."""
    return _count(events, _from(events, condition))


def n_comparisons(events: Events, condition: str) -> int:
    """How many conditions one is compared with."""
    seen = _from(events, condition)
    return len(set(seen["condition_1"]) | set(seen["condition_2"])) - 1


def _from(events: Events, condition: str) -> pd.DataFrame:
    """Comparisons with a condition, dPSI as the condition's less the other's."""
    first, second = (events.changes[name] == condition for name in ("condition_1", "condition_2"))
    if not (first | second).any():
        known = sorted(set(events.changes["condition_1"]) | set(events.changes["condition_2"]))
        raise ValueError(
            f"condition: got {condition!r}, expected one that is compared ({', '.join(known) or 'none is'})"
        )
    seen = events.changes[first | second]
    return seen.assign(dpsi=np.where(first[first | second], -seen["dpsi"], seen["dpsi"]))


def _changing(seen: pd.DataFrame, min_dpsi: float, min_probability: float, max_p: float) -> pd.Series:
    sure = (seen["probability_changing"] >= min_probability) | (seen["p_adjusted"] <= max_p)
    return (seen["dpsi"].abs() >= min_dpsi) & sure


def _count(events: Events, rows: pd.DataFrame) -> np.ndarray:
    """Rows of every event, in the order of the events."""
    counts: np.ndarray = rows["event_id"].value_counts().reindex(events.exons["event_id"], fill_value=0).to_numpy()
    return counts
