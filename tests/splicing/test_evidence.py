"""Evidence for a regulator: cross-linked sites by brute force, knock-out and expression by their definitions."""

import gzip
import re
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.splicing import genomes

from eigrad.cases.splicing.events.table import Change, Triplet, build
from eigrad.cases.splicing.regulators import (
    PLACES,
    Sites,
    against,
    near,
    read_expression,
    read_sites,
    response,
    shared,
)  # fmt: skip

LENGTHS = {"chr1": 20_000, "chr2": 15_001}


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(11)


@pytest.fixture(scope="module")
def events(rng):
    return genomes.events_of([row for row in genomes.triplets(LENGTHS, 120, rng) if None not in row.coordinates])


def sites_of(rng, n, width=30):
    chrom = rng.choice([*LENGTHS, "chrM"], n)
    start = rng.integers(0, 15_000, n)
    table = pd.DataFrame({"chrom": chrom, "start": start, "end": start + rng.integers(1, width, n)})
    return Sites(table.assign(strand=rng.choice(["+", "-"], n), tags=np.nan))


def slowly(events, sites, reach):
    """Nucleotide by nucleotide."""
    found = []
    for event in events.exons.to_dict("records"):
        covered = set()
        for site in sites.table.to_dict("records"):
            if (site["chrom"], site["strand"]) == (event["chrom"], event["strand"]):
                covered |= set(range(site["start"], site["end"]))
        left_edge, right_edge = (
            (event["upstream_end"], event["downstream_start"])
            if event["strand"] == "+"
            else (event["downstream_end"], event["upstream_start"])
        )
        left = set(range(max(event["exon_start"] - reach, left_edge), event["exon_start"]))
        right = set(range(event["exon_end"], min(event["exon_end"] + reach, right_edge)))
        sides = (left, right) if event["strand"] == "+" else (right, left)
        exon = set(range(event["exon_start"], event["exon_end"]))
        found.append([bool(covered & each) for each in (sides[0], exon, sides[1])])
    return np.array(found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("reach", [1, 17, 300])
def test_sites_nearby_are_those_of_a_brute_force(events, seed, reach):
    rng = np.random.default_rng(seed)
    sites = sites_of(rng, [3, 40, 150][seed % 3])
    found = near(events, sites, reach)
    assert found.shape == (len(events), len(PLACES))
    assert (found == slowly(events, sites, reach)).all()


LENGTH = 60  # of a chromosome, so small that ends touch often


INTERVAL = st.tuples(
    st.sampled_from(["chr1", "chr2"]), st.integers(0, LENGTH - 1), st.integers(1, 12), st.sampled_from("+-")
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    ends=st.lists(st.integers(0, LENGTH), min_size=6, max_size=6, unique=True).map(sorted),
    strand=st.sampled_from("+-"),
    intervals=st.lists(INTERVAL, max_size=6),
    reach=st.integers(1, LENGTH),
)
def test_sites_of_any_exon_are_those_of_a_brute_force(ends, strand, intervals, reach):
    """Touching ends, chromosome ends, both strands, introns shorter than the reach."""
    coordinates = ends if strand == "+" else [ends[i] for i in (4, 5, 2, 3, 0, 1)]
    events = genomes.events_of([Triplet("g", "G", "chr1", strand, coordinates)])
    rows = [(chrom, start, min(start + n, LENGTH), on, np.nan) for chrom, start, n, on in intervals]
    sites = Sites(pd.DataFrame(rows, columns=["chrom", "start", "end", "strand", "tags"]))
    assert (near(events, sites, reach) == slowly(events, sites, reach)).all()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_touching_ends_do_not_overlap(events, strand):
    row = events.exons[events.exons["strand"] == strand].iloc[0]
    one = events.take((events.exons["event_id"] == row["event_id"]).to_numpy())

    def at(start, end, on=strand):
        table = pd.DataFrame([{"chrom": row["chrom"], "start": start, "end": end, "strand": on, "tags": np.nan}])
        return dict(zip(PLACES, near(one, Sites(table)).tolist()[0], strict=True))

    before, after = ("upstream", "downstream") if strand == "+" else ("downstream", "upstream")
    assert at(row["exon_start"] - 1, row["exon_start"]) == {before: True, "exon": False, after: False}
    assert at(row["exon_start"], row["exon_start"] + 1) == {before: False, "exon": True, after: False}
    assert at(row["exon_end"], row["exon_end"] + 1) == {before: False, "exon": False, after: True}
    assert at(row["exon_start"], row["exon_end"], on="+-"["+-".index(strand) - 1]) == dict.fromkeys(PLACES, False)


def test_no_sites_are_near_nothing(events):
    assert not near(events, sites_of(np.random.default_rng(0), 0)).any()


CTK = "#chrom\tstart\tend\tname\tscore\tstrand\ttagNumber(k)\tmutationFreq(m)\n"


def test_bed_and_ctk_are_read_with_their_tags(tmp_path):
    bed = tmp_path / "a.bed.gz"
    bed.write_bytes(gzip.compress(b"# a comment\ntrack name=x\n\nchr1\t5\t9\tx\t0\t+\nchr1\t7\t8\ty\t0\t-\textra\n"))
    table = read_sites(bed, min_tags=2).table
    assert table[["chrom", "start", "end", "strand"]].to_numpy().tolist() == [
        ["chr1", 5, 9, "+"], ["chr1", 7, 8, "-"],
    ]  # fmt: skip
    assert table["tags"].isna().all()
    ctk = tmp_path / "a.CIMS.txt"
    ctk.write_text(CTK + "chr1\t5\t6\ta\t1\t+\t1\t1\nchr1\t9\t10\tb\t1\t+\t2\t1\n")
    assert read_sites(ctk, min_tags=2).table["start"].tolist() == [9]
    assert len(read_sites(ctk)) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("chr1\t5\t6\ta\t1", "line 2: got 5 columns, expected BED of at least 6"),
        ("chr1\tx\t6\ta\t1\t+\t1\t1", "line 2, column 'start': got 'x', expected a whole number"),
        ("chr1\t5\tna\ta\t1\t+\t1\t1", "line 2, column 'end': got 'na', expected a whole number"),
        ("chr1\t6\t6\ta\t1\t+\t1\t1", "line 2: got start 6 and end 6, expected a start below the end"),
        ("chr1\t5\t6\ta\t1\t.\t1\t1", "line 2, column 'strand': got '.', expected + or -"),
        ("chr1\t5\t6\ta\t1\t+\tmany\t1", "line 2, column 'tagNumber(k)': got 'many', expected a count of tags"),
        ("chr1\t5\t6\ta\t1\t+\t-1\t1", "line 2, column 'tagNumber(k)': got '-1', expected a count of tags"),
        ("chr1\t5\t6\ta\t1\t+\t1", "line 2: got 7 columns, expected 8 as in the header"),
    ],
)
def test_damage_to_sites_is_named_by_line_and_column(tmp_path, row, said):
    path = tmp_path / "a.bed"
    path.write_text(CTK + row + "\n")
    with pytest.raises(ValueError, match="^" + re.escape(f"{path}, {said}")):
        read_sites(path)


