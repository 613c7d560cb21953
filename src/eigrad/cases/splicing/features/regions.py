"""The seven regions of an exon triplet and the windows about its four splice sites, as the transcript runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int64

from eigrad.cases.splicing.events import COORDINATES, Events
from eigrad.cases.splicing.features.genome import Codes, Genome, N, reverse_complement

REGIONS = (
    "upstream_exon", "upstream_intron_start", "upstream_intron_end", "exon", "downstream_intron_start",
    "downstream_intron_end", "downstream_exon",
)  # fmt: skip
SITES = ("upstream_donor", "exon_acceptor", "exon_donor", "downstream_acceptor")
DONOR, ACCEPTOR = (3, 6), (20, 3)  # letters before and after a site
INTRON = 300  # nucleotides of an intron's end; of a shorter intron than two of them, half of it
UNKNOWN_EXON = 100  # nucleotides of a flanking exon whose outer end is not known
Spans = Int64[np.ndarray, "events spans"]


@dataclass(frozen=True)
class Ragged:
    """Sequences one after another, an N before, between and after them."""

    codes: Codes
    starts: Int64[np.ndarray, " sequences"]
    lengths: Int64[np.ndarray, " sequences"]

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, sequences: list[Codes]) -> Ragged:
        """Put sequences together."""
        lengths = np.array([len(each) for each in sequences], np.int64)
        gap = np.array([N], np.uint8)
        codes = np.concatenate([gap, *(part for each in sequences for part in (each, gap))])
        return cls(codes, 1 + np.concatenate([[0], np.cumsum(lengths[:-1] + 1)]).astype(np.int64), lengths)

    @property
    def owner(self) -> Int64[np.ndarray, " letters"]:
        """The sequence that every letter, and the gap after it, belongs to."""
        return np.concatenate([[0], np.repeat(np.arange(len(self)), self.lengths + 1)]).astype(np.int64)


def region_spans(events: Events) -> tuple[Spans, Spans]:
    """Starts and ends (events, 7) on the forward strand, from 0 with exclusive ends, in the order of `REGIONS`."""
    forward, c = _oriented(events)
    c[:, 0] = np.where(np.isnan(c[:, 0]), c[:, 1] - UNKNOWN_EXON, c[:, 0])
    c[:, 5] = np.where(np.isnan(c[:, 5]), c[:, 4] + UNKNOWN_EXON, c[:, 5])
    before, after = (np.minimum(INTRON, (c[:, j] - c[:, i]) // 2) for i, j in ((1, 2), (3, 4)))
    starts = np.stack([c[:, 0], c[:, 1], c[:, 2] - before, c[:, 2], c[:, 3], c[:, 4] - after, c[:, 4]], axis=1)
    ends = np.stack([c[:, 1], c[:, 1] + before, c[:, 2], c[:, 3], c[:, 3] + after, c[:, 4], c[:, 5]], axis=1)
    return _on_chromosome(forward, starts, ends)


def site_spans(events: Events, reach: int | None = None) -> tuple[Spans, Spans]:
    """Starts and ends (events, 4) of the windows about the splice sites, in the order of `SITES`.

    Windows are as wide as the models of sites, or go so many letters to either side.
    """
    forward, c = _oriented(events)
    sites = c[:, 1:5]
    before, after = (np.array([DONOR[i], ACCEPTOR[i], DONOR[i], ACCEPTOR[i]]) for i in (0, 1))
    if reach is not None:
        before = after = np.full(len(SITES), reach)
    return _on_chromosome(forward, sites - before, sites + after)


def _oriented(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (events, 6) as the transcript runs: negative ones, mirrored at 0, on the reverse strand."""
    forward = (events.exons["strand"] == "+").to_numpy()
    c = events.exons[list(COORDINATES)].to_numpy(float, na_value=np.nan)
    return forward, np.where(forward[:, None], c, -c[:, [1, 0, 3, 2, 5, 4]])


def _on_chromosome(forward: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[Spans, Spans]:
    flipped = ~forward[:, None]
    return np.where(flipped, -ends, starts).astype(np.int64), np.where(flipped, -starts, ends).astype(np.int64)


def by_chromosome(
    events: Events, genome: Genome, at_once: int
) -> Iterator[tuple[np.ndarray, list[Ragged], list[Ragged]]]:
    """Rows of some events, and the sequences of their regions and sites; each event once, chromosome by chromosome."""
    for rows, (regions, sites) in _cut_by_chromosome(
        events, genome, (region_spans(events), site_spans(events)), at_once
    ):
        yield rows, regions, sites


def around_sites(events: Events, genome: Genome, reach: int, at_once: int) -> Iterator[tuple[np.ndarray, list[Ragged]]]:
    """Rows of some events, and so many letters on either side of each splice site, likewise."""
    for rows, (sites,) in _cut_by_chromosome(events, genome, (site_spans(events, reach),), at_once):
        yield rows, sites


def _cut_by_chromosome(
    events: Events, genome: Genome, spans: tuple[tuple[np.ndarray, np.ndarray], ...], at_once: int
) -> Iterator[tuple[np.ndarray, list[list[Ragged]]]]:
    """Rows of some events, and the sequences of each set of their spans."""
    chrom = events.exons["chrom"].to_numpy(object)
    forward = (events.exons["strand"] == "+").to_numpy()
    _refuse_beyond(events, genome)
    for name, codes in genome.chromosomes(list(pd.unique(chrom))):
        there = np.flatnonzero(chrom == name)
        for rows in np.array_split(there, -(-len(there) // at_once)):
            ahead = forward[rows]
            yield (
                rows,
                [
                    [_cut(codes, starts[rows, i], ends[rows, i], ahead) for i in range(starts.shape[1])]
                    for starts, ends in spans
                ],
            )


def _cut(codes: Codes, starts: np.ndarray, ends: np.ndarray, forward: np.ndarray) -> Ragged:
    """Sequences between starts and ends; what lies beyond the chromosome reads N."""
    found = []
    for start, end, ahead in zip(starts.tolist(), ends.tolist(), forward.tolist(), strict=True):
        inside = codes[max(start, 0) : max(end, 0)]
        if start < 0 or end > len(codes):
            left = min(max(-start, 0), end - start)
            inside = np.pad(inside, (left, end - start - left - len(inside)), constant_values=N)
        found.append(inside if ahead else reverse_complement(inside))
    return Ragged.of(found)


def _refuse_beyond(events: Events, genome: Genome) -> None:
    """Exons that do not lie on their chromosome belong to another genome."""
    ends = events.exons[list(COORDINATES)].max(axis=1).to_numpy(float)
    lengths = events.exons["chrom"].map(genome.lengths).to_numpy(float)
    if np.any(beyond := ends > lengths):
        row = int(np.flatnonzero(beyond)[0])
        raise ValueError(
            f"{genome.path}: {events.exons['event_id'].iloc[row]} ends at {ends[row]:.0f}, beyond the "
            f"{lengths[row]:.0f} letters of its chromosome, expected the genome of the events"
        )
