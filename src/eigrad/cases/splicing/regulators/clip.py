"""Cross-linked sites of a protein (CLIP), and which exons have one nearby."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool

from eigrad.cases.splicing.events import COORDINATES, Events
from eigrad.cases.splicing.events.text import DIGITS, content_of
from eigrad.cases.splicing.libraries import require_library

PLACES = ("upstream", "exon", "downstream")
REACH = 300  # nucleotides of intron on either side, or all of a shorter one
BED = ("chrom", "start", "end", "name", "score", "strand")
ACROSS, CHANGED = "tagNumber(k)", "mutationFreq(m)"  # unique tags across a site, and those of them with the transition
CTK = (*BED, ACROSS, CHANGED, "FDR", "count(>=m,k)")
CTK_NAME = re.compile(r"\[k=\d+\]\[m=\d+\]$")  # how CIMS.pl ends the names of sites
FIRST = ("chrom", "chr")  # what the first column is called where a line names the columns

Row = tuple[str, int, int, str, float]


@dataclass(frozen=True)
class Sites:
    """Intervals on strands: chrom, start (from 0), end (exclusive), strand, and tags (NaN where the file has none).

    `tags` are unique tags with the transition. `min_tags` is how many of them every site was asked to have, None where
    the file has none to ask for, and all its sites are here.
    """

    table: pd.DataFrame
    min_tags: float | int | None = None

    def __len__(self) -> int:
        return len(self.table)


def read_sites(path: Path | str, *, min_tags: float | int = 0) -> Sites:
    """Sites of a BED file of six columns or more, or of CTK's CIMS, gzipped or not.

    Lines that begin with #, track or browser are no sites, but a line "chrom ...", with # or without, names the
    columns. CIMS's output is known by the column mutationFreq(m) or, without such a line, by its ten columns: names
    that end in [k=...][m=...], or counts that fit (1 <= m <= k) in every row. Of its sites those of fewer than
    `min_tags` unique tags with the transition (m) are left out; other files are not filtered.
    """
    header, lines = _lines(path)
    if header is None and _of_ctk([cells for _, cells in lines]):
        header = CTK
    rows = [_site(path, number, cells, header) for number, cells in lines]
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "strand", "tags"])
    if header is None or CHANGED not in header:
        return Sites(table)
    return Sites(table[table["tags"] >= min_tags].reset_index(drop=True), min_tags)


def _lines(path: Path | str) -> tuple[Sequence[str] | None, list[tuple[int, list[str]]]]:
    """The names of columns, if a line has them, and the cells of every site with the number of its line."""
    header: list[str] | None = None
    found: list[tuple[int, list[str]]] = []
    for number, line in enumerate(content_of(Path(path)).splitlines(), start=1):
        cells = line.rstrip("\r").split("\t")
        if cells[0].lstrip("#").strip().lower() in FIRST and len(cells) > 1 and not cells[1].isdecimal():
            header = [cell.strip() for cell in cells]
        elif line.strip() and not cells[0].startswith(("#", "track", "browser")):
            found.append((number, cells))
    return header, found


def _of_ctk(rows: list[list[str]]) -> bool:
    """Whether rows without names of columns are CIMS's: narrowPeak has ten columns, too."""
    if not rows or any(len(cells) != len(CTK) for cells in rows):
        return False
    return any(CTK_NAME.search(cells[3]) for cells in rows) or all(map(_counts_fit, rows))


def _counts_fit(cells: Sequence[str]) -> bool:
    across, changed, rate, count = cells[len(BED) :]
    if not all(map(_is_whole, (across, changed, count))):
        return False
    return 1 <= int(changed) <= int(across) and 0 <= _number(rate) <= 1


def _is_whole(text: str) -> bool:
    return text.isdecimal() and len(text) <= DIGITS


def _number(text: str) -> float:
    """NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _site(path: Path | str, number: int, cells: list[str], header: Sequence[str] | None) -> Row:
    if len(cells) < len(BED):
        raise ValueError(f"{path}, line {number}: got {len(cells)} columns, expected BED of at least {len(BED)}")
    if header is not None and len(cells) != len(header):
        raise ValueError(f"{path}, line {number}: got {len(cells)} columns, expected {len(header)} as in the header")
    for place in (1, 2):
        if not _is_whole(cells[place]):
            raise ValueError(
                f"{path}, line {number}, column {BED[place]!r}: got {cells[place][:80]!r}, expected a whole number"
            )
    start, end = int(cells[1]), int(cells[2])
    if start >= end:
        raise ValueError(f"{path}, line {number}: got start {start} and end {end}, expected a start below the end")
    if cells[5] not in ("+", "-"):
        raise ValueError(f"{path}, line {number}, column 'strand': got {cells[5][:80]!r}, expected + or -")
    return cells[0], start, end, cells[5], _tags(path, number, cells, header or ())


def _tags(path: Path | str, number: int, cells: list[str], header: Sequence[str]) -> float:
    """Tags with the transition, NaN where there is no such column; both counts must be counts."""
    tags = math.nan
    for name in (ACROSS, CHANGED):
        if name in header:
            text = cells[header.index(name)]
            value = _number(text)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{path}, line {number}, column {name!r}: got {text[:80]!r}, expected a count of tags")
            tags = value if name == CHANGED else math.nan
    return tags


def require_shared(events: Events, sites: Sites, what: str) -> None:
    """Refuse sites that can be near no event: there are none, or none on a chromosome that the events are on."""
    got, expected = (list(dict.fromkeys(map(str, table["chrom"]))) for table in (sites.table, events.exons))
    if not got:
        fewest = f" of at least {sites.min_tags:g} tags with the transition" if sites.min_tags else ""
        raise ValueError(f"{what}: got no site{fewest}, expected cross-linked sites")
    if not set(got) & set(expected):
        raise ValueError(
            f"{what}: got sites on {_some(got)}, expected chromosomes called as those of the events, {_some(expected)}"
        )


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


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
