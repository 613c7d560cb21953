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
from eigrad.cases.splicing.features.regions import SITES, Ragged, around_sites

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


class Surroundings:
    """The letters about the two sites of some exons, read once, in which motifs are looked for.

    From 300 nt before the acceptor to 50 after, and from 50 before the donor to 300 after. Positions beyond the intron
    or the exon are not shown.
    """

    def __init__(self, events: Events, genome: Genome, widest: int) -> None:
        spans = {SIDES[0]: (-INTRON, EXON), SIDES[1]: (-EXON, INTRON)}
        self.position = np.concatenate([np.arange(*spans[side]) for side in SIDES])
        self.side = np.repeat(np.array(SIDES, object), [high - low for low, high in spans.values()])
        self.widest = widest
        self._read(events, genome, spans)
        lengths = {
            name: events.lengths[name].to_numpy(int)[:, None]
            for name in ("upstream_intron", "exon", "downstream_intron")
        }
        of_acceptor = self.side == SIDES[0]
        before = np.where(of_acceptor, lengths["upstream_intron"], lengths["exon"])
        after = np.where(of_acceptor, lengths["exon"], lengths["downstream_intron"])
        self.shown: Bool[np.ndarray, "exons positions"] = (self.position >= -before) & (self.position < after)

    def _read(self, events: Events, genome: Genome, spans: Mapping[str, tuple[int, int]]) -> None:
        """Letters of every exon and side, one row an exon, with enough of them beyond for the widest motif."""
        reach = INTRON + self.widest
        rows_of = {
            side: np.empty((len(events), high - low + self.widest), np.uint8) for side, (low, high) in spans.items()
        }
        for rows, windows_of in around_sites(events, genome, reach, AT_ONCE):
            for side, (low, high) in spans.items():
                sequences = windows_of[SITES.index(side)]
                at = sequences.starts[:, None] + reach + np.arange(low, high + self.widest)
                rows_of[side][rows] = sequences.codes[at]
        self._scanners = {side: Scanner(Ragged.of(list(codes)), self.widest) for side, codes in rows_of.items()}

    def hits(self, motif: Motif) -> Hits:
        """Where a motif begins."""
        if len(motif) > self.widest:
            raise ValueError(f"motif {motif.name}: got {len(motif)} positions, expected at most {self.widest}")
        parts = []
        for scanner in self._scanners.values():
            starts = scanner.sequences.starts[:, None]
            n = int(scanner.sequences.lengths[0]) - self.widest
            parts.append((scanner.scores(motif) >= motif.threshold)[starts + np.arange(n)])
        return Hits(np.hstack(parts) & self.shown, self.shown, self.side, self.position)


def hits(events: Events, genome: Genome, motif: Motif) -> Hits:
    """Where a motif begins about the sites of exons; of several motifs, `Surroundings` reads the letters once."""
    return Surroundings(events, genome, len(motif)).hits(motif)


def frequencies(found: Hits, sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The part of a set's exons in which the motif begins at each position, and its running mean over 20 nt."""
    parts = []
    for name, chosen in sets.items():
        n = found.shown[chosen].sum(axis=0)
        raw = np.divide(found.begins[chosen].sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
        table = pd.DataFrame({"set": name, "side": found.side, "position": found.position, "frequency": raw})
        parts.append(table.assign(smoothed=table.groupby("side", sort=False)["frequency"].transform(smoothed)))
    return pd.concat(parts, ignore_index=True)


def smoothed(values: pd.Series) -> pd.Series:
    """The running mean over 20 nt, of what there is of them at the ends."""
    return values.rolling(WINDOW, min_periods=1, center=True).mean()


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
