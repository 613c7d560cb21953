"""What is wrong with a table is said in one sentence, with the line and the column."""

import gzip

import pytest
from tests.splicing import tables
from tests.splicing.tables import CASSETTE, OTHER

from eigrad.cases.splicing.events import read_csv, read_events, read_majiq, read_rmats, read_vasttools

PLAIN = (
    "event_id", "gene_id", "gene_name", "chrom", "strand", "upstream_start", "upstream_end", "exon_start", "exon_end",
    "downstream_start", "downstream_end", "psi_liver",
)  # fmt: skip


def plain(triplet, name):
    return [name, "ENSG1", "G1", "chr1", "+", *(value for start, end in triplet for value in (start - 1, end)), 0.5]


def whole(kind):
    """A table without damage, as rows: the header first."""
    return {
        "majiq": [tables.MAJIQ, *(tables.lsv(each, "+", side) for each in (CASSETTE, OTHER) for side in "st")],
        "cassettes": [tables.CASSETTES, *tables.cassette(CASSETTE, "+", [(0.2, 0.7, 0.45, 0.97, 0.01)] * 2)],
        "rmats": [tables.RMATS, tables.rmats(CASSETTE, "+"), tables.rmats(OTHER, "-")],
        "vast": [tables.VAST, tables.vast(CASSETTE, "+"), tables.vast(OTHER, "-")],
        "plain": [PLAIN, plain(CASSETTE, "a"), plain(OTHER, "b")],
    }[kind]


def damaged(kind, row, column, value):
    rows = [list(each) for each in whole(kind)]
    rows[row][rows[0].index(column)] = value
    return rows


# What is done to a table of which kind, what was expected there, and which cell is blamed where it is not that one.
DAMAGE = [
    ("majiq", 2, "strand", ".", "+ or -", None),
    ("majiq", 1, "junctions_coords", "1100-1501", "2 junctions", None),
    ("majiq", 1, "junctions_coords", "1100-1501;1100", "START-END", None),
    ("majiq", 4, "heart_mean_psi", "0.2;0.3;0.5", "2 numbers", None),
    ("majiq", 1, "heart_mean_psi", "1.2;-0.2", "a number between 0 and 1", None),
    ("majiq", 1, "liver_mean_psi", "0.2;na", "2 numbers", None),
    ("majiq", 3, "mean_dpsi_per_lsv_junction", "x;y", "a number", None),
    ("majiq", 1, "probability_changing", "95;95", "a number between 0 and 1", None),
    ("majiq", 1, "exons_coords", "1001-1100;15o1-1560;2001-2200", "START-END", None),
    ("majiq", 2, "exons_coords", "1001-1100;1501-1560;3001-3200", "the exon of lsv_id", None),
    ("majiq", 1, "lsv_id", "ENSG1", "an identifier", None),
    ("majiq", 1, "num_junctions", "two", "a whole number", None),
    ("majiq", 3, "ucsc_lsv_link", "http://g?db=hg19", "the genome build", None),
    ("cassettes", 2, "junction_name", "C1_B", "one of C1_A", None),
    ("cassettes", 4, "event_id", "another", "four rows of the event, C2_A is missing", (1, "event_id")),
    ("cassettes", 2, "junction_name", "C1_C2", "every junction", None),
    ('cassettes', 3, 'strand', '-', "the strand of the event's first row", None),
    ("cassettes", 4, "spliced_with_coord", "1501-1569", "the exon that C1_A is spliced with", None),
    ("cassettes", 2, "reference_exon_coord", "na", "START-END", None),
    ("cassettes", 2, "liver_median_psi", "70", "a number between 0 and 1", None),
    ("rmats", 1, "exonEnd", "1500", "a start below the end of the exon", (1, "exonStart_0base")),
    ("rmats", 2, "upstreamEE", "99999", "exons in the order of the - strand", (2, "exonStart_0base")),
    ("rmats", 1, "IncLevel1", "0.2,1.3", "a number between 0 and 1", None),
    ("rmats", 1, "IncLevelDifference", "0.55", "-0.550", None),
    ("rmats", 2, "FDR", "-0.1", "a number between 0 and 1", None),
    ("rmats", 2, "upstreamES", "-5", "a whole number", None),
    ("rmats", 2, "strand", "1", "+ or -", None),
    ("vast", 1, "S1", "120", "a number between 0 and 100", None),
    ("vast", 2, "S2-Q", "bad", "scores", None),
    ("vast", 1, "COORD", "1501-1560", "an exon", None),
    ("vast", 1, "FullCO", "chr2:1100,1501-1560,2001", "the chromosome of COORD", None),
    ("vast", 1, "FullCO", "chr1:+,1501-1560,2001", "sites such as", None),
    ("vast", 1, "FullCO", "chr1:1550,1501-1560,2001", "exons in the order of the + strand", None),
    ("vast", 2, "LENGTH", "34", "33", None),
    ("plain", 2, "exon_end", "7500", "exons in the order", (2, "exon_start")),
    ("plain", 1, "psi_liver", "50 %", "a number", None),
    ("plain", 1, "exon_start", "", "the inner ends of the introns", None),
]  # fmt: skip


