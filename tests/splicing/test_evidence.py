"""Evidence for a regulator: cross-linked sites by brute force, knock-out and expression by their definitions."""

import gzip
import logging
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
from eigrad.cases.splicing.regulators.clip import require_shared
from eigrad.cases.splicing.regulators.expression import Expression, noise

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


CTK = "#chrom\tchromStart\tchromEnd\tname\tscore\tstrand\ttagNumber(k)\tmutationFreq(m)\tFDR\tcount(>=m,k)\n"
CIMS = [  # of five tags across the first site one has the transition
    "chr1\t5\t6\ta\t1\t+\t5\t1\t0.5\t9", "chr1\t9\t10\tb\t2\t+\t2\t2\t0.01\t3", "chr2\t3\t4\tc\t3\t-\t7\t3\t0\t1",
]  # fmt: skip


def sites_in(tmp_path, text, **given):
    path = tmp_path / "a.bed"
    path.write_text(text)
    return read_sites(path, **given)


def test_plain_bed_has_no_tags_and_is_not_filtered(tmp_path):
    bed = tmp_path / "a.bed.gz"
    bed.write_bytes(gzip.compress(b"# a comment\ntrack name=x\n\nchr1\t5\t9\tx\t0\t+\nchr1\t7\t8\ty\t0\t-\textra\n"))
    sites = read_sites(bed, min_tags=2)
    assert sites.table[["chrom", "start", "end", "strand"]].to_numpy().tolist() == [
        ["chr1", 5, 9, "+"], ["chr1", 7, 8, "-"],
    ]  # fmt: skip
    assert sites.table["tags"].isna().all()
    assert sites.min_tags is None
    named = sites_in(tmp_path, "#chrom\tstart\tend\tname\tscore\tstrand\nchr1\t5\t9\tx\t0\t+\n", min_tags=2)
    assert (len(named), named.min_tags) == (1, None)


@pytest.mark.parametrize("header", [CTK, CTK[1:], "", CTK.replace("\tFDR\tcount(>=m,k)", "")])
def test_sites_of_ctk_are_chosen_by_tags_with_the_transition(tmp_path, header):
    """With or without names of columns, and whatever columns stand behind the counts."""
    n = len(header.split("\t")) if header else 10
    text = header + "".join("\t".join(row.split("\t")[:n]) + "\n" for row in CIMS)
    for min_tags, kept in ((0, [5, 9, 3]), (1, [5, 9, 3]), (2, [9, 3]), (3, [3]), (4, [])):
        sites = sites_in(tmp_path, text, min_tags=min_tags)
        assert sites.table["start"].tolist() == kept
        assert sites.table["tags"].tolist() == [{5: 1, 9: 2, 3: 3}[start] for start in kept]
        assert sites.min_tags == min_tags


def test_ten_columns_are_ctks_only_if_they_say_so(tmp_path):
    """NarrowPeak has ten, too; names as CIMS.pl gives them settle it, and then what does not fit is damage."""
    peaks = "chr1\t5\t90\tp\t700\t+\t5\t1.5\t0.9\t40\nchr1\t5\t90\tp\t700\t+\t5\t-1\t-1\t40\n"
    more_than_across = CIMS[0].replace("\t5\t1\t", "\t5\t6\t") + "\n"
    for text in (peaks, "\n".join(CIMS) + "\n" + peaks, more_than_across):
        assert sites_in(tmp_path, text, min_tags=2).min_tags is None
    named = "".join(row.replace("\ta\t", "\ta[k=5][m=1]\t") + "\n" for row in CIMS)
    assert sites_in(tmp_path, named, min_tags=2).table["start"].tolist() == [9, 3]
    with pytest.raises(ValueError, match=r"line 3, column 'mutationFreq\(m\)': got 'two', expected a count of tags"):
        sites_in(tmp_path, named.replace("\t7\t3\t", "\t7\ttwo\t"))


def test_sites_must_share_a_chromosome_with_the_events(tmp_path, events):
    plain = sites_in(tmp_path, "".join(f"{chrom}\t5\t9\tx\t0\t+\n" for chrom in "1234"))
    said = "--clip QKI: got sites on 1, 2, 3, ..., expected chromosomes called as those of the events, chr1, chr2"
    with pytest.raises(ValueError, match="^" + re.escape(said) + "$"):
        require_shared(events, plain, "--clip QKI")
    with pytest.raises(ValueError, match="QKI: got no site, expected cross-linked sites"):
        require_shared(events, sites_in(tmp_path, "# nothing\n", min_tags=2), "QKI")
    with pytest.raises(ValueError, match="QKI: got no site of at least 9 tags with the transition, expected"):
        require_shared(events, sites_in(tmp_path, CTK + CIMS[0] + "\n", min_tags=9), "QKI")
    require_shared(events, sites_in(tmp_path, "1\t5\t9\tx\t0\t+\nchr2\t5\t9\tx\t0\t+\n"), "QKI")


