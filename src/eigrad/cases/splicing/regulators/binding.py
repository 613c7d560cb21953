"""Cross-linked sites in detail: where about exons tags lie, and whether a motif stands where the protein binds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features.genome import Codes, Genome, reverse_complement
from eigrad.cases.splicing.features.motifs import Motif, Scanner
from eigrad.cases.splicing.features.regions import Ragged
from eigrad.cases.splicing.regulators.clip import Sites
from eigrad.cases.splicing.regulators.motif_map import EXON, INTRON, SIDES, smoothed

NEAR, FAR = 15, 100  # nucleotides to either side of a site's middle; and how far away its controls are
GAP = FAR - (2 * NEAR + 1)  # nucleotides between a cluster of sites and its controls, however wide it is
SPANS = {SIDES[0]: (-INTRON, EXON), SIDES[1]: (-EXON, INTRON)}


def tag_density(events: Events, sites: Sites, sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Tags of the sites whose middle lies at each position about the two sites of an exon, a mean over those of a set.

    Of sites without tags, each counts as one. Positions are those of a motif map, and as there an exon shows those
    within itself and its introns: others neither count tags nor divide them. Columns: set, side, position, density (NaN
    where no exon shows the position) and smoothed (running mean of 20 nt).
    """
    forward = (events.exons["strand"] == "+").to_numpy()
    start, end = (events.exons[name].to_numpy(int) for name in ("exon_start", "exon_end"))
    at = {SIDES[0]: np.where(forward, start, end - 1), SIDES[1]: np.where(forward, end, start - 1)}
    shown, middles = _shown(events), _middles(sites)
    counts = {side: _counted(events, forward, at[side], SPANS[side], middles) * shown[side] for side in SIDES}
    parts = []
    for name, chosen in sets.items():
        for side in SIDES:
            total, n = (each[chosen].sum(axis=0) for each in (counts[side], shown[side]))
            mean = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
            table = {"set": name, "side": side, "position": np.arange(*SPANS[side]), "density": mean}
            parts.append(pd.DataFrame(table).assign(smoothed=smoothed(pd.Series(mean))))
    return pd.concat(parts, ignore_index=True)


def _shown(events: Events) -> dict[str, np.ndarray]:
    """Whether each position (column) lies within the exon (row) and its introns: `shown` of a motif map."""
    upstream, exon, downstream = (
        events.lengths[name].to_numpy(int)[:, None] for name in ("upstream_intron", "exon", "downstream_intron")
    )
    found = {}
    for side, before, after in ((SIDES[0], upstream, exon), (SIDES[1], exon, downstream)):
        position = np.arange(*SPANS[side])
        found[side] = (position >= -before) & (position < after)
    return found


