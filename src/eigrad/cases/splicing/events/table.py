"""Exon triplets and how much the middle exon is included: one table, whatever program quantified it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64

COORDINATES = ("upstream_start", "upstream_end", "exon_start", "exon_end", "downstream_start", "downstream_end")
EXONS = ("event_id", "gene_id", "gene_name", "chrom", "strand", *COORDINATES)
CHANGES = (
    "event_id", "condition_1", "condition_2", "dpsi", "probability_changing", "probability_non_changing", "p_adjusted",
)  # fmt: skip
SPREAD = ("dpsi_least", "dpsi_most")  # of the rows that a change was joined from


@dataclass(frozen=True)
class Events:
    """Exon triplets with their inclusion (PSI) by condition and its changes between conditions.

    `exons`: one row an event, columns `EXONS`. Coordinates count from 0, ends are exclusive, and starts are below ends
    on both strands; upstream and downstream are those of the transcript. The outer ends of the flanking exons may be
    missing (<NA>). `psi`: events by conditions, from 0 to 1, NaN where not quantified. `changes`: one row an event and
    pair of conditions, columns `CHANGES`; `dpsi` is the second condition's PSI less the first's; what a program does
    not give (a probability, an adjusted p-value) is NaN. Of a change that was joined from several rows, the
    columns `SPREAD`, where they are there, say what these rows had.
    """

    exons: pd.DataFrame
    psi: pd.DataFrame
    changes: pd.DataFrame

    def __post_init__(self) -> None:
        for name, table, columns in (("exons", self.exons, EXONS), ("changes", self.changes, CHANGES)):
            if missing := [column for column in columns if column not in table]:
                raise ValueError(f"events: {name} has no column {missing[0]!r}, expected {', '.join(columns)}")
        ids = pd.Index(self.exons["event_id"])
        if not ids.is_unique:
            raise ValueError(f"events: {ids[ids.duplicated()][0]!r} stands there twice, expected every event once")
        if not self.psi.index.equals(ids):
            raise ValueError("events: the rows of psi are not the events in their order, expected one row each")
        values = self.psi.to_numpy(float)
        if ((values < 0) | (values > 1)).any():
            raise ValueError("events: got a PSI outside 0 to 1, expected fractions")
        if unknown := set(self.changes["event_id"]) - set(ids):
            raise ValueError(f"events: {min(unknown)!r} changes but is no event, expected changes of events only")
        _refuse_two_namings(self.exons["chrom"])

    def __len__(self) -> int:
        return len(self.exons)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions with a PSI."""
        return tuple(map(str, self.psi.columns))

    @cached_property
    def lengths(self) -> pd.DataFrame:
        """Nucleotides of the three exons and two introns, <NA> where an end is missing."""
        oriented = pd.DataFrame({name: self.exons[name].astype("Int64") for name in COORDINATES})
        forward = (self.exons["strand"] == "+").to_numpy()
        before = (oriented["exon_start"] - oriented["upstream_end"]).where(
            forward, oriented["upstream_start"] - oriented["exon_end"]
        )
        after = (oriented["downstream_start"] - oriented["exon_end"]).where(
            forward, oriented["exon_start"] - oriented["downstream_end"]
        )
        return pd.DataFrame(
            {
                "upstream_exon": oriented["upstream_end"] - oriented["upstream_start"],
                "upstream_intron": before,
                "exon": oriented["exon_end"] - oriented["exon_start"],
                "downstream_intron": after,
                "downstream_exon": oriented["downstream_end"] - oriented["downstream_start"],
            }
        ).set_axis(self.exons["event_id"])

    def take(self, kept: np.ndarray) -> Events:
        """The events at these positions, or where a mask is true, with their changes."""
        exons = self.exons[kept] if np.asarray(kept).dtype == bool else self.exons.iloc[kept]
        exons = exons.reset_index(drop=True)
        changes = self.changes[self.changes["event_id"].isin(exons["event_id"])].reset_index(drop=True)
        return Events(exons, self.psi.loc[exons["event_id"]], changes)


class Triplet(NamedTuple):
    """A row of a table of exons; its coordinates are those of `COORDINATES`, None where an outer end is unknown."""

    gene_id: str
    gene_name: str
    chrom: str
    strand: str
    coordinates: Sequence[int | None]


class Change(NamedTuple):
    """What a row of a table says of two conditions, NaN where it says nothing; `SPREAD` where it was joined already."""

    row: int
    condition_1: str
    condition_2: str
    dpsi: float | int
    probability_changing: float = math.nan
    probability_non_changing: float = math.nan
    p_adjusted: float = math.nan
    dpsi_least: float = math.nan
    dpsi_most: float = math.nan