CTK_8 = "#chrom\tstart\tend\tname\tscore\tstrand\ttagNumber(k)\tmutationFreq(m)\n"


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
        ("chr1\t5\t6\ta\t1\t+\t1\t", "line 2, column 'mutationFreq(m)': got '', expected a count of tags"),
        ("chr1\t5\t6\ta\t1\t+\t1", "line 2: got 7 columns, expected 8 as in the header"),
    ],
)
def test_damage_to_sites_is_named_by_line_and_column(tmp_path, row, said):
    path = tmp_path / "a.bed"
    path.write_text(CTK_8 + row + "\n")
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


def expression_in(tmp_path, text):
    path = tmp_path / "e.csv"
    path.write_text(text)
    return read_expression(path)


def test_columns_that_name_genes_are_no_tissues(tmp_path):
    header = "Entrez,Ensembl_Gene_ID,DESCRIPTION,Gene,liver,Gene name,heart\n"
    found = expression_in(tmp_path, header + "29974,ENSG1,a 1,ENSG1,9,A,0\n7,ENSG2,b,x,4,B,2\n")
    assert found.means.to_dict() == {"liver": {"A": 9, "B": 4}, "heart": {"A": 0, "B": 2}}
    same = expression_in(tmp_path, "Symbol,Tissue,TPM\nA,liver,9\nA,heart,0\nB,liver,4\nB,heart,2\n")
    pd.testing.assert_frame_equal(found.means, same.means)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gene_name,tissue,tpm\nA,liver,-1\n", ", line 2, column 'tpm': got '-1', expected a number between 0 and inf"),
        ("gene_name,tissue,tpm\nA,liver,\n", ", line 2, column 'tpm': got '', expected a number (0 where nothing"),
        ("gene,liver\nA,much\n", ", line 2, column 'liver': got 'much', expected a number"),
        ("gene,liver,heart\nA,1,2\n\nB,2,-\n", ", line 4, column 'heart': got '-', expected a number"),
        ("gene,liver,heart\nA,1,2\nB,NA,1\n", ", line 3, column 'liver': got 'NA', expected a number (0 where nothing"),
        ("gene,liver,heart\nA,1,inf\n", ", line 2, column 'heart': got 'inf', expected a number between 0 and inf"),
        ("gene,liver,heart\nA,1,-2\n", ", line 2, column 'heart': got '-2', expected a number between 0 and inf"),
        ("gene,biotype,liver\nA,coding,2\n", ", line 2, column 'biotype': got 'coding', expected a number"),
        (",gene,liver,heart\n0,A,1,2\n", ": got the column '', expected a name for every column"),
        ("gene,replicate,liver,heart\nA,1,1,2\n", ": got the column 'replicate', expected a long table"),
        ("gene,entrez\nA,1\n", ": has no column but names of genes, expected one for every tissue"),
        ("gene,liver,heart\n", ": got a header alone, expected a row for every gene"),
        ("liver,heart\n1,2\n", ": has no column 'gene_name' or 'gene', expected one"),
        ("gene_name,tissue,tpm\nA,liver,1\nB,heart,1\n", ": has no gene with TPM in all of its tissues (liver, heart)"),
    ],
)
def test_damage_to_expression_is_said(tmp_path, text, said):
    with pytest.raises(ValueError, match="^" + re.escape(str(tmp_path / "e.csv") + said)):
        expression_in(tmp_path, text)


def test_rows_of_one_gene_are_added_up(tmp_path, caplog):
    """Copies and isoforms of a wide table, and of one replicate; rows of a long table without replicates are those."""
    caplog.set_level(logging.WARNING, "eigrad")
    wide = expression_in(tmp_path, "gene,liver,heart\nA,10,1\nB,4,4\nA,20,2\nA,0,0.5\n")
    assert wide.means.to_dict() == {"liver": {"A": 30, "B": 4}, "heart": {"A": 3.5, "B": 4}}
    assert len(wide.replicates) == 4
    assert caplog.messages == [f"{tmp_path / 'e.csv'}: 1 genes stand in several rows, whose TPM are added: A"]
    rows = "A,liver,1,10\nA,liver,1,2\nA,liver,2,4\nA,heart,1,6\n"
    long = expression_in(tmp_path, "gene_name,tissue,replicate,tpm\n" + rows)
    assert long.means.loc["A"].to_dict() == {"liver": (10 + 2 + 4) / 2, "heart": 6}
    assert long.replicates["tpm"].tolist() == [12, 4, 6]
    bare = expression_in(tmp_path, "gene_name,tissue,tpm\n" + re.sub(",[12],", ",", rows))
    assert bare.means.loc["A"].to_dict() == {"liver": pytest.approx(16 / 3), "heart": 6}


def test_a_gene_that_some_tissue_lacks_is_left_out_and_said(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "eigrad")
    rows = [("A", "liver", 9), ("A", "heart", 1), *((gene, "liver", 5) for gene in "BCDE")]
    text = "gene_name,tissue,tpm\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    found = expression_in(tmp_path, text)
    assert found.means.to_dict() == {"liver": {"A": 9}, "heart": {"A": 1}}
    assert found.replicates["gene_name"].tolist() == ["A", "A"]
    assert found.specificity("liver")["rank"].tolist() == [1]
    said = f"{tmp_path / 'e.csv'}: 4 of 5 genes have no TPM in some tissue and are left out: B, C, D, ..."
    assert caplog.messages == [said]