def _middles(sites: Sites) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Middles of sites in order, and their tags, by chromosome and strand."""
    table = sites.table.assign(middle=(sites.table["start"] + sites.table["end"]) // 2).sort_values("middle")
    return {
        (str(chrom), str(strand)): (part["middle"].to_numpy(int), part["tags"].fillna(1.0).to_numpy(float))
        for (chrom, strand), part in table.groupby(["chrom", "strand"])
    }


def _counted(
    events: Events,
    forward: np.ndarray,
    at: np.ndarray,
    span: tuple[int, int],
    middles: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """Tags of every exon (row) at every position of a span about its site, as the transcript runs."""
    low, high = span
    counts = np.zeros((len(events), high - low))
    chroms, strands = (events.exons[name].to_numpy(object) for name in ("chrom", "strand"))
    nothing = np.array([], int), np.array([])
    for row, (chrom, strand, site, ahead) in enumerate(
        zip(chroms, strands, at.tolist(), forward.tolist(), strict=True)
    ):
        places, tags = middles.get((chrom, strand), nothing)
        first, last = (site + low, site + high) if ahead else (site - high + 1, site - low + 1)
        inside = slice(*np.searchsorted(places, (first, last)))
        offset = places[inside] - site if ahead else site - places[inside]
        np.add.at(counts[row], offset - low, tags[inside])
    return counts


def motif_at_sites(sites: Sites, genome: Genome, motif: Motif) -> dict[str, float | int]:
    """Whether a motif stands at cross-linked sites more, or less, often than beside them.

    Looked at are 15 nt to either side of a site's middle; where these overlap on a strand they are one cluster, one
    observation. Its controls are as wide and lie 69 nt to its left and right (those of a single site 100 nt from
    middle to middle); they overlap no cluster and no other control, nor leave the chromosome. Clusters without a
    control, and sites off the genome, are left out.

    Keys: n, clusters; n_sites, in these; n_with, clusters with the motif; n_controls; fraction and fraction_beside, of
    clusters and controls with the motif; odds_ratio (Mantel and Haenszel's, of matched sets); p_value (see `matched`).
    """
    table = sites.table[sites.table["chrom"].isin(list(genome.lengths))]
    middles = table.assign(middle=(table["start"] + table["end"]) // 2)
    n_sites, here, beside, n_controls = [], [], [], []
    for name, codes in genome.chromosomes(list(pd.unique(table["chrom"]))):
        for strand, part in middles[middles["chrom"] == name].groupby("strand"):
            spans, counts = _clusters(part["middle"].to_numpy(int), len(codes))
            owner, controls = _controls(spans, len(codes))
            n_sites.append(counts)
            here.append(_with(_cut(codes, spans, strand == "-"), motif))
            found = _with(_cut(codes, controls, strand == "-"), motif)
            beside.append(np.bincount(owner[found], minlength=len(spans)))
            n_controls.append(np.bincount(owner, minlength=len(spans)))
    counts, there, hits, n = (np.concatenate([np.zeros(0, int), *each]) for each in (n_sites, here, beside, n_controls))
    tested = n > 0
    counts, there, hits, n = counts[tested], there[tested].astype(bool), hits[tested], n[tested]
    return {
        "n": len(n), "n_sites": int(counts.sum()), "n_with": int(there.sum()), "n_controls": int(n.sum()),
        "fraction": _over(int(there.sum()), len(n)), "fraction_beside": _over(int(hits.sum()), int(n.sum())),
        "odds_ratio": _over(float((there * (n - hits) / (n + 1)).sum()), float((~there * hits / (n + 1)).sum())),
        "p_value": matched(there, hits, n),
    }  # fmt: skip


def matched(here: np.ndarray, beside: np.ndarray, n: np.ndarray) -> float:
    """Two-sided exact p of observations (true or not) against how many of the n controls of each are true.

    By chance any member of a set is as likely to be true: the observation with (here + beside) / (1 + n). Their sum
    over sets is compared with its exact distribution, and the smaller tail doubled. Of one control each it is McNemar's
    exact test, which looks at the pairs that differ; sets whose members are all alike say nothing here, too.
    """
    true, size = here + beside, 1 + n
    mixed = (true > 0) & (true < size)
    pairs, sets = np.unique(np.stack([true[mixed], size[mixed]], axis=1), axis=0, return_counts=True)
    chances = np.ones(1)
    for (k, m), times in zip(pairs.tolist(), sets.tolist(), strict=True):
        chances = np.convolve(chances, stats.binom.pmf(np.arange(times + 1), times, k / m))
    seen = int(here[mixed].sum())
    return float(min(1.0, 2 * min(chances[: seen + 1].sum(), chances[seen:].sum())))


def _over(part: float | int, whole: float | int) -> float:
    """A ratio: inf of nothing, NaN where there is nothing at all."""
    if whole == 0:
        return float("inf") if part > 0 else float("nan")
    return float(part / whole)


def _clusters(middles: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of clusters of sites on one strand of a chromosome, in order, and their numbers of sites."""
    at = np.sort(middles[(middles >= 0) & (middles < length)])
    first = np.flatnonzero(np.diff(at, prepend=-FAR) > 2 * NEAR)
    last = np.append(first[1:], len(at))[: len(first)] - 1
    spans = np.stack([np.maximum(at[first] - NEAR, 0), np.minimum(at[last] + NEAR + 1, length)], axis=1)
    return spans, last - first + 1


def _controls(spans: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Spans beside clusters, and the cluster that each belongs to; of two that overlap, the left one."""
    shift = (spans[:, 1] - spans[:, 0] + GAP)[:, None]
    owner, both = np.tile(np.arange(len(spans)), 2), np.concatenate([spans - shift, spans + shift])
    follows = np.searchsorted(spans[:, 1], both[:, 0], side="right")  # the first cluster that ends beyond the start
    free = np.append(spans[:, 0], length)[follows] >= both[:, 1]
    taken, reached = [], 0
    for i in np.argsort(both[:, 0], kind="stable").tolist():
        if free[i] and both[i, 0] >= reached:
            taken.append(i)
            reached = both[i, 1]
    return owner[taken], both[taken]


def _cut(codes: Codes, spans: np.ndarray, reverse: bool) -> list[Codes]:
    found = [codes[start:end] for start, end in spans.tolist()]
    return [reverse_complement(each) for each in found] if reverse else found


def _with(sequences: list[Codes], motif: Motif) -> np.ndarray:
    if not sequences:
        return np.zeros(0, bool)
    scanner = Scanner(Ragged.of(sequences), len(motif))
    hits = scanner.sequences.owner[scanner.scores(motif) >= motif.threshold]
    result: np.ndarray = np.bincount(hits, minlength=len(sequences)) > 0
    return result
