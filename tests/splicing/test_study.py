"""A splicing study: its files agree, it goes on from where it was stopped, and a world's files serve as one's own."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eigrad.autoencoder import Autoencoder
from eigrad.cases.folder import Clock
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.model import Recipe
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate import simulate
from eigrad.cases.splicing.study import evaluation, explain, methods, prepare, results, sources, study, truth
from eigrad.cases.splicing.study.settings import Settings
from eigrad.significance import ORDERS
from eigrad.training import Schedule

pytestmark = pytest.mark.filterwarnings(
    "ignore::eigrad.significance.SignificanceWarning", "ignore::UserWarning", "ignore::PendingDeprecationWarning"
)  # the latter of Captum and SHAP

N_EVENTS, SEED = 700, 5
FEW = ("EIG straight, zero", "EIG latent-neighbors, k-means", "gradient", "Deep SHAP")
MAIN = "EIG straight, close"
TABLES = (
    "features", "methods", "without_network", "subsets", "set_scores", "enrichment", "calibration", "latent",
    "recovery", "catalogue",
)  # fmt: skip
BRIEF = Schedule(4, 64, 1e-3, 4)
SMALL = Recipe(hidden=(24,), n_latent=6, head=(12,), autoencoder=BRIEF, dense=BRIEF, sparse=Schedule(2, 64, 1e-3, 2))

PAIR = [(f"plain, seed {seed}", SMALL, seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return simulate(World(tmp_path_factory.mktemp("world") / "w", n_events=N_EVENTS, seed=SEED))


@pytest.fixture(scope="module")
def small():
    """Small networks, and few retrainings."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (prepare, results, study):
            patch.setattr(module, "Recipe", lambda: SMALL)
        patch.setattr(evaluation, "SIZES", (1, 20))
        patch.setattr(evaluation, "REPEATS", 1)
        patch.setattr(evaluation, "families", lambda recipe, seed: {"plain": PAIR})
        yield patch


def settings(out, world, **given):
    return Settings(**{"out": out, "world": world, "n_samples": 60, "methods": FEW, "seed": SEED, **given})


@pytest.fixture(scope="module")
def bench(tmp_path_factory, world, small):
    folder = tmp_path_factory.mktemp("prepared")
    return prepare.prepared(settings(folder, world), folder, Clock()).workbench()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, world, small):
    return study.run(settings(tmp_path_factory.mktemp("run") / "r", world)).parent


def read(run, name):
    return json.loads((run / f"{name}.json").read_text())


def test_a_run_holds_these_files_and_nothing_else(whole):
    expected = {f"{name}.csv" for name in TABLES} | {
        f"{name}.json" for name in ("config", "summary", "page", "features")
    }
    folders = {"models", "methods", "figures"}
    assert {path.name for path in whole.iterdir()} == {*expected, *folders, "report.html", "features.npy"}
    names = {explain.slug(name) for name in (MAIN, *FEW)}
    assert {path.stem for path in (whole / "methods").iterdir()} == names
    page = read(whole, "page")
    shown = {figure["file"] for section in page["sections"] for figure in section["figures"]}
    assert shown == {f"figures/{path.name}" for path in (whole / "figures").glob("*.png")}


def test_the_summary_has_what_was_promised(whole):
    summary = read(whole, "summary")
    asked = (MAIN, *FEW)
    assert set(summary["n_significant"]) == set(summary["enrichment"]) == set(asked)
    assert set(summary["average_precision"]) == {*asked, "t-test on inputs", "random forest", "L1 logistic"}
    assert set(summary["subsets"]) == {"n", "auc_top", "auc_random", "auc_all"}
    assert {"auc", "precision_significant", "r2_psi", "latent_agreement"} <= set(summary)
    assert summary["subsets"]["n"] == 20
    assert 0 <= summary["auc"] <= 1


def test_the_summary_says_what_the_tables_say(whole):
    summary = read(whole, "summary")
    for name in (MAIN, *FEW):
        table = pd.read_csv(whole / "methods" / f"{explain.slug(name)}.csv")
        assert summary["n_significant"][name] == table["significant"].sum()
        assert summary["n_significant_paper"][name] == table["significant_paper"].sum()
    main = pd.read_csv(whole / "features.csv")
    ranked = main.iloc[np.argsort(-main["magnitude"].to_numpy(), kind="stable")]
    assert summary["top"] == ranked["meta_feature"].head(10).tolist()
    assert summary["significant"] == ranked.loc[ranked["significant"], "meta_feature"].tolist()
    assert set(main.loc[main["significant"], "direction"]) <= {"for", "against"}
    assert (main.loc[~main["significant"], "direction"].isna()).all()
    recovery = pd.read_csv(whole / "recovery.csv").set_index("method")
    assert summary["average_precision"][MAIN] == pytest.approx(recovery.loc[MAIN, "magnitude"])


