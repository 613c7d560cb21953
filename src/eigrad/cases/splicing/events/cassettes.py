"""MAJIQ 2: cassette.tsv of `voila modulize`, four rows a cassette exon."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eigrad.cases.splicing.events.table import Change, Events, Triplet, order_refusal
from eigrad.cases.splicing.events.text import Text, read_text

NEEDED = (
    "gene_id", "gene_name", "strand", "event_id", "reference_exon_coord", "spliced_with", "spliced_with_coord",
    "junction_name", "junction_coord",
)  # fmt: skip
INCLUSION = ("C1_A", "C2_A")
ROWS = {"C1_A", "C1_C2", "C2_A", "C2_C1"}
PSI, DPSI = "_median_psi", "_median_dpsi"


def read_cassettes(path: Path | str) -> Events:
    """Cassette exons of `voila modulize`.

    PSI and dPSI are means of the inclusion junctions that are quantified, C1_A from upstream and C2_A from downstream;
    probabilities are the smaller. "B-A_median_dpsi" is B's PSI less A's.
    """
    table = read_text(path, NEEDED)
    conditions = [name.removesuffix(PSI) for name in table.columns if name.endswith(PSI)]
    pairs = dict(_pair(table, name, conditions) for name in table.columns if name.endswith(DPSI))
    if not conditions:
        raise ValueError(f"{path}: has no column that ends in {PSI}, expected one for every condition")
    exons, changes = [], []
    psi: dict[str, list[float]] = {name: [] for name in conditions}
    for number, rows in enumerate(_events(table)):
        exons.append(_exons(table, rows))
        inclusion = [rows[name] for name in INCLUSION]
        for name in conditions:
            psi[name].append(_over(table, inclusion, f"{name}{PSI}", 0, np.mean))
        for name, (first, second) in pairs.items():
            dpsi = _over(table, inclusion, f"{name}{DPSI}", -1, np.mean)
            if not math.isnan(dpsi):
                chances = [
                    _over(table, inclusion, table.named(f"{name}_probability_{kind}"), 0, np.min)
                    for kind in ("changing", "non_changing")
                ]
                changes.append(Change(number, first, second, dpsi, *chances))
    return table.events(exons, {name: np.array(values) for name, values in psi.items()}, changes)


def _pair(table: Text, column: str, conditions: list[str]) -> tuple[str, tuple[str, str]]:
    """B-A as the comparison of B with A, by names that may hold hyphens themselves."""
    name = column.removesuffix(DPSI)
    for second in conditions:
        first = name.removeprefix(f"{second}-")
        if first != name and first in conditions:
            return name, (first, second)
    raise ValueError(
        f"{table.path}: the column {column!r} compares no two of {', '.join(conditions)}, expected B-A{DPSI}"
    )


def _events(table: Text) -> list[dict[str, int]]:
    """The rows of every event by junction."""
    by_event: dict[str, dict[str, int]] = defaultdict(dict)
    for row, (event, junction) in enumerate(
        zip(table.columns["event_id"], table.columns["junction_name"], strict=True)
    ):
        if junction not in ROWS:
            table.refuse(row, "junction_name", f"one of {', '.join(sorted(ROWS))}")
        if junction in by_event[event]:
            table.refuse(row, "junction_name", f"every junction of the event {event} once")
        by_event[event][junction] = row
    for rows in by_event.values():
        if missing := ROWS - set(rows):
            table.refuse(min(rows.values()), "event_id", f"four rows of the event, {min(missing)} is missing")
        for row in rows.values():
            if table.columns["strand"][row] != table.columns["strand"][rows["C1_A"]]:
                table.refuse(row, "strand", "the strand of the event's first row")
    return list(by_event.values())


def _exons(table: Text, rows: dict[str, int]) -> Triplet:
    first = rows["C1_A"]
    strand = table.strand(first, "strand")
    upstream = _span(table, first, "reference_exon_coord")
    exon = _span(table, first, "spliced_with_coord")
    downstream = _span(table, rows["C2_A"], "reference_exon_coord")
    if _span(table, rows["C2_A"], "spliced_with_coord") != exon:
        table.refuse(rows["C2_A"], "spliced_with_coord", "the exon that C1_A is spliced with")
    coordinates = [*upstream, *exon, *downstream]
    if wrong := order_refusal(strand, coordinates):
        table.refuse(first, "spliced_with_coord", wrong)
    gene_id, gene_name, chrom = (
        table.column(*names)[first] for names in (("gene_id",), ("gene_name",), ("seqid", "chr"))
    )
    return Triplet(gene_id, gene_name, chrom, strand, coordinates)


def _span(table: Text, row: int, column: str) -> list[int | None]:
    """A span counted from 1, as from 0 with an exclusive end."""
    start, end = table.span(row, column, table.columns[column][row])
    return [None if start is None else start - 1, end]


def _over(table: Text, rows: list[int], column: str, low: float | int, how: Callable[[list[float]], Any]) -> float:
    """Over the rows that are quantified; NaN where none is."""
    values = [table.number(row, column, table.columns[column][row], low, 1) for row in rows]
    there = [value for value in values if not math.isnan(value)]
    return float(how(there)) if there else math.nan