def written(tmp_path, kind, rows, name="table"):
    return tables.write(tmp_path / name, rows, "," if kind == "plain" else "\t")


@pytest.mark.parametrize("kind", ["majiq", "cassettes", "rmats", "vast", "plain"])
def test_without_damage_every_table_is_read(tmp_path, kind):
    assert len(read_events(written(tmp_path, kind, whole(kind)))) == (1 if kind == "cassettes" else 2)


@pytest.mark.parametrize(("kind", "row", "column", "value", "expected", "blamed"), DAMAGE)
def test_a_damaged_cell_is_named(tmp_path, kind, row, column, value, expected, blamed):
    rows = damaged(kind, row, column, value)
    path = written(tmp_path, kind, rows)
    row, column = blamed or (row, column)
    got = rows[row][rows[0].index(column)]
    with pytest.raises(ValueError, match="line") as error:
        read_events(path)
    start = f"{path}, line {row + 1}, column {column!r}: got {str(got)!r}, expected "
    assert str(error.value).startswith(start)
    assert str(error.value).removeprefix(start).startswith(expected)


@pytest.mark.parametrize("kind", ["majiq", "cassettes", "rmats", "vast", "plain"])
def test_a_damaged_file_is_named(tmp_path, kind):
    rows = [list(each) for each in whole(kind)]
    with pytest.raises(
        ValueError, match=f"line 3: got {len(rows[0]) - 1} cells, expected {len(rows[0])} as in the header"
    ):
        read_events(written(tmp_path, kind, [rows[0], rows[1], rows[2][:-1]]))
    with pytest.raises(ValueError, match="got an empty file"):
        read_events(written(tmp_path, kind, []))
    cut = written(tmp_path, kind, rows, "table.gz")
    cut.write_bytes(cut.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"cannot be read .*expected a text table, gzipped or not"):
        read_events(cut)
    flipped = bytearray(gzip.compress(b"\xff\xfe" * 99))
    cut.write_bytes(flipped)
    with pytest.raises(ValueError, match="cannot be read"):
        read_events(cut)
    with pytest.raises(ValueError, match="cannot be read"):
        read_events(tmp_path / "nowhere.tsv")


@pytest.mark.parametrize(
    ("kind", "read", "column"),
    [
        ("majiq", read_majiq, "junctions_coords"),
        ("rmats", read_rmats, "IncLevel2"),
        ("vast", read_vasttools, "LENGTH"),
        ("plain", read_csv, "strand"),
    ],
)
def test_a_missing_column_is_named(tmp_path, kind, read, column):
    place = whole(kind)[0].index(column)
    rows = [[cell for i, cell in enumerate(row) if i != place] for row in whole(kind)]
    with pytest.raises(ValueError, match=f"has no column '{column}'"):
        read(written(tmp_path, kind, rows))


def test_a_column_named_twice_is_refused_but_for_rmats_id(tmp_path):
    rows = [[*row, row[5]] for row in whole("plain")]
    with pytest.raises(ValueError, match="has the column 'upstream_start' twice"):
        read_events(written(tmp_path, "plain", rows))


def test_a_table_of_no_known_kind_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"no known kind, expected one of: cassette.tsv of voila modulize \(spliced_with_coord\)"
    ):
        read_events(tables.write(tmp_path / "t", [("sample", "value"), (1, 2)]))


def test_two_ways_of_naming_chromosomes_are_refused(tmp_path):
    rows = damaged("plain", 2, "chrom", "1")
    with pytest.raises(ValueError, match="chromosomes named 'chr1' and '1', expected one naming"):
        read_events(written(tmp_path, "plain", rows))


def test_changes_of_unknown_events_are_refused(tmp_path):
    events = written(tmp_path, "plain", whole("plain"))
    changes = tables.write(
        tmp_path / "changes.csv", [("event_id", "condition_1", "condition_2", "dpsi"), ("c", "x", "y", 0.2)], ","
    )
    with pytest.raises(ValueError, match="line 2, column 'event_id': got 'c', expected an event of the first table"):
        read_csv(events, changes)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda path: read_majiq(path, sides="left"), "sides: got 'left', expected both or either"),
        (lambda path: read_vasttools(path, "GOOD"), "min_quality: got 'GOOD', expected one of SOK"),
    ],
)
def test_arguments_that_cannot_be_are_refused(tmp_path, call, said):
    with pytest.raises(ValueError, match=said):
        call(written(tmp_path, "majiq", whole("majiq")))
