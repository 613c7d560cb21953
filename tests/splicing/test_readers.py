"""One exon, whatever program wrote it and on whichever strand it lies, is one event."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.splicing import tables
from tests.splicing.tables import CASSETTE, LENGTH, OTHER

from eigrad.cases.splicing.events import (
    COORDINATES,
    read_cassettes,
    read_csv,
    read_events,
    read_majiq,
    read_rmats,
    read_vasttools,
    write_events,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "quantification"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the real tables are not on this machine")
STRANDS = pytest.mark.parametrize("strand", ["+", "-"])


def expected(triplet, strand):
    """Coordinates from 0 with exclusive ends."""
    return [value for start, end in tables.spans(triplet, strand) for value in (start - 1, end)]


def majiq(path, *rows):
    return tables.write(path / "pair.deltapsi.tsv", [tables.MAJIQ, *rows])


@STRANDS
@pytest.mark.parametrize("first_near", [True, False])
def test_a_majiq_cassette_is_read_from_both_its_sides(tmp_path, strand, first_near):
    rows = [
        tables.lsv(CASSETTE, strand, "s", (0.2, 0.7), 0.45, (0.97, 0.01), first_near=first_near),
        tables.lsv(OTHER, strand, "t", gene="G2"),  # one side only
        tables.lsv(CASSETTE, strand, "t", (0.3, 0.6), 0.25, (0.9, 0.02), first_near=not first_near),
    ]
    events = read_events(majiq(tmp_path, *rows))
    assert len(events) == 1
    assert events.exons.loc[0, list(COORDINATES)].tolist() == expected(CASSETTE, strand)
    assert events.exons.loc[0, ["gene_id", "gene_name", "chrom", "strand"]].tolist() == ["ENSG1", "G1", "chr1", strand]
    assert events.conditions == ("heart", "liver")
    assert events.psi.to_numpy() == pytest.approx(np.array([[0.25, 0.65]]))
    (change,) = events.changes.itertuples(index=False)
    assert (change.condition_1, change.condition_2) == ("heart", "liver")
    assert (change.dpsi, change.probability_changing, change.probability_non_changing) == pytest.approx(
        (0.35, 0.9, 0.01)
    )
    assert math.isnan(change.p_adjusted)
    assert len(read_majiq(majiq(tmp_path, *rows), sides="either")) == 2


@STRANDS
def test_majiq_lsvs_that_are_no_cassettes_are_left_out(tmp_path, strand):
    good = [tables.lsv(CASSETTE, strand, side) for side in "st"]

    def changed(row, **cells):
        return [cells.get(name, cell) for name, cell in zip(tables.MAJIQ, row, strict=True)]

    intron = changed(good[0], lsv_type="s|1e1.1o1|i")
    many = changed(
        good[0], num_junctions=3, junctions_coords=f"{good[0][14]};1-2",
        **dict.fromkeys(tables.MAJIQ[3:8], "0.1;0.2;0.7"),
    )  # fmt: skip
    unknown = changed(
        good[0], exons_coords=good[0][15].replace(tables.text(sorted(tables.spans(CASSETTE, strand))[1]), "na-1")
    )
    for other in (intron, many):
        assert len(read_majiq(majiq(tmp_path, other, good[1]), sides="either")) == 1
        assert len(read_majiq(majiq(tmp_path, other, good[1]))) == 0
    assert len(read_majiq(majiq(tmp_path, unknown, good[1]))) == 0


def test_a_missing_outer_end_is_no_hindrance(tmp_path):
    rows = [list(tables.lsv(CASSETTE, "+", side)) for side in "st"]
    for row in rows:
        row[2] = row[2].replace("1001-", "na-")
        row[15] = row[15].replace("1001-", "na-")
    events = read_majiq(majiq(tmp_path, *rows))
    assert events.exons.loc[0, "upstream_start"] is pd.NA
    assert events.exons.loc[0, "event_id"] == "chr1:1100-1500-1560-2000:+"
    assert events.lengths.iloc[0].tolist() == [pd.NA, 400, 60, 440, 200]


def test_the_condition_of_a_psi_table_is_its_name_or_given(tmp_path):
    header = ["mean_psi_per_lsv_junction" if name == "heart_mean_psi" else name for name in tables.MAJIQ]
    drop = {
        tables.MAJIQ.index(name)
        for name in ("mean_dpsi_per_lsv_junction", "probability_changing", "probability_non_changing", "liver_mean_psi")
    }

    def less(row):
        return [cell for i, cell in enumerate(row) if i not in drop]

    rows = [header, *(tables.lsv(CASSETTE, "-", side) for side in "st")]
    path = tables.write(tmp_path / "spleen.psi.tsv.gz", [less(row) for row in rows])
    assert read_events(path).conditions == ("spleen",)
    events = read_majiq(path, condition="lung")
    assert events.psi["lung"].tolist() == [0.2]
    assert len(events.changes) == 0


@STRANDS
def test_a_cassette_of_voila_modulize_is_read(tmp_path, strand):
    quantities = [(0.2, 0.7, 0.45, 0.97, 0.01), (0.4, 0.5, 0.15, 0.5, 0.3)]
    rows = [tables.CASSETTES, *tables.cassette(CASSETTE, strand, quantities)]
    path = tables.write(tmp_path / "cassette.tsv", [["# {"], ["# }"], *rows])
    events = read_events(path)
    assert events.exons.loc[0, list(COORDINATES)].tolist() == expected(CASSETTE, strand)
    assert events.conditions == ("heart-old", "liver")
    assert events.psi.to_numpy() == pytest.approx(np.array([[0.3, 0.6]]))
    (change,) = events.changes.itertuples(index=False)
    assert (change.condition_1, change.condition_2) == ("heart-old", "liver")
    assert (change.dpsi, change.probability_changing, change.probability_non_changing) == pytest.approx(
        (0.3, 0.5, 0.01)
    )


def test_a_cassette_that_is_not_quantified_everywhere_is_read_as_far_as_it_is(tmp_path):
    rows = tables.cassette(CASSETTE, "+", [(0.2, 0.7, 0.45, 0.97, 0.01), (0.4, 0.5, 0.15, 0.5, 0.3)])
    start = tables.CASSETTES.index("heart-old_median_psi")
    empty = [[*row[:start], "", *row[start + 1 : start + 2], "", "", ""] for row in rows]
    events = read_cassettes(tables.write(tmp_path / "cassette.tsv", [tables.CASSETTES, *empty]))
    assert math.isnan(events.psi.loc[events.psi.index[0], "heart-old"])
    assert events.psi["liver"].tolist() == pytest.approx([0.6])
    assert len(events.changes) == 0


@STRANDS
def test_an_rmats_exon_is_read(tmp_path, strand):
    path = tables.write(tmp_path / "SE.MATS.JC.txt", [tables.RMATS, tables.rmats(CASSETTE, strand)])
    events = read_rmats(path, ("control", "knock-down"))
    assert events.exons.loc[0, list(COORDINATES)].tolist() == expected(CASSETTE, strand)
    assert events.exons.loc[0, ["gene_id", "gene_name"]].tolist() == ["ENSG1", "G1"]
    assert events.psi.to_numpy() == pytest.approx(np.array([[0.25, 0.8]]))
    (change,) = events.changes.itertuples(index=False)
    assert (change.condition_1, change.condition_2) == ("control", "knock-down")
    assert (change.dpsi, change.p_adjusted) == pytest.approx((0.55, 0.01))
    assert math.isnan(change.probability_changing)


@STRANDS
def test_a_vasttools_exon_is_read(tmp_path, strand):
    rows = [tables.VAST, tables.vast(CASSETTE, strand), tables.vast(OTHER, strand, kind="IR-S")]
    path = tables.write(tmp_path / "INCLUSION.tab", rows)
    events = read_events(path)
    assert len(events) == 1
    known = expected(CASSETTE, strand)
    hidden = {"+": (0, 5), "-": (1, 4)}[strand]  # the outer ends
    assert events.exons.loc[0, list(COORDINATES)].tolist() == [pd.NA if i in hidden else v for i, v in enumerate(known)]
    assert events.psi.loc[events.psi.index[0], "S1"] == pytest.approx(0.2025)
    assert math.isnan(events.psi.loc[events.psi.index[0], "S2"])
    assert read_vasttools(path, "VLOW").psi["S2"].tolist() == pytest.approx([0.9])


def test_of_several_vasttools_sites_the_nearest_is_taken(tmp_path):
    row = list(tables.vast(CASSETTE, "+"))
    row[4] = "chr1:900+1100,1501-1560,2001+2500"
    events = read_vasttools(tables.write(tmp_path / "t.tab", [tables.VAST, row]))
    assert events.exons.loc[0, "event_id"] == "chr1:1100-1500-1560-2000:+"


@STRANDS
def test_every_program_calls_the_same_exon_the_same(tmp_path, strand):
    quantities = [(0.2, 0.7, 0.45, 0.97, 0.01)] * 2
    paths = [
        majiq(tmp_path, *(tables.lsv(CASSETTE, strand, side) for side in "st")),
        tables.write(tmp_path / "c.tsv", [tables.CASSETTES, *tables.cassette(CASSETTE, strand, quantities)]),
        tables.write(tmp_path / "r.txt", [tables.RMATS, tables.rmats(CASSETTE, strand)]),
        tables.write(tmp_path / "v.tab", [tables.VAST, tables.vast(CASSETTE, strand)]),
    ]
    assert len({read_events(path).exons.loc[0, "event_id"] for path in paths}) == 1


def test_an_exon_on_the_reverse_strand_is_the_forward_one_mirrored(tmp_path):
    forward, reverse = (
        read_majiq(majiq(tmp_path, *(tables.lsv(CASSETTE, strand, side) for side in "st"))) for strand in "+-"
    )
    turned = [LENGTH - value for value in forward.exons.loc[0, list(COORDINATES)]]
    assert reverse.exons.loc[0, list(COORDINATES)].tolist() == [turned[i] for i in (1, 0, 3, 2, 5, 4)]
    assert reverse.lengths.iloc[0].tolist() == forward.lengths.iloc[0].tolist() == [100, 400, 60, 440, 200]
    assert np.array_equal(forward.psi, reverse.psi)


def same(first, second):
    pd.testing.assert_frame_equal(first.exons, second.exons, check_dtype=False)
    pd.testing.assert_frame_equal(first.psi, second.psi, check_exact=False, rtol=1e-12)
    pd.testing.assert_frame_equal(first.changes, second.changes, check_exact=False, rtol=1e-12)


@real
@pytest.mark.parametrize(
    ("name", "n", "conditions"),
    [
        ("majiq_tdp43_kd.deltapsi.tsv.gz", 10, ("ControlControl", "ControlTDP43KD")),
        ("rmats_SE.MATS.JC.txt.gz", 200, ("group_1", "group_2")),
        ("vasttools_inclusion_levels.tsv", 5, ("Sample1", "Sample2", "Sample3", "Sample4")),
    ],
)
def test_real_tables_go_round(tmp_path, name, n, conditions):
    events = read_events(SHARED / name)
    assert len(events) == n
    assert events.conditions == conditions
    write_events(events, tmp_path / "events.csv", tmp_path / "changes.csv")
    same(read_csv(tmp_path / "events.csv", tmp_path / "changes.csv"), events)


@real
def test_real_changes_are_the_differences_of_psi():
    """RMATS takes plain differences; MAJIQ's dPSI is shrunk toward zero, and agrees in direction."""
    for name, close in (("rmats_SE.MATS.JC.txt.gz", 1e-9), ("majiq_tdp43_kd.deltapsi.tsv.gz", 0.1)):
        events = read_events(SHARED / name)
        first, second = events.conditions
        change = events.changes.set_index("event_id")["dpsi"]
        difference = (events.psi[second] - events.psi[first]).loc[change.index]
        assert np.allclose(change, difference, atol=close)
        assert (np.sign(change) == np.sign(difference)).mean() > 0.95
