"""MAJIQ 2: the tables of `voila tsv`, whose local splicing variations (LSVs) are put together into cassette exons."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eigrad.cases.splicing.events.table import Change, Events, Triplet, order_refusal
from eigrad.cases.splicing.events.text import Span, Text, read_text

logger = logging.getLogger(__name__)

NEEDED = ("gene_name", "gene_id", "lsv_id", "lsv_type", "num_junctions", "strand", "junctions_coords", "exons_coords")
LSV_ID = re.compile(r".*:([st]):(na|\d+)-(na|\d+)")
KINDS = ("changing", "non_changing")
BUILD = re.compile(r"[?&]db=([^&]+)")


@dataclass(frozen=True)
class _Cassette:
    """An LSV of two junctions, one to the exon nearby (inclusion) and one beyond it.

    Exons stand in the order of the transcript, counted from 1 as MAJIQ does, mirrored on the reverse strand.
    """

    row: int
    source: bool
    exons: tuple[Span, Span, Span]
    near: int  # the place of the inclusion junction


def read_majiq(path: Path | str, *, condition: str | None = None, sides: str = "both") -> Events:
    """Cassette exons of a deltapsi or psi table by `voila tsv`.

    A cassette exon shows as two LSVs of two junctions each, one seen from the upstream and one from the downstream
    exon. By default both must be there: one alone may be an alternative first or last exon; "either" takes it all the
    same. PSI and dPSI are means of the two, probabilities the smaller. LSVs of more junctions are left out, for which
    MAJIQ has `voila modulize` (`read_cassettes`). A deltapsi table has its conditions in its header; of a psi table
    `condition` is the name (by default that of the file, up to its first dot).
    """
    if sides not in ("both", "either"):
        raise ValueError(f"sides: got {sides!r}, expected both or either")
    table = read_text(path, NEEDED)
    _refuse_mixed_builds(table)
    groups = [name.removesuffix("_mean_psi") for name in table.columns if name.endswith("_mean_psi")]
    if "mean_dpsi_per_lsv_junction" in table.columns:
        if len(groups) != 2:
            raise ValueError(
                f"{path}: has {len(groups)} columns that end in _mean_psi, expected one for each of two groups"
            )
        columns = {name: f"{name}_mean_psi" for name in groups}
    else:
        columns = {condition or Path(path).name.split(".")[0]: table.named("mean_psi_per_lsv_junction")}
    found = [cassette for row in range(len(table)) if (cassette := _cassette(table, row)) is not None]
    paired = _paired(table, found, sides)
    logger.info("%s: %d cassette exons from %d LSVs", path, len({key for key, _ in paired}), len(table))
    exons, changes = [], []
    psi: dict[str, list[float]] = {name: [] for name in columns}
    for number, (key, cassette) in enumerate(paired):
        exons.append(_row(table, cassette, key))
        for name, column in columns.items():
            psi[name].append(_value(table, cassette, column, 0, 1))
        if len(columns) == 2:
            first, second = columns
            dpsi = _value(table, cassette, "mean_dpsi_per_lsv_junction", -1, 1)
            chances = (_value(table, cassette, table.named(f"probability_{kind}"), 0, 1) for kind in KINDS)
            changes.append(Change(number, first, second, dpsi, *chances))
    return table.events(exons, {name: np.array(values) for name, values in psi.items()}, changes)


Key = tuple[str, str, int, int, int, int]


def _cassette(table: Text, row: int) -> _Cassette | None:
    """The cassette that an LSV may be a side of; every cell that is needed is checked whether it is one or not."""
    strand = table.strand(row, "strand")
    n = table.whole(row, "num_junctions", table.columns["num_junctions"][row])
    junctions = [
        table.span(row, "junctions_coords", text) for text in table.columns["junctions_coords"][row].split(";")
    ]
    if any(None in junction for junction in junctions):
        table.refuse(row, "junctions_coords", "junctions of which both ends are known")
    if len(junctions) != n:
        table.refuse(row, "junctions_coords", f"{n} junctions with ';' between them, as num_junctions says")
    exons = [table.span(row, "exons_coords", text) for text in table.columns["exons_coords"][row].split(";")]
    identity = LSV_ID.fullmatch(table.columns["lsv_id"][row])
    if identity is None:
        table.refuse(row, "lsv_id", "an identifier that ends in :s:START-END or :t:START-END")
    if n != 2 or len(exons) != 3 or table.columns["lsv_type"][row].endswith("|i"):
        return None
    source = identity[1] == "s"
    reference = table.span(row, "lsv_id", f"{identity[2]}-{identity[3]}")
    if reference not in exons:
        table.refuse(row, "exons_coords", "the exon of lsv_id among them")
    oriented = [_oriented(exon, strand) for exon in exons]
    ends = [_oriented(junction, strand) for junction in junctions]
    own, far = (0, 1) if source else (1, 0)
    if len({junction[own] for junction in ends}) != 1:
        return None  # two splice sites of the reference exon
    near = min((0, 1), key=lambda i: abs(ends[i][far] - ends[i][own]))  # type: ignore[operator]
    others = [_landing(oriented, ends[i][far], far) for i in (near, 1 - near)]
    here = _oriented(reference, strand)
    if None in others or others[0] == others[1] or here in others:
        return None
    triplet = (here, *others) if source else (*others[::-1], here)
    return _Cassette(row, source, triplet, near)  # type: ignore[arg-type]


def _landing(exons: list[Span], place: int | None, far: int) -> Span | None:
    """The exon at whose edge a junction lands."""
    edge = 0 if far == 1 else 1
    return next((exon for exon in exons if exon[edge] == place), None)


def _paired(table: Text, found: list[_Cassette], sides: str) -> list[tuple[Key, _Cassette]]:
    """Cassettes by the inner ends of their introns; those seen from one side only are left out unless asked for."""
    by_key: dict[Key, list[_Cassette]] = defaultdict(list)
    for cassette in found:
        (_, left), (start, end), (right, _) = cassette.exons
        if None not in (left, start, end, right):
            chrom = table.column("seqid", "chr")[cassette.row]
            by_key[chrom, table.columns["strand"][cassette.row], left, start, end, right].append(cassette)  # type: ignore[index]
    kept = []
    for key, cassettes in by_key.items():
        if sides == "either" or len({cassette.source for cassette in cassettes}) == 2:
            kept += [(key, cassette) for cassette in cassettes]
    return kept


def _row(table: Text, cassette: _Cassette, key: Key) -> Triplet:
    """Gene, chromosome, strand and coordinates from 0 with exclusive ends."""
    chrom, strand = key[:2]
    coordinates: list[int | None] = []
    for start, end in (_oriented(exon, strand) for exon in cassette.exons):
        coordinates += [None if start is None else start - 1, end]
    if wrong := order_refusal(strand, coordinates):
        table.refuse(cassette.row, "exons_coords", wrong)
    gene_id, gene_name = (table.columns[name][cassette.row] for name in ("gene_id", "gene_name"))
    return Triplet(gene_id, gene_name, chrom, strand, coordinates)


def _value(table: Text, cassette: _Cassette, column: str, low: float | int, high: float | int) -> float:
    """The inclusion junction's number of a cell with one for each junction."""
    return table.list_of(cassette.row, column, 2, low, high)[cassette.near]


def _oriented(span: Span, strand: str) -> Span:
    """A span as the transcript runs: on the reverse strand mirrored at 0. Twice is the span again."""
    start, end = span
    return span if strand == "+" else (None if end is None else -end, None if start is None else -start)


def _refuse_mixed_builds(table: Text) -> None:
    """The links that voila writes name the genome."""
    column = "ucsc_lsv_link"
    if column not in table.columns:
        return
    found = [match[1] if (match := BUILD.search(text)) else None for text in table.columns[column]]
    known = [genome for genome in found if genome is not None]
    for row, genome in enumerate(found):
        if genome is not None and genome != known[0]:
            table.refuse(row, column, f"the genome build of the first row, db={known[0]}")
