"""Each line of evidence by hand: what is counted, against what, times how many, and in which direction it holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.splicing import genomes

from eigrad.cases.splicing.events.table import Change, Events, Triplet, build
from eigrad.cases.splicing.features import Genome, from_consensus
from eigrad.cases.splicing.features.motifs import Motif, built_in
from eigrad.cases.splicing.regulators import Sites, response
from eigrad.cases.splicing.regulators.alignment import align
from eigrad.cases.splicing.regulators.motif_map import hits, windows
from eigrad.cases.splicing.regulators.study import lines
from eigrad.cases.splicing.regulators.study.finished import (
    ELSEWHERE,
    EXCLUDED,
    INCLUDED,
    STILL,
    Evidence,
    Finished,
    candidates,
    exon_sets,
    read_response,
)
from eigrad.cases.splicing.regulators.study.queries import Query
from eigrad.cases.splicing.regulators.study.settings import wild_types
from eigrad.cases.splicing.regulators.study.verdict import judged, verdict
from eigrad.cases.splicing.study.settings import Settings as Study

N, N_CLASS, N_STILL = 90, 30, 40
SPACE = 2000  # nucleotides from one exon to the next
KNOWN = "UGCAUG"


def triplet(i):
    start = SPACE * i
    ends = [start + 100, start + 200, start + 700, start + 800, start + 1300, start + 1400]
    strand = "+-"[i % 2]
    return Triplet(f"g{i}", f"G{i}", "chr1", strand, ends if strand == "+" else [ends[j] for j in (4, 5, 2, 3, 0, 1)])


@pytest.fixture(scope="module")
def events():
    changes = [Change(i, "liver", other, 0.0, 0.0) for i in range(N) for other in ("heart", "lung", "brain")]
    return build([triplet(i) for i in range(N)], {"liver": np.full(N, 0.5)}, changes)


@pytest.fixture(scope="module")
def finished(events, tmp_path_factory):
    """90 exons 100 nt long, 30 of the class and 40 that do not change; UGCAUG lies 30 nt after most of the class."""
    rng = np.random.default_rng(4)
    text = list(genomes.letters(SPACE * N, rng).replace("TGCATG", "TGGATG").replace("CATGCA", "CATGGA"))
    for i in [*range(24), 31, 44, 75]:
        forward = i % 2 == 0
        at = SPACE * i + (830 if forward else 700 - 36)
        text[at : at + 6] = KNOWN.replace("U", "T") if forward else "CATGCA"
    path = genomes.write(tmp_path_factory.mktemp("g") / "g.fa", {"chr1": "".join(text)})
    sets = {INCLUDED: np.arange(N) < N_CLASS, STILL: (np.arange(N) >= N_CLASS) & (np.arange(N) < N_CLASS + N_STILL)}
    sets |= {EXCLUDED: np.zeros(N, bool), ELSEWHERE: np.zeros(N, bool)}
    study = Study(Path("nowhere"), min_others=2)
    return Finished(Path("nowhere"), study, "liver", events, Genome(path), sets, pd.DataFrame(), [])


def evidence_of(clip=None, knockout=None):
    return Evidence(None, "liver", clip or {}, knockout or {}, [])


def sites_at(rows):
    """A site 50 nt after the end of these exons, as the transcript runs."""
    table = [
        ("chr1", at := SPACE * i + (850 if i % 2 == 0 else 650), at + 1, "+-"[i % 2], np.nan) for i in rows
    ]  # fmt: skip
    return Sites(pd.DataFrame(table, columns=["chrom", "start", "end", "strand", "tags"]))


def fisher(a, n, b, m):
    return stats.fisher_exact([[a, n - a], [b, m - b]])


# CLIP


def test_clip_is_the_best_of_four_places_times_four(finished):
    line, details = lines.clip(finished, evidence_of({"X": sites_at([*range(20), 31, 35, 80])}))
    (row,) = line.to_dict("records")
    p = fisher(20, N_CLASS, 2, N_STILL)[1]
    assert row["p_value"] == pytest.approx(4 * p, rel=1e-9)
    assert row["score"] == pytest.approx(-np.log10(4 * p), rel=1e-9)
    assert row["holds"]
    assert row["seen"].startswith(("downstream: 67 % of exons, 5 %", "any: 67 % of exons, 5 %"))
    assert set(details["set"]) == {INCLUDED, STILL, EXCLUDED, ELSEWHERE}


def test_clip_that_is_less_frequent_in_the_class_does_not_hold(finished):
    (row,) = lines.clip(finished, evidence_of({"X": sites_at([0, *range(30, 60)])}))[0].to_dict("records")
    assert row["p_value"] < 1e-6
    assert not row["holds"]
    assert row["score"] < 0


# knock-outs


def answers(low, high, chance=1.0, ahead=True):
    """A knock-out in which exons of the class have these dPSI seen from both sides, and others none."""
    names = ("wt", "ko") if ahead else ("ko", "wt")
    sign = 1 if ahead else -1
    rows, changes = [], []
    for i in range(N):
        for value in (low, high):
            rows.append(triplet(i))
            changes.append(Change(len(rows) - 1, *names, sign * value if i < 12 else 0.01 * sign, chance, 0.0))
    return response(build(rows, {"wt": np.full(len(rows), 0.5)}, changes), "wt", "ko")


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(
    ("low", "high", "chance", "expected"),
    [
        (-0.30, -0.12, 0.9, "enhanced"),
        (0.12, 0.30, 0.9, "repressed"),
        (-0.30, 0.05, 0.9, None),
        (-0.24, 0.25, 0.9, None),
        (0.02, 0.18, 0.9, None),
        (-0.30, -0.12, 0.4, None),
        (-0.04, 0.03, 0.0, "unmoved"),
        (0.00, 0.06, 0.0, None),
    ],
)
def test_both_sides_of_an_exon_must_answer_alike(low, high, chance, expected, ahead):
    found = answers(low, high, chance, ahead)
    for name in ("enhanced", "repressed", "unmoved"):
        assert set(getattr(found, name)[:12]) == {name == expected}
    assert found.unmoved[12:].all()
    assert found.conditions == ("wt", "ko")


def test_a_table_that_does_not_say_how_sure_it_is_is_taken_at_its_word():
    changes = [Change(0, "wt", "ko", -0.2), Change(1, "wt", "ko", -0.2, p_adjusted=0.2), Change(2, "wt", "ko", 0.2)]
    events = build([triplet(i) for i in range(3)], {"wt": np.full(3, 0.5)}, changes)
    found = response(events, "wt", "ko")
    assert found.enhanced.tolist() == [True, False, False]
    assert found.repressed.tolist() == [False, False, True]


def test_the_class_answers_more_often_than_exons_that_could_be_of_it(finished):
    answer = answers(-0.3, -0.2)
    line, counts = lines.knockout(finished, evidence_of(knockout={"X": answer}))
    (row,), (count,) = line.to_dict("records"), counts.to_dict("records")
    odds, p = fisher(12, N_CLASS, 0, N - N_CLASS)
    assert row["p_value"] == pytest.approx(p, rel=1e-9)
    assert (count["both"], count["tissue"], count["overlap"], count["odds_ratio"]) == (N, N_CLASS, 12, odds)
    assert row["holds"]
    assert row["seen"].endswith("(wt against ko)")


def test_exons_that_are_hardly_compared_are_no_background(finished):
    few = finished.events.changes
    few = few[(few["event_id"].isin(finished.events.exons["event_id"][:70])) | (few["condition_2"] == "heart")]
    seen = Events(finished.events.exons, finished.events.psi, few)
    cut = replace(finished, events=seen)
    _, counts = lines.knockout(cut, evidence_of(knockout={"X": answers(-0.3, -0.2)}))
    assert counts["both"].tolist() == [70]


def test_a_class_that_answers_less_does_not_hold(finished):
    turned = replace(finished, sets=finished.sets | {INCLUDED: np.arange(N) >= 40})
    (row,) = lines.knockout(turned, evidence_of(knockout={"X": answers(-0.3, -0.2)}))[0].to_dict("records")
    assert row["p_value"] < 0.01
    assert not row["holds"]


@pytest.mark.parametrize(("wildtype", "enhanced"), [(None, 0), ("ctrl", 0), ("kd", 2)])
def test_the_wild_type_is_the_first_condition_or_the_one_that_is_named(tmp_path, wildtype, enhanced):
    columns = {
        "gene_name": "G", "gene_id": "g", "lsv_type": "s|1e1.1o1|1e2.1o1", "num_junctions": "2", "strand": "+",
        "seqid": "chr1", "mean_dpsi_per_lsv_junction": None, "probability_changing": "0.99;0.99",
        "probability_non_changing": "0.0;0.0", "ctrl_mean_psi": "0.5;0.5", "kd_mean_psi": "0.7;0.3",
    }  # fmt: skip
    table = []
    for i, dpsi in ((1, 0.2), (2, 0.2), (3, 0.0)):
        s = 10_000 * i
        exons = f"{s + 1}-{s + 100};{s + 501}-{s + 600};{s + 1001}-{s + 1100}"
        shared_cells = {**columns, "mean_dpsi_per_lsv_junction": f"{dpsi};{-dpsi}", "exons_coords": exons}
        source = f"{s + 100}-{s + 501};{s + 100}-{s + 1001}"
        target = f"{s + 600}-{s + 1001};{s + 100}-{s + 1001}"
        table.append({**shared_cells, "lsv_id": f"g:s:{s + 1}-{s + 100}", "junctions_coords": source})
        table.append({**shared_cells, "lsv_id": f"g:t:{s + 1001}-{s + 1100}", "junctions_coords": target})
    path = tmp_path / "ko.deltapsi.tsv"
    pd.DataFrame(table).to_csv(path, sep="\t", index=False)
    found = read_response(path, wildtype)
    assert int(found.enhanced.sum()) == enhanced
    assert int(found.repressed.sum()) == 2 - enhanced
    assert int(found.unmoved.sum()) == 1


def test_wild_types_are_of_all_knock_outs_or_of_one():
    knockout = {"QKI": Path("a"), "TIA1": Path("b")}
    assert wild_types(["wt", "QKI=ctrl"], knockout) == {"": "wt", "QKI": "ctrl"}
    assert wild_types(["a=b"], knockout) == {"": "a=b"}
    with pytest.raises(ValueError, match="got 'x' and another for the same"):
        wild_types(["wt", "x"], knockout)


# motifs


def test_the_motif_map_is_the_best_window_times_windows_and_motifs(finished):
    mine, other = from_consensus("RBFOX1", KNOWN), from_consensus("RBFOX1-2", "GUAUGUG")
    line, tested = lines.motif_map(finished, {"RBFOX1": [mine, other], "Z": [from_consensus("Z", "CCCCCCCC")]}, False)
    row = line.set_index("candidate").loc["RBFOX1"]
    kept = np.arange(N_CLASS + N_STILL)
    sets = {name: finished.sets[name][kept] for name in (INCLUDED, STILL)}
    best = windows(hits(finished.events.take(kept), finished.genome, mine), sets, STILL)["p_value"].min()
    n_windows = 2 * (350 - 20 + 1)
    assert row["p_value"] == pytest.approx(2 * n_windows * best, rel=1e-9)
    assert row["score"] == pytest.approx(-np.log10(2 * n_windows * best), rel=1e-9)
    assert row["seen"].startswith("5' splice site")
    assert row["holds"]
    own = tested[tested["candidate"] == "RBFOX1"]
    assert set(own["motif"]) == {"RBFOX1"}
    assert len(own) == n_windows


def test_an_alignment_says_where_the_query_begins_in_the_target():
    target = from_consensus("T", "ACUGCAUGGA")
    inner = Motif("in", target.probabilities[2:8])
    wide = Motif("wide", np.vstack([np.full((2, 4), 0.25), target.probabilities]))
    table = align([inner, wide], [target, *built_in()], most=None)
    offset = table[table["target"] == "T"].set_index("query")["offset"]
    assert offset.to_dict() == {"in": 2, "wide": -2}


def test_the_motif_line_asks_both_of_one_query_and_counts_comparisons():
    known = [from_consensus(name, text) for name, text in (("A", "UGCAUG"), ("B", "CCUUCC"), ("B-2", "GGAGGA"))]
    known += [motif for motif in built_in() if motif.name not in ("A", "B")]
    like = Query(Motif("like", known[0].probabilities * 0.94 + 0.015), ("x",), ("exon (for)",), 0.4, 0.03)
    unlike = Query(from_consensus("unlike", "ACACAC"), ("y",), ("exon (for)",), 5.0, 1e-9)
    proteins = candidates(known)
    aligned = lines.alignments([like, unlike], proteins)
    line = lines.motif([like, unlike], aligned, proteins).set_index("candidate")
    rows = aligned.set_index(["query", "target"])["p_value"]
    assert line.loc["A", "p_value"] == pytest.approx(max(2 * rows["like", "A"], 0.03))
    assert line.loc["A", "holds"]
    expected = [max(min(1.0, 4 * rows[q.motif.name, b]), q.p_value) for q in (like, unlike) for b in ("B", "B-2")]
    assert line.loc["B", "p_value"] == pytest.approx(min(expected))


def test_a_query_that_is_not_alike_lends_its_p_value_to_none():
    known = [from_consensus("A", "UGCAUG")]
    asked = [
        Query(from_consensus(name, "UGCAUG"), (name,), ("exon (for)",), 1.0, p)
        for name, p in (("q", 0.03), ("r", 1e-9))
    ]
    rows = {"query": ["q", "r"], "target": "A", "candidate": "A", "p_value": 1e-4, "itself": False}
    line = lines.motif(asked, pd.DataFrame({**rows, "alike": [True, False]}), candidates(known))
    assert line["p_value"].tolist() == [0.03]


# sets, and the verdict


def test_sets_are_those_of_the_class_of_elsewhere_and_of_nowhere(monkeypatch):
    monkeypatch.setattr("eigrad.cases.splicing.regulators.study.finished.FEWEST", 1)
    tissues = ("liver", "heart", "lung", "brain")
    pairs = [(a, b) for i, a in enumerate(tissues) for b in tissues[i + 1 :]]
    psi = np.array(
        [
            [0.9, 0.5, 0.5, 0.5],  # of the class
            [0.1, 0.5, 0.5, 0.5],  # excluded
            [0.5, 0.5, 0.65, 0.35],  # elsewhere once
            [0.5, 0.65, 0.65, 0.35],  # elsewhere twice
            [0.5, 0.5, 0.52, 0.5],  # nowhere
            [0.5, 0.5, 0.5, 0.5],  # nowhere, and liver is not compared
        ]
    )
    changes = [
        Change(i, a, b, psi[i, tissues.index(b)] - psi[i, tissues.index(a)], 0.99)
        for i in range(6)
        for a, b in pairs
        if i < 5 or a != "liver"
    ]
    made = build([triplet(i) for i in range(6)], {name: psi[:, k] for k, name in enumerate(tissues)}, changes)
    sets = exon_sets(made, Study(Path("nowhere"), min_others=2, min_dpsi=0.2), "liver")
    assert {name: np.flatnonzero(mask).tolist() for name, mask in sets.items()} == {
        INCLUDED: [0], EXCLUDED: [1], ELSEWHERE: [3], STILL: [4],
    }  # fmt: skip


def line_of(rows):
    return pd.DataFrame(rows, columns=list(lines.COLUMNS))


def test_a_line_of_one_candidate_does_not_improve_its_rank():
    names = [f"c{i}" for i in range(9)]
    motif = line_of([(name, 0.5, -i, False, "") for i, name in enumerate(names)])
    alone = verdict(judged({"motif": motif}, 0.05)).set_index("candidate")["mean_rank"]
    failed = {"motif": motif, "clip": line_of([("c8", 1.0, 0.0, False, "")])}
    after = verdict(judged(failed, 0.05)).set_index("candidate")
    assert alone["c8"] == pytest.approx(0.9)
    assert after.loc["c8", "mean_rank"] == pytest.approx((0.9 + 0.5) / 2)
    assert after.index[-1] == "c8"  # a line that is there and does not support speaks against it


def test_what_cannot_be_tested_is_missing_and_not_a_no():
    given = {
        "motif": line_of([("A", 1e-6, 5.0, True, ""), ("B", 1e-6, 9.0, True, "")]),
        "expression": line_of([("A", np.nan, 2.0, True, ""), ("B", 0.9, 1.0, True, "")]),
        "clip": line_of([("A", np.nan, 2.0, True, "")]),
    }
    judgement = judged(given, 0.05)
    assert sorted(zip(judgement["line"], judgement["candidate"], strict=True)) == [
        ("expression", "B"), ("motif", "A"), ("motif", "B"),
    ]  # fmt: skip
    table = verdict(judgement).set_index("candidate")
    assert table.loc["A", ["expression", "clip"]].tolist() == ["", ""]
    assert table.loc["B", "expression"] == "no"