def event_id(chrom: str, strand: str, coordinates: Sequence[int | None]) -> str:
    """What an event is called: the inner ends of its introns, such as "chr1:100-150-200-300:+".

    `coordinates` are those of `COORDINATES`. Two programs that quantify the same exon between the same splice sites
    call it the same.
    """
    upstream_start, upstream_end, exon_start, exon_end, downstream_start, downstream_end = coordinates
    outer = (upstream_end, downstream_start) if strand == "+" else (downstream_end, upstream_start)
    return f"{chrom}:{outer[0]}-{exon_start}-{exon_end}-{outer[1]}:{strand}"


def build(
    exons: Sequence[Triplet], psi: Mapping[str, Float64[np.ndarray, " rows"]], changes: Sequence[Change] = ()
) -> Events:
    """Events from rows of exon triplets, their PSI by condition, and what changes in which row.

    Rows that name one event are joined: PSI and dPSI are their means, probabilities and p-values the least certain.
    """
    ids = [event_id(row.chrom, row.strand, row.coordinates) for row in exons]
    table = pd.DataFrame(
        [(i, *row[:4], *row.coordinates) for i, row in zip(ids, exons, strict=True)], columns=list(EXONS)
    )
    table[list(COORDINATES)] = table[list(COORDINATES)].astype("Int64")
    known = table[list(COORDINATES)].notna().sum(axis=1)
    first = table.loc[known.sort_values(ascending=False, kind="stable").index].drop_duplicates("event_id").sort_index()
    inclusion = pd.DataFrame(psi, index=pd.Index(ids, name="event_id"), dtype=float)
    inclusion = inclusion.groupby(level=0, sort=False).mean()
    order = first["event_id"].tolist()
    rows = pd.DataFrame([(ids[row], *rest) for row, *rest in changes], columns=[*CHANGES, *SPREAD])
    return Events(first.reset_index(drop=True), inclusion.loc[order], _joined_changes(rows))


def _joined_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an event and pair of conditions, with the least and the largest dPSI of the rows that are joined."""
    pair = ["event_id", "condition_1", "condition_2"]
    numbers = [name for name in (*CHANGES, *SPREAD) if name not in pair]
    rows = rows.astype(dict.fromkeys(pair, object) | dict.fromkeys(numbers, float))
    rows = rows.assign(**{name: rows[name].fillna(rows["dpsi"]) for name in SPREAD})
    how = {"dpsi": "mean", "probability_changing": "min", "probability_non_changing": "min", "p_adjusted": "max"}
    how |= dict(zip(SPREAD, ("min", "max"), strict=True))
    return rows.groupby(pair, sort=False).agg(how).reset_index()[[*CHANGES, *SPREAD]]


def merge(parts: Sequence[Events]) -> Events:
    """Events of several tables, such as of every pair of tissues, joined where they name the same exon.

    A condition's PSI is its mean over the tables that have it. A pair of conditions may stand in one table only.
    """
    if not parts:
        raise ValueError("events: got no tables to merge, expected at least one")
    seen: set[tuple[str, str]] = set()
    for part in parts:
        pairs = {
            tuple(sorted(pair)) for pair in zip(part.changes["condition_1"], part.changes["condition_2"], strict=True)
        }
        if twice := seen & pairs:
            raise ValueError(f"events: {' and '.join(min(twice))} are compared in two tables, expected one a pair")
        seen |= pairs
    exons = pd.concat([part.exons for part in parts])
    known = exons[list(COORDINATES)].notna().sum(axis=1).to_numpy()
    exons = exons.iloc[np.argsort(-known, kind="stable")].drop_duplicates("event_id")
    order = pd.unique(np.concatenate([part.exons["event_id"].to_numpy(object) for part in parts]))
    exons = exons.set_index("event_id").loc[order].reset_index()
    psi = pd.concat([part.psi for part in parts]).groupby(level=0).mean().loc[order]
    return Events(exons, psi, pd.concat([part.changes for part in parts], ignore_index=True))


def order_refusal(strand: str, coordinates: Sequence[int | None]) -> str | None:
    """What is wrong with the coordinates of an event, or None: exons must not be empty, nor overlap."""
    pairs = [coordinates[0:2], coordinates[2:4], coordinates[4:6]]
    for name, (start, end) in zip(("upstream exon", "exon", "downstream exon"), pairs, strict=True):
        if start is not None and end is not None and start >= end:
            return f"a start below the end of the {name}"
    left, middle, right = pairs if strand == "+" else pairs[::-1]
    if left[1] is None or right[0] is None or None in middle:
        return "the inner ends of the introns"
    if not (left[1] < middle[0] and middle[1] < right[0]):  # type: ignore[operator]
        return f"exons in the order of the {strand} strand, with introns between them"
    return None


def _refuse_two_namings(chrom: pd.Series) -> None:
    """Chromosomes are called chr1 or 1: a table with both mixes two genome builds."""
    prefixed = chrom.str.startswith("chr")
    plain = chrom[~prefixed & chrom.str.fullmatch(r"[0-9]+|[XYZW]|MT?")]
    if prefixed.any() and len(plain):
        raise ValueError(
            f"events: got chromosomes named {chrom[prefixed].iloc[0]!r} and {plain.iloc[0]!r}, expected one naming"
        )
