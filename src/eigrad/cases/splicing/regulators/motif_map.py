"""Motif maps: where about the splice sites of exons a motif is more, or less, frequent in a set than elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool
from scipy import stats

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features.genome import Genome
from eigrad.cases.splicing.features.motifs import Motif, Scanner
from eigrad.cases.splicing.features.regions import SITES, around_sites

INTRON, EXON = 300, 50  # nucleotides shown on either side of a site of the exon
WINDOW = 20  # nucleotides that are tested together, and that frequencies are smoothed by
AT_ONCE = 2000
SIDES = ("exon_acceptor", "exon_donor")


@dataclass(frozen=True)
class Hits:
    """Of every exon and position about its two sites, whether a motif begins there, and whether the position is shown.

    Positions count from the site as the transcript runs: below 0 lie before it. `side` and `position` describe columns.
    """

    begins: Bool[np.ndarray, "exons positions"]
    shown: Bool[np.ndarray, "exons positions"]
    side: np.ndarray
    position: np.ndarray


def hits(events: Events, genome: Genome, motif: Motif) -> Hits:
    """Where a motif begins, from 300 nt before the acceptor to 50 after, and from 50 before the donor to 300 after.

    Positions beyond the intron or the exon are not shown.
    """
    spans = {SIDES[0]: (-INTRON, EXON), SIDES[1]: (-EXON, INTRON)}
    position = np.concatenate([np.arange(*spans[side]) for side in SIDES])
    side = np.repeat(np.array(SIDES, object), [high - low for low, high in spans.values()])
    begins = np.zeros((len(events), len(position)), bool)
    reach = INTRON + len(motif)
    for rows, windows in around_sites(events, genome, reach, AT_ONCE):
        parts = []
        for name in SIDES:
            sequences = windows[SITES.index(name)]
            found = Scanner(sequences, len(motif)).scores(motif) >= motif.threshold
            at = sequences.starts[:, None] + reach + np.arange(*spans[name])
            parts.append(found[at])
        begins[rows] = np.hstack(parts)
    lengths = {name: events.lengths[name].to_numpy(int) for name in ("upstream_intron", "exon", "downstream_intron")}
    before = np.where(side == SIDES[0], lengths["upstream_intron"][:, None], lengths["exon"][:, None])
    after = np.where(side == SIDES[0], lengths["exon"][:, None], lengths["downstream_intron"][:, None])
    shown = (position >= -before) & (position < after)
    return Hits(begins & shown, shown, side, position)


def frequencies(found: Hits, sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The part of a set's exons in which the motif begins at each position, and its running mean over 20 nt."""
    parts = []
    for name, chosen in sets.items():
        n = found.shown[chosen].sum(axis=0)
        raw = np.divide(found.begins[chosen].sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
        table = pd.DataFrame({"set": name, "side": found.side, "position": found.position, "frequency": raw})
        smooth = table.groupby("side", sort=False)["frequency"].rolling(WINDOW, min_periods=1, center=True).mean()
        parts.append(table.assign(smoothed=smooth.to_numpy()))
    return pd.concat(parts, ignore_index=True)


def windows(found: Hits, sets: Mapping[str, np.ndarray], background: str) -> pd.DataFrame:
    """Fisher's exact test (two-sided) in every window of 20 nt: exons of a set with the motif against the background's.

    A row a set and window, which begins at `position`; exons that do not show all of a window are left out of it.
    Columns: set, side, position, fraction, fraction_background, p_value, and p_adjusted (Bonferroni over the windows of
    the set).
    """
    if background not in sets:
        raise ValueError(f"background: got {background!r}, expected one of the sets, {', '.join(sets)}")
    parts = []
    for side in SIDES:
        columns = np.flatnonzero(found.side == side)
        any_hit, whole = (
            _windowed(each[:, columns], how) for each, how in ((found.begins, "any"), (found.shown, "all"))
        )
        start = found.position[columns][: any_hit.shape[1]]
        for name, chosen in sets.items():
            if name == background:
                continue
            other = sets[background] & ~chosen
            counts = [(any_hit[rows] & whole[rows]).sum(axis=0) for rows in (chosen, other)]
            totals = [whole[rows].sum(axis=0) for rows in (chosen, other)]
            parts.append(_tested(name, side, start, counts, totals))
    table = pd.concat(parts, ignore_index=True)
    n_windows = table.groupby("set")["p_value"].transform("size")
    return table.assign(p_adjusted=np.minimum(1.0, table["p_value"] * n_windows))


def _windowed(values: np.ndarray, how: str) -> np.ndarray:
    """Whether any, or all, of the next 20 positions are true."""
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    within = sums[:, WINDOW:] - sums[:, :-WINDOW]
    result: np.ndarray = within > 0 if how == "any" else within == WINDOW
    return result


def _tested(
    name: str, side: str, start: np.ndarray, counts: list[np.ndarray], totals: list[np.ndarray]
) -> pd.DataFrame:
    known: dict[tuple[int, ...], float] = {}
    p_values = []
    for key in zip(*(each.tolist() for each in (*counts, *totals)), strict=True):
        if key not in known:
            a, b, n, m = key
            known[key] = float(stats.fisher_exact(np.array([[a, n - a], [b, m - b]]))[1])
        p_values.append(known[key])
    shares = [
        np.divide(count, total, out=np.full(len(count), np.nan), where=total > 0)
        for count, total in zip(counts, totals, strict=True)
    ]
    return pd.DataFrame(
        {
            "set": name, "side": side, "position": start, "fraction": shares[0], "fraction_background": shares[1],
            "p_value": p_values,
        }
    )  # fmt: skip
