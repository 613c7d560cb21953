"""Constitutive exons from an annotation: those that no known transcript skips, changes or joins elsewhere."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events.table import Events, Triplet, build
from eigrad.cases.splicing.libraries import require_library
from eigrad.data import one_line

COLUMNS = {0: "chrom", 2: "kind", 3: "start", 4: "end", 6: "strand", 8: "names"}
N_COLUMNS = 9
PLACE = ["chrom", "strand"]
LARGEST = 1e15  # no genome is as long, and all whole numbers up to it are floating-point numbers


def constitutive_exons(path: Path | str, *, min_transcripts: int = 1) -> Events:
    """Exon triplets of a GTF file, gzipped or not, whose middle exon is in every transcript that passes it.

    An exon is constitutive where its two flanking introns are the only introns, of any transcript on its strand, that
    overlap them or the exon, and at least `min_transcripts` transcripts have it between them. Its flanking exons are as
    long as in the transcript that shows most of them. Events without PSI.
    """
    if min_transcripts < 1:
        raise ValueError(f"min_transcripts: got {min_transcripts}, expected at least 1")
    require_library("bioframe", "an annotation")
    exons = _exons(Path(path))
    triplets = _triplets(exons)
    if triplets.empty:
        raise ValueError(f"{path}: got no transcript of three exons, expected some")
    inner = [*PLACE, "left_end", "start", "end", "right_start"]
    table = triplets.groupby(inner, sort=False).agg(
        left_start=("left_start", "min"), right_end=("right_end", "max"), n=("transcript_id", "size"),
        gene_id=("gene_id", "first"), gene_name=("gene_name", "first"),
    ).reset_index()  # fmt: skip
    alone = _n_introns(table, _introns(exons)) == len(("upstream", "downstream"))
    kept = table[alone & (table["n"] >= min_transcripts).to_numpy()]
    try:
        return build(list(map(_triplet, kept.to_dict("records"))), {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _exons(path: Path) -> pd.DataFrame:
    """Exons in the order of the genome within each transcript; starts count from 0."""
    table = _read(path)
    exons = table[table["kind"] == "exon"].reset_index(drop=True)
    for name in ("transcript_id", "gene_id", "gene_name"):
        exons[name] = exons["names"].str.extract(rf'\b{name} "([^"]*)"', expand=False)
    exons["gene_name"] = exons["gene_name"].fillna(exons["gene_id"])
    for name, good, expected in (
        ("chrom", exons["chrom"].notna(), "a chromosome"),
        ("strand", exons["strand"].isin(["+", "-"]), "+ or -"),
        ("names", exons["transcript_id"].notna() & exons["gene_id"].notna(), "a transcript_id and a gene_id"),
        ("start", exons["start"].between(1, exons["end"]), "a start from 1 to the end"),
    ):
        if not good.all():
            row = exons[~good].iloc[0]
            raise ValueError(
                f"{path}, exon {row['chrom']}:{row['start']}-{row['end']}: got {str(row[name])[:80]!r} as {name}, "
                f"expected {expected}"
            )
    exons["start"] -= 1
    return exons.drop(columns=["kind", "names"]).sort_values(["transcript_id", *PLACE, "start"], kind="stable")


def _read(path: Path) -> pd.DataFrame:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        table = pd.read_csv(
            path, sep="\t", comment="#", header=None, usecols=list(COLUMNS), quoting=3, dtype=str,
            compression="gzip" if packed else None,
        )  # fmt: skip
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path}: got an empty file, expected an annotation in GTF") from None
    except (OSError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError, ValueError) as error:
        raise ValueError(
            f"{path}: cannot be read ({one_line(error)}), expected GTF: {N_COLUMNS} columns with tabs between them"
        ) from error
    table = table.rename(columns=COLUMNS).dropna(subset=["kind"])
    if not (table["kind"] == "exon").any():
        raise ValueError(f"{path}: got no line of an exon, expected an annotation in GTF")
    for name in ("start", "end"):
        numbers = pd.to_numeric(table[name], errors="coerce")
        numbers = numbers.astype(float)
        if (bad := numbers.isna() | (numbers % 1 != 0) | (numbers.abs() > LARGEST)).any():
            place = int(np.flatnonzero(bad)[0])
            got = str(table[name].iloc[place])[:80]
            raise ValueError(f"{path}, entry {place + 1}: got {got!r} as {name}, expected a whole number")
        table[name] = numbers.astype(np.int64)
    return table


def _triplets(exons: pd.DataFrame) -> pd.DataFrame:
    """Every exon of a transcript between two others that it does not touch, left and right as in the genome."""
    same = ["transcript_id", *PLACE]
    before, after = exons.shift(1), exons.shift(-1)
    inside = ((before[same] == exons[same]) & (after[same] == exons[same])).all(axis=1)
    table = exons[inside].copy()
    for name, other in (("left", before), ("right", after)):
        for end in ("start", "end"):
            table[f"{name}_{end}"] = other.loc[inside, end].astype(np.int64)
    return table[(table["left_end"] < table["start"]) & (table["end"] < table["right_start"])]


def _introns(exons: pd.DataFrame) -> pd.DataFrame:
    """Every intron of a transcript, once."""
    same = ["transcript_id", *PLACE]
    after = exons.shift(-1)
    inside = (after[same] == exons[same]).all(axis=1)
    introns = exons.loc[inside, [*PLACE, "end"]].rename(columns={"end": "start"})
    introns["end"] = after.loc[inside, "start"].astype(np.int64)
    return introns[introns["start"] <= introns["end"]].drop_duplicates().reset_index(drop=True)


def _n_introns(table: pd.DataFrame, introns: pd.DataFrame) -> np.ndarray:
    """How many introns overlap each exon or one of its flanking introns."""
    import bioframe

    spans = table[[*PLACE, "left_end", "right_start"]].set_axis([*PLACE, "start", "end"], axis=1)
    counts: np.ndarray = bioframe.count_overlaps(spans, introns, on=["strand"])["count"].to_numpy()
    return counts


def _triplet(row: dict[str, int | str]) -> Triplet:
    sides = [(row["left_start"], row["left_end"]), (row["right_start"], row["right_end"])]
    up, down = sides if row["strand"] == "+" else sides[::-1]
    return Triplet(
        str(row["gene_id"]), str(row["gene_name"]), str(row["chrom"]), str(row["strand"]),
        [int(end) for end in (*up, row["start"], row["end"], *down)],
    )  # fmt: skip