def test_sets_are_held_against_the_background_by_fisher(rng):
    has, first, back = (rng.random(300) < share for share in (0.3, 0.2, 0.6))
    table = against({"site": has}, {"first": first, "back": back}, "back").set_index("set")
    other = back & ~first
    counts = [[np.sum(has & first), np.sum(~has & first)], [np.sum(has & other), np.sum(~has & other)]]
    odds, p = stats.fisher_exact(counts)
    assert table.loc["first", ["n", "n_with"]].tolist() == [first.sum(), (has & first).sum()]
    assert table.loc["first", "fraction"] == pytest.approx((has & first).sum() / first.sum())
    assert (table.loc["first", "odds_ratio"], table.loc["first", "p_value"]) == (odds, p)
    assert np.isnan(table.loc["back", "p_value"])
    with pytest.raises(ValueError, match="background: got 'none', expected one of the sets, first"):
        against({"site": has}, {"first": first}, "none")


@pytest.fixture(scope="module")
def experiment(rng):
    rows = [row for row in genomes.triplets(LENGTHS, 120, rng) if None not in row.coordinates][:60]
    dpsi = np.linspace(-0.3, 0.3, len(rows))
    flat = {name: np.full(len(rows), 0.5) for name in ("wt", "ko")}
    changes = [
        Change(i, *(("wt", "ko") if i % 2 else ("ko", "wt")), float(value if i % 2 else -value))
        for i, value in enumerate(dpsi)
    ]
    return build(rows, flat, changes), dpsi


