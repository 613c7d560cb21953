"""The search for regulators: lines by their definitions, a verdict anyone can redo, and a planted factor named."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from eigrad.cases.splicing.features import from_consensus
from eigrad.cases.splicing.features.motifs import built_in
from eigrad.cases.splicing.regulators import read_expression
from eigrad.cases.splicing.regulators.study import lines
from eigrad.cases.splicing.regulators.study.finished import candidates, read_run
from eigrad.cases.splicing.regulators.study.queries import queries
from eigrad.cases.splicing.regulators.study.settings import Settings, named_files
from eigrad.cases.splicing.regulators.study.study import run
from eigrad.cases.splicing.regulators.study.verdict import LINES, judged, of_candidates, verdict
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate import simulate
from eigrad.cases.splicing.study.settings import Settings as Study
from eigrad.cli import app

FACTOR = "RBFOX1"
COLUMNS = ["meta_feature", "region", "kind", "significant", "direction", "magnitude", "p_adjusted"]
FEATURES = [
    ("downstream_intron_start:RBFOX1", "downstream_intron_start", "motif", True, "for", 0.9, 1e-9),
    ("upstream_intron_end:RBFOX1", "upstream_intron_end", "motif", True, "against", 0.3, 1e-3),
    ("downstream_intron_start:GCA", "downstream_intron_start", "3-mer", True, "for", 0.2, 1e-4),
    ("downstream_intron_start:UGC", "downstream_intron_start", "3-mer", True, "for", 0.1, 1e-2),
    ("downstream_intron_start:AUG", "downstream_intron_start", "3-mer", True, "against", 0.1, 1e-2),
    ("exon:QKI", "exon", "motif", False, "", 0.05, 0.5),
    ("length:exon", "exon", "length", True, "for", 2.0, 1e-20),
]


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(8)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("w") / "w", n_events=900, factor=FACTOR, tissue="liver", seed=2)
    return simulate(made)


@pytest.fixture(scope="module")
def light(world, tmp_path_factory):
    """The world with two tables only, for what is refused once they are read."""
    copied = tmp_path_factory.mktemp("light") / "w"
    shutil.copytree(world, copied)
    for path in sorted((copied / "majiq").iterdir()):
        if path.name.split(".")[0] not in ("hippocampus_liver", "liver_spleen"):
            path.unlink()
    return copied


def finished_run(folder, world, features=FEATURES):
    """A run folder as eigrad splicing leaves it, as far as the search reads it."""
    folder.mkdir()
    study = Study(folder, world=world, n_samples=20)
    (folder / "config.json").write_text(json.dumps({"command": "splicing", "arguments": study.arguments()}))
    (folder / "summary.json").write_text("{}")
    pd.DataFrame(features, columns=COLUMNS).to_csv(folder / "features.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory, world):
    given = finished_run(tmp_path_factory.mktemp("r") / "r", world)
    return run(Settings(given, given / "regulators")).parent


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def test_the_planted_factor_is_named_by_every_line(found):
    summary = summary_of(found)
    assert summary["ranking"][0] == FACTOR
    assert summary["passed"] == [FACTOR]
    supported = {line for line in LINES if summary["evidence"][FACTOR][line]["supports"]}
    assert supported >= set(LINES) - {"motif_map"}  # windows of 20 nt ask for more exons than these
    assert summary["evidence"][FACTOR]["motif_map"]["rank"] <= 3
    assert set(summary["evidence"]) == set(summary["ranking"])
    assert all(set(each) == set(LINES) for each in summary["evidence"].values())
    assert summary["evidence"]["QKI"]["clip"] is None
    assert summary["missing"] == []
    page = (found / "report.html").read_text()
    assert f"{FACTOR} passes: at least 3 lines of evidence support it" in page
    assert (found / "figures" / "plate-1.png").stat().st_size > 50_000


def test_the_tables_say_how_it_came(found):
    table, evidence = (pd.read_csv(found / f"{name}.csv", keep_default_na=False) for name in ("candidates", "evidence"))
    assert table["candidate"].tolist() == summary_of(found)["ranking"]
    counts = evidence.groupby("candidate")["supports"].sum()
    assert table.set_index("candidate")["supporting"].to_dict() == counts.to_dict()
    for _, part in evidence.groupby("line"):
        np.testing.assert_allclose(part["q_value"], stats.false_discovery_control(part["p_value"]), atol=1e-12)


def test_evidence_that_is_not_given_is_missing(tmp_path, world):
    """Of files of one's own nothing is taken from a world."""
    bare = tmp_path / "bare"
    shutil.copytree(world, bare)
    for name in ("clip", "knockout"):
        shutil.rmtree(bare / name)
    (bare / "expression.csv").unlink()
    given = finished_run(tmp_path / "r", bare)
    summary = summary_of(run(Settings(given, given / "regulators")).parent)
    assert summary["missing"] == ["expression", "clip", "knockout"]
    assert summary["passed"] == []
    assert summary["ranking"][0] == FACTOR
    assert summary["evidence"][FACTOR]["expression"] is None
    page = (given / "regulators" / "report.html").read_text()
    assert "Not given, and so not counted: expression, CLIP, knock-out." in page


