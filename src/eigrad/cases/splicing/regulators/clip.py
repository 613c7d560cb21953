"""Cross-linked sites of a protein (CLIP), and which exons have one nearby."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool

from eigrad.cases.splicing.events import COORDINATES, Events
from eigrad.cases.splicing.events.text import content_of
from eigrad.cases.splicing.libraries import require_library

PLACES = ("upstream", "exon", "downstream")
REACH = 300  # nucleotides of intron on either side, or all of a shorter one
BED = ("chrom", "start", "end", "name", "score", "strand")
TAGS = ("tagNumber(k)",)  # columns of CTK that say how many tags cross a site

Row = tuple[str, int, int, str, float]


@dataclass(frozen=True)
class Sites:
    """Intervals on strands: chrom, start (from 0), end (exclusive), strand, and tags (NaN where the file has none)."""

    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)


def read_sites(path: Path | str, *, min_tags: float | int = 0) -> Sites:
    """Sites of a BED file of six columns or more, or of CTK's output (CIMS, CITS), gzipped or not.

    Lines that begin with #, track or browser are no sites, but a line "#chrom ..." names the columns. Of a file with a
    column of tags (tagNumber(k)) the sites of fewer than `min_tags` are left out.
    """
    header: list[str] | None = None
    rows: list[Row] = []
    for number, line in enumerate(content_of(Path(path)).splitlines(), start=1):
        cells = line.rstrip("\r").split("\t")
        if not line.strip() or cells[0].startswith(("#", "track", "browser")):
            if cells[0].lower() in ("#chrom", "#chr"):
                header = cells
            continue
        rows.append(_site(path, number, cells, header))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "strand", "tags"])
    return Sites(table[~(table["tags"] < min_tags)].reset_index(drop=True))


def _site(path: Path | str, number: int, cells: list[str], header: list[str] | None) -> Row:
    if len(cells) < len(BED):
        raise ValueError(f"{path}, line {number}: got {len(cells)} columns, expected BED of at least {len(BED)}")
    if header is not None and len(cells) != len(header):
        raise ValueError(f"{path}, line {number}: got {len(cells)} columns, expected {len(header)} as in the header")
    for place in (1, 2):
        if not cells[place].isdecimal():
            raise ValueError(
                f"{path}, line {number}, column {BED[place]!r}: got {cells[place][:80]!r}, expected a whole number"
            )
    start, end = int(cells[1]), int(cells[2])
    if start >= end:
        raise ValueError(f"{path}, line {number}: got start {start} and end {end}, expected a start below the end")
    if cells[5] not in ("+", "-"):
        raise ValueError(f"{path}, line {number}, column 'strand': got {cells[5][:80]!r}, expected + or -")
    return cells[0], start, end, cells[5], _tags(path, number, cells, header)


def _tags(path: Path | str, number: int, cells: list[str], header: list[str] | None) -> float:
    for name in TAGS:
        if header is not None and name in header:
            text = cells[header.index(name)]
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{path}, line {number}, column {name!r}: got {text[:80]!r}, expected a count of tags")
            return value
    return math.nan


def near(events: Events, sites: Sites, reach: int = REACH) -> Bool[np.ndarray, "events 3"]:
    """Whether an exon has a site on its strand in each of `PLACES`: the introns so far from it, and the exon itself."""
    require_library("bioframe", "finding exons near CLIP sites")
    import bioframe

    left, right = (_before(events, reach), _after(events, reach))
    forward = (events.exons["strand"] == "+").to_numpy()[:, None]
    exon = events.exons[["exon_start", "exon_end"]].to_numpy(int)
    spans = [np.where(forward, left, right), exon, np.where(forward, right, left)]
    found = np.zeros((len(events), len(PLACES)), bool)
    for i, span in enumerate(spans):
        table = events.exons[["chrom", "strand"]].assign(start=span[:, 0], end=span[:, 1])
        there = (table["start"] < table["end"]).to_numpy()
        if there.any() and len(sites):
            counts = bioframe.count_overlaps(table[there], sites.table, on=["strand"])["count"]
            found[there, i] = counts.to_numpy() > 0
    return found


def _before(events: Events, reach: int) -> np.ndarray:
    """The intron to the left of each exon on the chromosome, its last nucleotides."""
    coordinates = events.exons[list(COORDINATES)].to_numpy(float, na_value=np.nan)
    start, forward = coordinates[:, 2], (events.exons["strand"] == "+").to_numpy()
    edge = np.where(forward, coordinates[:, 1], coordinates[:, 5])
    return np.stack([np.maximum(start - reach, edge), start], axis=1).astype(int)


def _after(events: Events, reach: int) -> np.ndarray:
    """The intron to the right of each exon, its first nucleotides."""
    coordinates = events.exons[list(COORDINATES)].to_numpy(float, na_value=np.nan)
    end, forward = coordinates[:, 3], (events.exons["strand"] == "+").to_numpy()
    edge = np.where(forward, coordinates[:, 4], coordinates[:, 0])
    return np.stack([end, np.minimum(end + reach, edge)], axis=1).astype(int)