def test_exons_answer_to_a_knock_out_by_its_sign(experiment):
    """What is less included without the protein is enhanced by it, whichever way the table compares."""
    events, dpsi = experiment
    found = response(events, "wt", "ko")
    assert found.enhanced.tolist() == (dpsi <= -0.1).tolist()
    assert found.repressed.tolist() == (dpsi >= 0.1).tolist()
    assert found.unmoved.tolist() == (np.abs(dpsi) < 0.05).tolist()
    with pytest.raises(ValueError, match="got 'wt' and 'moon', expected two that are compared"):
        response(events, "wt", "moon")
    with pytest.raises(ValueError, match="expected 0 < still <= min < 1"):
        response(events, "wt", "ko", min_dpsi=0.01)


def test_the_overlap_is_counted_within_exons_of_both(experiment):
    events, dpsi = experiment
    answer = response(events, "wt", "ko")
    kept = np.arange(len(events)) % 3 != 0
    tissue = events.take(kept)
    chosen = (dpsi < 0)[kept]
    found = shared(tissue, chosen, answer)
    regulated = (np.abs(dpsi) >= 0.1)[kept]
    counts = [[(chosen & regulated).sum(), (chosen & ~regulated).sum()]]
    counts.append([(~chosen & regulated).sum(), (~chosen & ~regulated).sum()])
    assert (found["both"], found["tissue"], found["regulated"]) == (kept.sum(), chosen.sum(), regulated.sum())
    assert found["overlap"] == counts[0][0]
    assert found["p_value"] == pytest.approx(stats.fisher_exact(counts)[1])


def test_expression_is_read_long_and_wide(tmp_path):
    long = tmp_path / "long.csv"
    long.write_text(
        "gene_name,tissue,replicate,tpm\nA,liver,1,9\nA,liver,2,11\nA,heart,1,0\nB,liver,1,4\nB,heart,1,4\n"
    )
    wide = tmp_path / "wide.tsv"
    wide.write_text("GeneID\tgene\tliver\theart\nENSG1\tA\t10\t0\nENSG2\tB\t4\t4\n")
    for path in (long, wide):
        found = read_expression(path)
        assert found.means.to_dict() == {"liver": {"A": 10, "B": 4}, "heart": {"A": 0, "B": 4}}
        table = found.specificity("liver")
        assert table["tpm"].tolist() == [10, 4]
        assert table["rank"].tolist() == [1, 1]
        assert table["tau"].tolist() == [1.0, 0.0]
        assert table["log2_over_others"].tolist() == pytest.approx([np.log2(11), 0])
    with pytest.raises(ValueError, match="expression: got tissue 'brain', expected one of liver, heart"):
        found.specificity("brain")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gene_name,tissue,tpm\nA,liver,-1\n", "line 2, column 'tpm': got '-1', expected a number between 0 and inf"),
        ("gene_name,tissue,tpm\nA,liver,\n", "has no TPM of A in liver, expected a number"),
        ("gene,liver\nA,much\n", "has no column of numbers, expected one for every tissue"),
        ("liver,heart\n1,2\n", "has no column 'gene_name' or 'gene'"),
    ],
)
def test_damage_to_expression_is_said(tmp_path, text, said):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + re.escape(said)):
        read_expression(path)


def test_a_missing_library_is_named(events, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioframe", None)
    with pytest.raises(ValueError, match=r"near CLIP sites needs bioframe: pip install 'eigrad\[splicing\]'"):
        near(events, sites_of(np.random.default_rng(0), 5))