def test_a_run_without_significant_motifs_is_searched_by_the_other_lines(tmp_path, world):
    given = finished_run(tmp_path / "r", world, FEATURES[-2:])
    summary = summary_of(run(Settings(given, given / "regulators")).parent)
    assert not any(each["motif"]["supports"] for each in summary["evidence"].values() if each["motif"])
    assert (summary["ranking"][0], summary["passed"]) == (FACTOR, [FACTOR])


def test_queries_are_motifs_and_k_mers_of_one_place_and_direction():
    table = pd.DataFrame(FEATURES, columns=COLUMNS)
    first, second = queries(table, built_in())
    assert (first.motif.name, first.weight, first.p_value) == ("RBFOX1", pytest.approx(1.2), 1e-9)
    assert first.places == ("downstream_intron_start (for)", "upstream_intron_end (against)")
    assert second.meta_features == ("downstream_intron_start:GCA", "downstream_intron_start:UGC")
    assert second.motif.name == "downstream_intron_start:GCA+UGC (for)"
    assert len(second.motif) == 4
    assert queries(table[~table["significant"]], built_in()) == []


def test_a_motif_is_the_candidates_own_or_alike():
    known = built_in()
    asked = queries(pd.DataFrame(FEATURES, columns=COLUMNS), known)
    proteins = candidates(known)
    line = lines.motif(asked, lines.alignments(asked, proteins), proteins).set_index("candidate")
    assert line.loc["RBFOX1", "p_value"] == pytest.approx(1e-9)  # its own motif: the meta-feature's alone
    assert line.loc["RBFOX1", "score"] == pytest.approx(1.2)
    assert line["holds"].sum() == (line["score"] > 0).sum()
    assert len(line) == len(proteins)
    none = lines.motif([], lines.alignments([], proteins), proteins)
    assert (none["p_value"] == 1).all()
    assert not none["holds"].any()


def test_motifs_of_one_protein_are_one_candidate():
    motifs = [from_consensus(name, "UGCAUG") for name in ("QKI", "QKI-2", "NKX2-5", "QKI-3")]
    assert {name: len(each) for name, each in candidates(motifs).items()} == {"QKI": 3, "NKX2-5": 1}


def test_a_tissue_is_held_against_the_others_as_one_of_them(tmp_path, rng):
    """Crawford and Howell's p is uniform where tissues are alike, and small where one is not."""
    tissues = list("abcdefg")
    wide = pd.DataFrame(np.exp2(rng.normal(6, 0.7, (2000, 7))) - 1, columns=tissues)
    wide.insert(0, "gene", [f"g{i}" for i in range(2000)])
    wide.loc[0, tissues] = [99.0, 1, 1.2, 0.9, 1.1, 1, 1]
    wide.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    found = read_expression(tmp_path / "e.tsv").specificity("a")
    assert found.loc["g0", "p_value"] < 1e-4
    assert stats.kstest(found["p_value"].iloc[1:], "uniform").pvalue > 0.01
    line = lines.expression(read_expression(tmp_path / "e.tsv"), "a", ["g0", "g1", "nobody"])
    assert line["candidate"].tolist() == ["g0", "g1"]
    assert line["holds"].tolist()[0]


def test_two_tissues_are_compared_by_replicates(tmp_path):
    rows = [("g", t, v) for t, values in {"a": [7, 14, 10], "b": [1, 3, 1.5]}.items() for v in values]
    rows += [("h", "a", 3.0), ("h", "b", 2.0)]
    pd.DataFrame(rows, columns=["gene_name", "tissue", "tpm"]).to_csv(tmp_path / "e.csv", index=False)
    p = read_expression(tmp_path / "e.csv").specificity("a")["p_value"]
    logs = [np.log2(1 + np.array(values)) for values in ([7, 14, 10], [1, 3, 1.5])]
    assert p["g"] == pytest.approx(stats.ttest_ind(*logs, equal_var=False, alternative="greater").pvalue)
    assert np.isnan(p["h"])


def line_of(rows):
    return pd.DataFrame(rows, columns=list(lines.COLUMNS))