def wide_in(tmp_path, **genes):
    """A table whose first tissue is a, and the others b, c, ..."""
    n = len(next(iter(genes.values())))
    lines = [["gene", *"abcdefghij"[:n]], *([name, *map(str, values)] for name, values in genes.items())]
    return expression_in(tmp_path, "".join(",".join(line) + "\n" for line in lines))


def test_specificity_by_hand(tmp_path):
    """10 TPM are not more than 0, 0, 0 and 200, whose mean is 50 and whose mean logarithm is small."""
    tpm = {"one": (10, 0, 0, 0, 200), "two": (7, 3, 1, 1, 3), "flat": (4, 4, 4, 4, 4), "no": (0, 0, 0, 0, 0)}
    table = wide_in(tmp_path, **tpm, own=(9, 0, 0, 0, 0), low=(0.9, 0, 0, 0, 0)).specificity("a")
    assert table["times_others"].tolist() == pytest.approx([0.2, 3.5, 1, np.nan, np.inf, np.inf], nan_ok=True)
    assert table["highest_other"].tolist()[:3] == ["e", "b", "b"]
    assert table["highest_other_tpm"].tolist() == [200, 3, 4, 0, 0, 0]
    logs = [np.log2(11) - np.log2(201) / 4, 3 - (2 + 1 + 1 + 2) / 4, 0, 0, np.log2(10), np.log2(1.9)]
    assert table["log2_over_others"].tolist() == pytest.approx(logs)
    assert table["specific"].tolist() == [False, True, False, False, True, False]  # by times; -; -; -; -; by logarithm
    assert table["tau"].tolist() == pytest.approx(
        [1 - np.log2(11) / np.log2(201) / 4, (1 / 3 + 2 / 3 + 2 / 3 + 1 / 3) / 4, 0, np.nan, 1, 1],
        nan_ok=True,
    )
    spread = np.std([2, 1, 1, 2], ddof=1) * np.sqrt(1 + 1 / 4)
    assert table.loc["two", "p_value"] == pytest.approx(stats.t.sf(1.5 / spread, 3))
    with pytest.raises(ValueError, match="expression: got the tissue 'a' alone, expected others"):
        wide_in(tmp_path, one=(1,)).specificity("a")


def test_the_least_spread_is_that_of_noise(tmp_path):
    """Where others are alike: half a TPM, and a tenth of what there is."""
    assert noise(np.log2(1 + np.array([0.0, 1, 100]))) == pytest.approx(
        np.array([0.5, np.hypot(0.5, 0.1), np.hypot(0.5, 10)]) / [1, 2, 101] / np.log(2)
    )
    table = wide_in(tmp_path, low=(1, 0, 0, 0, 0), high=(100, 1, 1, 1, 1)).specificity("a")
    gap, spread = np.log2(101) - 1, np.hypot(0.5, 0.1) / 2 / np.log(2) * np.sqrt(1 + 1 / 4)
    assert table.loc["high", "p_value"] == pytest.approx(stats.t.sf(gap / spread, 3))
    assert table.loc["high", "p_value"] < 1e-3
    assert table.loc["low", "p_value"] == pytest.approx(stats.t.sf(2 * np.log(2) / np.sqrt(1 + 1 / 4), 3))


@pytest.mark.parametrize("n", [3, 6, 60, 1000])
def test_a_difference_of_one_tpm_is_never_significant_by_itself(n):
    level = np.concatenate([np.linspace(0, 20, 201), np.geomspace(20, 1e4, 50)])
    means = pd.DataFrame({"a": level + 1, **{f"t{i}": level for i in range(n)}})
    p = Expression(means, means).specificity("a")["p_value"]
    assert p.min() > 0.05
    means = pd.DataFrame({"a": 4 * (level + 1), **{f"t{i}": level for i in range(n)}})
    assert Expression(means, means).specificity("a")["p_value"].max() < (0.05 if n > 3 else 0.06)


@pytest.mark.parametrize(("one", "two", "significant"), [(1, 0, False), (50, 0, True), (40, 20, True)])
def test_replicates_that_are_alike_by_luck_spread_like_noise(tmp_path, one, two, significant):
    rows = "".join(f"g,a,{one}\ng,b,{two}\n" for _ in range(3))
    p = expression_in(tmp_path, "gene_name,tissue,tpm\n" + rows).specificity("a")["p_value"].item()
    a, b = (np.hypot(0.5, 0.1 * x) / (1 + x) / np.log(2) for x in (one, two))
    freedom = (a**2 + b**2) ** 2 / ((a**4 + b**4) / 2)
    gap = np.log2(1 + one) - np.log2(1 + two)
    assert p == pytest.approx(stats.t.sf(gap / np.sqrt((a**2 + b**2) / 3), freedom))
    assert (p < 0.05) == significant


def test_a_missing_library_is_named(events, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioframe", None)
    with pytest.raises(ValueError, match=r"near CLIP sites needs bioframe: pip install 'eigrad\[splicing\]'"):
        near(events, sites_of(np.random.default_rng(0), 5))