def test_what_is_finished_is_not_done_again(whole, tmp_path, world, small, monkeypatch):
    again = tmp_path / "r"
    shutil.copytree(whole, again)
    (again / "methods" / "gradient.json").unlink()
    done = []
    real = explain.tested
    monkeypatch.setattr(explain, "tested", lambda *given: done.append(1) or real(*given))
    monkeypatch.setattr(sources, "compute", lambda *_, **__: pytest.fail("features again"))
    study.run(settings(again, world))
    assert len(done) == 1
    for name in ("summary", "page", "config"):
        first, second = read(whole, name), read(again, name)
        for each in (first, second):
            each.pop("seconds", None)
        assert first == second


def test_other_networks_and_settings_are_not_taken_for_these(whole, tmp_path, world, small, monkeypatch):
    again = tmp_path / "r"
    shutil.copytree(whole, again)
    done = []
    real = explain.tested
    monkeypatch.setattr(explain, "tested", lambda *given: done.append(1) or real(*given))
    study.run(settings(again, world, n_baselines=2, methods=("gradient",)))
    assert len(done) == 2


def test_files_of_a_world_serve_as_ones_own(whole, tmp_path, world, small):
    given = Settings(
        tmp_path / "r", events=(world / "majiq",), fasta=world / "genome.fa", gtf=world / "annotation.gtf",
        bigwig=world / "conservation.bw", condition="hippocampus", n_samples=60, methods=("gradient",), seed=SEED,
    )  # fmt: skip
    own = study.run(given).parent
    first, second = (pd.read_csv(run / "features.csv") for run in (whole, own))
    pd.testing.assert_frame_equal(first, second)
    summary = read(own, "summary")
    assert summary["average_precision"] is None
    assert not summary["simulated"]
    assert "What was planted" not in (own / "report.html").read_text()
    assert not (own / "recovery.csv").exists()


def test_one_reference_is_one_pair(whole, tmp_path, world, small):
    out = tmp_path / "r"
    shutil.copytree(whole, out)
    study.run(settings(out, world, reference="liver", methods=("gradient",), network="dense", order="t"))
    summary, recovery = read(out, "summary"), pd.read_csv(out / "recovery.csv").set_index("method")
    assert summary["order"] == "t"
    assert summary["average_precision"][MAIN] == pytest.approx(recovery.loc[MAIN, "t"])
    with pytest.raises(ValueError, match="got 'hippocampus' and 'moon', expected two conditions that are compared"):
        study.run(settings(out, world, reference="moon", methods=("gradient",)))


def test_all_methods_have_names_of_their_own():
    names = methods.names()
    assert len(names) == len(set(names)) == len(PATHS) * len(BASELINES) + len(methods.OTHERS)
    assert len({explain.slug(name) for name in names}) == len(names)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("baseline", ["close", "encoded-zero"])
def test_paths_and_baselines_explain_the_whole_difference(bench, path, baseline):
    values = bench.points[:5]
    explainer = bench.explainer(path, baseline)
    result = explainer(values)
    change = bench.score(values) - bench.score(bench.baseline(baseline)(values).flatten(0, 1)).view(5, -1).mean(
        1, keepdim=True
    )
    np.testing.assert_allclose(result.values.sum(1), change[:, 0].detach(), atol=0.03)


def test_distances_are_in_units_of_spread(bench):
    assert isinstance(bench._standardized, Autoencoder)
    near = bench.baseline("close")(bench.points[:7])
    spread = bench._standardized.encode(bench.reference)
    mine = bench._standardized.encode(bench.points[:7])
    for i in range(7):
        distance = (spread - mine[i]).square().sum(1)
        order = distance.argsort(stable=True)[1:6]
        assert {tuple(row.tolist()) for row in near[i]} == {tuple(row.tolist()) for row in bench.reference[order]}


def test_truth_is_read_by_the_tissues_that_are_compared(world):
    table = pd.read_csv(world / "truth" / "meta_features.csv")
    names = [*dict.fromkeys(table["meta_feature"]), "exon:nothing"]
    true = truth.read_truth(world / "truth", ("hippocampus",), names)
    causal = {name for name, is_so in zip(names, true.causal, strict=True) if is_so}
    assert {"downstream_intron_start:RBFOX1", "upstream_intron_end:RBFOX1", "exon_donor:strength"} <= causal
    assert not (true.causal & true.shows).any()
    assert not true.right[-1]
    other = truth.read_truth(world / "truth", ("heart",), names)
    assert "downstream_intron_start:RBFOX1" not in {n for n, is_so in zip(names, other.causal, strict=True) if is_so}