def test_the_verdict_counts_lines_then_ranks():
    given = {
        "motif": line_of([("A", 1e-6, 5.0, True, ""), ("B", 1e-6, 9.0, True, ""), ("C", 0.9, 0.0, False, "")]),
        "motif_map": line_of([("A", 1e-3, 3.0, True, ""), ("B", 1e-3, 4.0, True, ""), ("C", 1e-3, 1.0, True, "")]),
        "expression": line_of([("A", 1e-4, 2.0, True, ""), ("B", 1e-4, 8.0, False, ""), ("C", 0.8, 0.0, True, "")]),
    }
    judgement = judged(given, 0.05)
    table = verdict(judgement).set_index("candidate")
    assert table.index.tolist() == ["A", "B", "C"]  # three lines, two with better ranks, one
    assert table["passes"].tolist() == [True, False, False]
    assert table["supporting"].tolist() == [3, 2, 1]
    assert table.loc["B", ["motif", "expression", "clip"]].tolist() == ["supports", "no", ""]
    without = verdict(judgement, ["expression"]).set_index("candidate")
    assert without.index.tolist() == ["B", "A", "C"]
    assert not without["passes"].any()  # sequence alone is not enough
    assert of_candidates(judgement)["C"]["clip"] is None
    with pytest.raises(ValueError, match="evidence: got none"):
        verdict(judgement, LINES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--clip", "QKI"], "--clip: got 'QKI', expected NAME=FILE"),
        (["--clip", "QKI=a", "--clip", "QKI=b"], "--clip: got 'QKI' twice"),
        (["--clip", "QKI=none.bed"], "--clip QKI: got none.bed, expected a file"),
        (["--knockout", "=x"], "--knockout: got '=x', expected NAME=FILE"),
        (["--expression", "none.csv"], "--expression: got none.csv, expected a file"),
        (["--min-tags", "-1"], "--min-tags: got -1, expected at least 0"),
        (["--tissue", "moon"], "expression: got tissue 'moon', expected one of hippocampus"),
        (["--wildtype", "moon"], "--wildtype: got 'moon', expected a condition of"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(tmp_path, light, given, said):
    folder = finished_run(tmp_path / "r", light)
    result = CliRunner().invoke(app, ["regulators", str(folder), *given])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert said in re.sub(r"\s+", " ", result.output)
    assert not (folder / "regulators" / "summary.json").exists()


DAMAGE = {
    "clip": [
        ("chr1\t5\t9\n", r"line 1: got 3 columns, expected BED of at least 6"),
        ("chr1\t9\t5\tx\t0\t+\n", r"line 1: got start 9 and end 5"),
        ("chr1\tfive\t9\tx\t0\t+\n", r"line 1, column 'start': got 'five'"),
        ("chr1\t5\t9\tx\t0\t*\n", r"line 1, column 'strand': got '\*'"),
    ],
    "expression": [
        ("gene_name,tissue,tpm\nQKI,liver,lots\n", r"line 2, column 'tpm': got 'lots', expected a number"),
        ("gene_name,tissue,tpm\nQKI,liver\n", r"line 2: got 2 cells, expected 3"),
        ("gene_name,tissue,tpm\nQKI,liver,-1\n", r"line 2, column 'tpm': got '-1'"),
        ("", r"got an empty file"),
    ],
    "knockout": [
        ("lsv_id\tx\n", r"has no column"),
        ("nothing\n", r"got a table of no known kind"),
    ],
    "motifs": [("MOTIF x\n", r"line 1: got 'MOTIF x', expected 'MEME version 4'")],
}


@pytest.mark.parametrize(("kind", "number"), [(kind, i) for kind, each in DAMAGE.items() for i in range(len(each))])
def test_damaged_files_are_named_by_line_and_column(tmp_path, light, kind, number):
    text, said = DAMAGE[kind][number]
    path = tmp_path / f"damaged-{kind}.csv"
    path.write_text(text)
    folder = finished_run(tmp_path / "r", light)
    value = f"QKI={path}" if kind in ("clip", "knockout") else str(path)
    result = CliRunner().invoke(app, ["regulators", str(folder), f"--{kind}", value])
    assert result.exit_code == 2
    assert re.search(f"{re.escape(path.name)}.*{said}", re.sub(r"\s+", " ", result.output))


def test_only_a_finished_run_of_splicing_is_searched(tmp_path, world):
    with pytest.raises(ValueError, match="expected a finished run folder of eigrad splicing"):
        read_run(tmp_path)
    folder = finished_run(tmp_path / "r", world)
    (folder / "config.json").write_text('{"command": "digits"}')
    with pytest.raises(ValueError, match=r"its config.json says otherwise"):
        read_run(folder)
    config = {
        "command": "splicing",
        "arguments": Study(folder, world=world).arguments(),
        "data": {"fasta: genome.fa": "0"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"is not what .* was made of, expected the same file"):
        read_run(folder)


def test_names_and_files_come_in_pairs():
    assert {name: str(path) for name, path in named_files("--clip", ["QKI=a=b.bed", " X = y"]).items()} == {
        "QKI": "a=b.bed", "X": "y",
    }  # fmt: skip
