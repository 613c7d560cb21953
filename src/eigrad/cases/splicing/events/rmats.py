"""rMATS: SE.MATS.JC.txt and SE.MATS.JCEC.txt, skipped exons between two groups of replicates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from eigrad.cases.splicing.events.table import Change, Events, Triplet, order_refusal
from eigrad.cases.splicing.events.text import MISSING, Text, read_text

EXON = ("exonStart_0base", "exonEnd")
LEFT, RIGHT = ("upstreamES", "upstreamEE"), ("downstreamES", "downstreamEE")  # of the exon, whatever the strand
NEEDED = (
    "GeneID", "geneSymbol", "chr", "strand", *EXON, *LEFT, *RIGHT, "FDR", "IncLevel1", "IncLevel2",
    "IncLevelDifference",
)  # fmt: skip
TOLERANCE = 0.002  # of the difference of rounded means


def read_rmats(path: Path | str, conditions: tuple[str, str] = ("group_1", "group_2")) -> Events:
    """Events of an rMATS table; `conditions` are the names of its sample groups 1 and 2.

    PSI is the mean over a group's replicates that are quantified; p_adjusted is the FDR. A row whose second group or
    difference is missing (a run of one group) has no change.
    """
    table = read_text(path, NEEDED, repeated=("ID",))
    exons, changes = [], []
    levels = {
        name: np.array([_mean(table, row, f"IncLevel{i}") for row in range(len(table))])
        for i, name in enumerate(conditions, start=1)
    }
    fdr = table.numbers("FDR", 0, 1)
    difference = table.numbers("IncLevelDifference", -1, 1)
    for row in range(len(table)):
        strand = table.strand(row, "strand")
        left, exon, right = (_span(table, row, names) for names in (LEFT, EXON, RIGHT))
        upstream, downstream = (left, right) if strand == "+" else (right, left)
        coordinates = [*upstream, *exon, *downstream]
        if wrong := order_refusal(strand, coordinates):
            table.refuse(row, EXON[0], wrong)
        gene_id, gene_name = (table.columns[name][row].strip('"') for name in ("GeneID", "geneSymbol"))
        exons.append(Triplet(gene_id, gene_name, table.columns["chr"][row], strand, coordinates))
        change = levels[conditions[1]][row] - levels[conditions[0]][row]
        if not math.isnan(change) and not math.isnan(difference[row]):
            if abs(change + difference[row]) > TOLERANCE:
                table.refuse(row, "IncLevelDifference", f"{-change:.3f}, the mean of IncLevel1 less that of IncLevel2")
            changes.append(Change(row, *conditions, dpsi=change, p_adjusted=fdr[row]))
    return table.events(exons, levels, changes)


def _mean(table: Text, row: int, column: str) -> float:
    """The mean of replicates with commas between them, NaN where none is quantified."""
    parts = [part for part in table.columns[column][row].split(",") if part.strip() not in MISSING]
    return float(np.mean([table.number(row, column, part, 0, 1) for part in parts])) if parts else math.nan


def _span(table: Text, row: int, names: tuple[str, str]) -> list[int]:
    return [table.whole(row, name, table.columns[name][row]) for name in names]