def test_k_mers_count_neither_way_in_average_precision(world):
    names = ["downstream_intron_start:RBFOX1", "downstream_intron_start:GCA", "exon:nothing"]
    true = truth.read_truth(world / "truth", ("hippocampus",), names)
    assert true.shows.tolist() == [False, True, False]
    assert truth.average_precision(np.array([1.0, 2.0, 0.5]), true) == 1.0
    tables = {"x": pd.DataFrame({**{order: [1.0, 2.0, 3.0] for order in ORDERS}, "significant": [False, True, True]})}
    row = truth.recovered(tables, true).iloc[0]
    assert (row["n_significant"], row["precision"], row["recall"], row["t"]) == (2, 0.5, 0.0, 0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"direction": "up"}, "--direction: got 'up', expected one of included, excluded"),
        ({"network": "deep"}, "--network: got 'deep', expected one of dense, sparse"),
        ({"order": "p"}, "--order: got 'p', expected one of magnitude, t, product"),
        ({"path": "x"}, "--path: got 'x', expected one of straight, "),
        ({"baseline_kind": "x"}, "--baseline-kind: got 'x', expected one of zero, "),
        ({"n_samples": 19}, "--n-samples: got 19, expected at least 20"),
        ({"min_others": 0}, "--min-others: got 0, expected at least 1"),
        ({"min_dpsi": 1.0}, "--min-dpsi: got 1.0, expected a number between 0 and 1"),
        ({"seed": -1}, "--seed: got -1, expected at least 0"),
        ({"device": "moon"}, "--device: got 'moon', expected a device"),
        ({"fasta": Path("g.fa")}, "--events: got none, expected one with --fasta"),
        ({"events": (Path("e"),), "gtf": Path("a")}, "--fasta: got none, expected one with --events"),
        ({"events": (Path("e"),), "gtf": Path("a"), "fasta": Path("f")}, "--condition: got none, expected a condition"),
        ({"world": Path("w"), "bigwig": Path("b")}, "--world: got --bigwig as well, expected a world or files"),
    ],
)
def test_settings_are_checked_at_the_door(tmp_path, given, said):
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        Settings(**{"out": tmp_path, **given})


def test_what_cannot_be_used_is_said_before_anything_is_trained(tmp_path, world, small, monkeypatch):
    monkeypatch.setattr(prepare, "load_or_train", lambda *_, **__: pytest.fail("trained"))
    own = {"events": (world / "majiq",), "fasta": world / "genome.fa", "gtf": world / "annotation.gtf"}
    refused = [
        ({"world": tmp_path / "none"}, "expected the finished folder of eigrad simulate"),
        ({"world": world, "condition": "brain"}, "--condition: got 'brain', expected a condition of the tables"),
        ({**own, "condition": "liver", "fasta": tmp_path / "no.fa"}, "--fasta: got .*no.fa, expected a file"),
        ({**own, "condition": "liver", "events": (tmp_path / "no",)}, "--events: got .*no, expected a table of events"),
        (
            {**own, "condition": "liver", "fasta": shifted(world, tmp_path)},
            "% of the splice sites of the events are GT",
        ),
        ({"world": world, "min_dpsi": 0.95}, "exons: got 0 that are more included in hippocampus"),
    ]
    for number, (given, said) in enumerate(refused):
        with pytest.raises(ValueError, match=said):
            study.run(Settings(tmp_path / f"r{number}", n_samples=60, methods=FEW, seed=SEED, **given))


def shifted(world, folder):
    """The world's genome with a letter more at the beginning of every chromosome."""
    path = folder / "shifted.fa"
    lines = (world / "genome.fa").read_text().split()
    codes = "".join(f"{line}" if line[0] != ">" else f"\n{line}\nA" for line in lines)
    path.write_text(codes.lstrip() + "\n")
    return path


def test_unknown_methods_are_refused(tmp_path, world, small):
    with pytest.raises(ValueError, match="--methods: got 'LIME', expected all or some of EIG straight, zero; "):
        study.run(settings(tmp_path / "r", world, methods=("LIME",)))


def test_methods_of_libraries_that_are_missing_are_left_out_or_refused(tmp_path, world, monkeypatch):
    monkeypatch.setattr(methods, "find_spec", lambda name: None if name == "shap" else name)
    wanted = study._wanted(Settings(tmp_path, world))
    assert set(methods.names()) - wanted == {"Deep SHAP", "GradientSHAP"}
    with pytest.raises(ValueError, match=r"--methods: 'Deep SHAP' needs shap: pip install 'eigrad\[compare\]'"):
        study._wanted(settings(tmp_path, world))
