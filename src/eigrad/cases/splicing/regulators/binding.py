"""Cross-linked sites in detail: where about exons tags lie, and whether a motif stands where the protein binds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features.genome import Codes, Genome, N, reverse_complement
from eigrad.cases.splicing.features.motifs import Motif, Scanner
from eigrad.cases.splicing.features.regions import Ragged
from eigrad.cases.splicing.regulators.clip import Sites
from eigrad.cases.splicing.regulators.motif_map import EXON, INTRON, SIDES, smoothed

NEAR, FAR = 15, 100  # nucleotides to either side of a site's middle; and how far away it is compared with


def tag_density(events: Events, sites: Sites, sets: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Tags that begin at each position about the two sites of an exon, a mean over the exons of a set.

    Of sites without tags, each counts as one. Positions are those of a motif map; columns: set, side, position, density
    and smoothed (running mean of 20 nt).
    """
    forward = (events.exons["strand"] == "+").to_numpy()
    start, end = (events.exons[name].to_numpy(int) for name in ("exon_start", "exon_end"))
    at = {SIDES[0]: np.where(forward, start, end - 1), SIDES[1]: np.where(forward, end, start - 1)}
    spans = {SIDES[0]: (-INTRON, EXON), SIDES[1]: (-EXON, INTRON)}
    middles = _middles(sites)
    counts = {side: _counted(events, forward, at[side], spans[side], middles) for side in SIDES}
    parts = []
    for name, chosen in sets.items():
        for side in SIDES:
            mean = counts[side][chosen].mean(axis=0) if chosen.any() else np.full(counts[side].shape[1], np.nan)
            table = {"set": name, "side": side, "position": np.arange(*spans[side]), "density": mean}
            parts.append(pd.DataFrame(table).assign(smoothed=smoothed(pd.Series(mean))))
    return pd.concat(parts, ignore_index=True)


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
    """Whether a motif stands at cross-linked sites more often than 100 nt to their left and right.

    Looked at are 15 nt to either side of a site's middle. Sites off the genome are left out. Keys: n, n_with, fraction,
    fraction_beside, odds_ratio and p_value (Fisher, two-sided).
    """
    table = sites.table[sites.table["chrom"].isin(list(genome.lengths))]
    here, beside = [], []
    for name, codes in genome.chromosomes(list(pd.unique(table["chrom"]))):
        part = table[table["chrom"] == name]
        middles = ((part["start"] + part["end"]) // 2).tolist()
        reverse = (part["strand"] == "-").tolist()
        here += [_about(codes, at, back) for at, back in zip(middles, reverse, strict=True)]
        for shift in (-FAR, FAR):
            beside += [_about(codes, at + shift, back) for at, back in zip(middles, reverse, strict=True)]
    found = [_with(sequences, motif) for sequences in (here, beside)]
    counts = np.array([[int(each.sum()), int((~each).sum())] for each in found])
    odds, p = stats.fisher_exact(counts)
    shares = [float(each.mean()) if len(each) else float("nan") for each in found]
    return {
        "n": len(here), "n_with": int(counts[0, 0]), "fraction": shares[0], "fraction_beside": shares[1],
        "odds_ratio": float(odds), "p_value": float(p),
    }  # fmt: skip


def _about(codes: Codes, middle: int, reverse: bool) -> Codes:
    """The letters about a position, N beyond the chromosome."""
    found = np.full(2 * NEAR + 1, N, np.uint8)
    first = max(middle - NEAR, 0)
    inside = codes[first : max(middle + NEAR + 1, 0)]
    found[first - (middle - NEAR) :][: len(inside)] = inside
    return reverse_complement(found) if reverse else found


def _with(sequences: list[Codes], motif: Motif) -> np.ndarray:
    if not sequences:
        return np.zeros(0, bool)
    scanner = Scanner(Ragged.of(sequences), len(motif))
    hits = scanner.sequences.owner[scanner.scores(motif) >= motif.threshold]
    result: np.ndarray = np.bincount(hits, minlength=len(sequences)) > 0
    return result
