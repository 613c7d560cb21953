"""VAST-TOOLS: INCLUSION_LEVELS tables, of which the exon events are read."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from eigrad.cases.splicing.events.table import Events, Triplet, order_refusal
from eigrad.cases.splicing.events.text import PLACE, Text, read_text

NEEDED = ("GENE", "EVENT", "COORD", "LENGTH", "FullCO", "COMPLEX")
EXON_TYPES = ("S", "C1", "C2", "C3", "ANN", "MIC")  # of COMPLEX; others are introns and alternative splice sites
QUALITIES = ("SOK", "OK", "LOW", "VLOW", "N")  # of a sample's first score: its reads, best first
SITES = rf"\+*{PLACE}(?:\++{PLACE})*\+*"
SPAN = re.compile(rf"([^:]+):({PLACE})-({PLACE})")
FULL = re.compile(rf"([^:]+):({SITES}),({SITES})-({SITES}),({SITES})")


def read_vasttools(path: Path | str, min_quality: str = "LOW") -> Events:
    """Exon events of a VAST-TOOLS inclusion table, a condition for every sample.

    PSI whose read coverage is scored below `min_quality` (SOK, OK, LOW, VLOW or N) is NaN. The table gives the inner
    ends of the flanking exons only; of several, the one nearest to the exon is taken. A strand is told by their order.
    Other events (introns, alternative sites) are left out.
    """
    if min_quality not in QUALITIES:
        raise ValueError(f"min_quality: got {min_quality!r}, expected one of {', '.join(QUALITIES)}")
    table = read_text(path, NEEDED)
    samples = [name for name in table.columns if f"{name}-Q" in table.columns or f"{name}.Q" in table.columns]
    if not samples:
        raise ValueError(f"{path}: has no sample with its scores, expected columns such as 'Sample1' and 'Sample1-Q'")
    kept = [row for row, kind in enumerate(table.columns["COMPLEX"]) if kind in EXON_TYPES]
    psi = {name: np.array([_psi(table, row, name, min_quality) for row in kept]) for name in samples}
    exons = []
    for row in kept:
        chrom, strand, coordinates = _triplet(table, row)
        gene = table.columns["GENE"][row]
        exons.append(Triplet(gene, gene, chrom, strand, coordinates))
    return table.events(exons, psi)


def _psi(table: Text, row: int, sample: str, min_quality: str) -> float:
    scores = table.named(f"{sample}-Q", f"{sample}.Q")
    quality = table.columns[scores][row].split(",")[0]
    if quality not in QUALITIES:
        table.refuse(row, scores, f"scores that start with one of {', '.join(QUALITIES)}")
    value = table.number(row, sample, table.columns[sample][row], 0, 100) / 100
    return value if QUALITIES.index(quality) <= QUALITIES.index(min_quality) else math.nan


def _triplet(table: Text, row: int) -> tuple[str, str, list[int | None]]:
    """Chromosome, strand and coordinates from COORD (the exon) and FullCO (donor, exon, acceptor; counted from 1)."""
    exon, full = SPAN.fullmatch(table.columns["COORD"][row]), FULL.fullmatch(table.columns["FullCO"][row])
    if exon is None:
        table.refuse(row, "COORD", "an exon such as chr1:100-200")
    if full is None:
        table.refuse(row, "FullCO", "sites such as chr1:50,100-200,300")
    if full[1] != exon[1]:
        table.refuse(row, "FullCO", f"the chromosome of COORD, {exon[1]}")
    start, end = int(exon[2]), int(exon[3])
    donors, acceptors = ([int(site) for site in full[i].split("+") if site] for i in (2, 5))
    strand = "+" if min(donors) < min(acceptors) else "-"
    if strand == "+":
        donor, acceptor = max(donors), min(acceptors)
        coordinates = [None, donor, start - 1, end, acceptor - 1, None]
    else:
        donor, acceptor = min(donors), max(acceptors)
        coordinates = [donor - 1, None, start - 1, end, None, acceptor]
    length = table.whole(row, "LENGTH", table.columns["LENGTH"][row])
    if length != end - start + 1:
        table.refuse(row, "LENGTH", f"{end - start + 1}, as COORD says")
    if wrong := order_refusal(strand, coordinates):
        table.refuse(row, "FullCO", wrong)
    return exon[1], strand, coordinates
