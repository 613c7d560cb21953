"""Events as plain CSV: what `write_events` writes, and what anyone can make of another program's output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events.table import (
    CHANGES,
    COORDINATES,
    EXONS,
    SPREAD,
    Change,
    Events,
    Triplet,
    order_refusal,
)
from eigrad.cases.splicing.events.text import MISSING, Text, read_text
from eigrad.data import write_table

NEEDED = ("chrom", "strand", "exon_start", "exon_end")
PSI = "psi_"
PAIR = ("condition_1", "condition_2")


def read_csv(path: Path | str, changes: Path | str | None = None) -> Events:
    """Events from a CSV table with the columns of `EXONS` and one `psi_NAME` for every condition, NAME its name.

    event_id, gene_id, gene_name and the outer ends of the flanking exons may be left out. `changes` is a second table:
    event_id, condition_1, condition_2, dpsi, and what is known of probability_changing, probability_non_changing and
    p_adjusted; a row without dpsi is no change. Events are named anew; changes name them as the first table does.
    """
    table = read_text(path, NEEDED, separator=",")
    exons = []
    for row in range(len(table)):
        strand = table.strand(row, "strand")
        coordinates = [_end(table, row, name) for name in COORDINATES]
        if wrong := order_refusal(strand, coordinates):
            table.refuse(row, "exon_start", wrong)
        gene_id, gene_name = (
            table.columns[name][row] if name in table.columns else "" for name in ("gene_id", "gene_name")
        )
        exons.append(Triplet(gene_id, gene_name, table.columns["chrom"][row], strand, coordinates))
    psi = {name.removeprefix(PSI): table.numbers(name, 0, 1) for name in table.columns if name.startswith(PSI)}
    rows = [] if changes is None else _changes(changes, table.columns.get("event_id", []))
    return table.events(exons, psi, rows)


def write_events(events: Events, path: Path | str, changes: Path | str) -> None:
    """The two tables that `read_csv` reads."""
    table = pd.concat([events.exons.reset_index(drop=True), events.psi.add_prefix(PSI).reset_index(drop=True)], axis=1)
    write_table(Path(path), table[[*EXONS, *(f"{PSI}{name}" for name in events.conditions)]])
    write_table(Path(changes), events.changes)


def _end(table: Text, row: int, name: str) -> int | None:
    text = table.columns[name][row] if name in table.columns else ""
    return None if text in (*MISSING, "<NA>") else table.whole(row, name, text)


def _changes(path: Path | str, ids: list[str]) -> list[Change]:
    table = read_text(path, ("event_id", *PAIR, "dpsi"), separator=",")
    place = {name: number for number, name in enumerate(ids)}
    limits = {"dpsi": -1, **dict.fromkeys(CHANGES[4:], 0), **dict.fromkeys(SPREAD, -1)}
    numbers = {
        name: table.numbers(name, low, 1) if name in table.columns else np.full(len(table), np.nan)
        for name, low in limits.items()
    }
    rows = []
    for row, name in enumerate(table.columns["event_id"]):
        if name not in place:
            table.refuse(row, "event_id", "an event of the first table")
        if np.isnan(numbers["dpsi"][row]):
            continue
        first, second = (table.columns[each][row] for each in PAIR)
        rows.append(Change(place[name], first, second, *(float(numbers[each][row]) for each in limits)))
    return rows
