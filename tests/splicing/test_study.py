"""A splicing study: its files agree, it goes on from where it was stopped, and a world's files serve as one's own."""

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eigrad.autoencoder import Autoencoder
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.events import COORDINATES, Events, write_events
from eigrad.cases.splicing.features import Features
from eigrad.cases.splicing.model import Recipe
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate import simulate
from eigrad.cases.splicing.study import evaluation, explain, methods, page, prepare, results, sources, study, truth
from eigrad.cases.splicing.study.settings import Settings
from eigrad.folder import Clock
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
    "recovery", "catalogue", "planted",
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
    return Settings(
        **{"out": out, "world": world, "n_samples": 60, "n_compared": 25, "methods": FEW, "seed": SEED, **given}
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, world, small):
    folder = tmp_path_factory.mktemp("prepared")
    return prepare.prepared(prepare.surveyed(settings(folder, world)), folder, Clock())


@pytest.fixture(scope="module")
def bench(prepared):
    return prepared.workbench()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, world, small):
    return study.run(settings(tmp_path_factory.mktemp("run") / "r", world)).parent


def read(run, name):
    return json.loads((run / f"{name}.json").read_text())


def test_a_run_holds_these_files_and_nothing_else(whole):
    expected = {f"{name}.csv" for name in TABLES} | {
        f"{name}.json" for name in ("config", "summary", "page", "features")
    }
    folders = {"models", "methods", "main", "figures"}
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
    assert summary["exons"]["compared"] < summary["exons"]["explained"]
    assert set(summary["average_precision"]) == {
        *asked,
        f"{MAIN}, all exons",
        "t-test on inputs",
        "random forest",
        "L1 logistic",
    }
    assert set(summary["subsets"]) == {"n", "auc_top", "auc_random", "auc_all"}
    assert {"auc", "precision_significant", "r2_psi", "latent_agreement"} <= set(summary)
    assert summary["subsets"]["n"] == 20
    planted = pd.read_csv(whole / "planted.csv").set_index("meta_feature")
    assert planted.loc["downstream_intron_start:RBFOX1", "acts_in"] == "hippocampus"
    assert planted.loc["exon:SRSF1", "acts_in"] == "everywhere"
    ranked = pd.read_csv(whole / "features.csv").sort_values("magnitude", ascending=False, kind="stable")
    place = ranked["meta_feature"].tolist().index("downstream_intron_start:RBFOX1") + 1
    assert planted.loc["downstream_intron_start:RBFOX1", "place"] == place
    assert 0 <= summary["auc"] <= 1


def test_what_cannot_be_measured_is_none(prepared):
    """Exons of the class or constitutive and no others, a target that is never measured, and one that is always 0.5."""
    data, groups = prepared.data, prepared.groups
    network, score = prepared.trained.networks["dense"], prepared.score
    before = evaluation.quality(data, network, score, groups)
    assert all(np.isfinite(value) for value in before.values())
    targets = data.targets.copy()
    targets[..., 1], targets[..., 2] = np.nan, 0.5
    few = replace(groups, chosen=~groups.constitutive)
    found = evaluation.quality(replace(data, targets=targets), network, score, few)
    assert {name for name in found if found[name] is None} == {"auc_alternative", "r2_increased", "r2_decreased"}
    assert found["r2_psi"] == before["r2_psi"]
    same = pd.DataFrame(np.nan, index=["plain, a", "plain, b"], columns=["plain, a", "plain, b"])
    assert evaluation.within_families(same) == {"plain": None}


def test_the_page_says_what_cannot_be_measured(whole, world):
    names = ("auc", "auc_alternative", "r2_psi", "r2_increased", "r2_decreased")
    summary = {**read(whole, "summary"), **dict.fromkeys(names), "latent_agreement": {"plain": None}}
    said = json.dumps(page.describe(settings(whole, world), summary))
    assert (
        said.count("not measurable") == len(names) + 4
    )  # auc and what is explained are said twice, and in the caution
    assert "Caution: whether the network has learned any" in said
    assert "better than the network" not in said


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
    assert len(done) == 3  # the main method of all exons, and both of those that are compared


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
    names = {explain.slug(name) for name in (MAIN, "gradient")}
    assert {path.stem for path in (out / "methods").iterdir()} == names
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for wrong, said in (
        (
            {"reference": "moon"},
            "--reference: got 'moon', expected one that hippocampus is compared with, heart, liver, ",
        ),
        ({"methods": ("Deep Shap",)}, "--methods: got 'Deep Shap'"),
        ({"condition": "brain"}, "--condition: got 'brain', expected a condition of the tables"),
        ({"n_baselines": 500}, "--n-baselines: got 500, expected less than the [0-9]+ constitutive exons"),
    ):
        with pytest.raises(ValueError, match=said):
            study.run(settings(out, world, **wrong))
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


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


def test_baselines_are_drawn_by_the_seed_of_the_study(bench):
    for seed in (SEED, SEED + 1):
        seeded = replace(bench, seed=seed)
        assert [seeded.baseline(name).seed for name in ("k-means", "random")] == [seed, seed]


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
        ({"world": Path("w"), "n_events": 500}, "--n-events: got 500 with data that is there"),
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
            "% of the splice sites of --events are GT",
        ),
        ({**own, "condition": "liver", "groups": ("a,b",)}, "--groups: got 1 for 15 tables, expected one each"),
        ({**own, "condition": "liver", "groups": ("a",) * 15}, "--groups: got 'a', expected two names"),
        (
            {**own, "condition": "liver", "groups": ("a,b",) * 15},
            "is a table of voila tsv, expected an SE table of rMATS",
        ),
        ({**own, "condition": "liver", "changes": world / "expression.csv"}, "voila tsv, expected plain CSV"),
        ({"condition": "brain"}, "--condition: got 'brain', expected one of hippocampus, heart, "),
        ({"world": world, "min_dpsi": 0.95}, "exons: got 0 that are more included in hippocampus"),
    ]
    for number, (given, said) in enumerate(refused):
        with pytest.raises(ValueError, match=said):
            study.run(Settings(tmp_path / f"r{number}", n_samples=60, methods=FEW, seed=SEED, **given))


def own_files(world, **given):
    return {
        "events": (world / "majiq",), "fasta": world / "genome.fa", "gtf": world / "annotation.gtf",
        "condition": "hippocampus", "n_samples": 60, "seed": SEED, **given,
    }  # fmt: skip


def test_events_of_another_build_are_refused_whatever_the_annotation(tmp_path, world, monkeypatch):
    def elsewhere(files, real=sources.quantified_events):
        events = real(files)
        exons = events.exons.copy()
        exons[list(COORDINATES)] += 37
        ids = [f"{i}" for i in range(len(exons))]
        changes = events.changes.assign(
            event_id=events.changes["event_id"].map(dict(zip(events.psi.index, ids, strict=True)))
        )
        return Events(exons.assign(event_id=ids), events.psi.set_axis(ids), changes)

    monkeypatch.setattr(sources, "quantified_events", elsewhere)
    with pytest.raises(ValueError, match="% of the splice sites of --events are GT or AG, expected nearly all"):
        prepare.surveyed(Settings(tmp_path, **own_files(world)))


def test_features_follow_their_exons_in_whatever_order_tables_come(tmp_path, world):
    tables = sorted((world / "majiq").iterdir())
    for order in (tables, tables[::-1]):
        ground = prepare.surveyed(Settings(tmp_path, **own_files(world, events=tuple(order))))
        features = sources.features_of(ground.read.events, ground.sources, tmp_path)
        column = features.names.index("length:exon")
        lengths = ground.read.events.lengths["exon"].to_numpy(float)
        np.testing.assert_allclose(features.values[:, column], np.log10(lengths), atol=1e-4)


def test_sets_have_no_exon_in_common_with_baselines(world, tmp_path):
    groups = prepare.surveyed(settings(tmp_path, world)).groups
    explained = list(groups.explained().values())
    assert all(not set(groups.background) & set(rows) for rows in explained)
    assert not set(explained[0]) & {*explained[1], *explained[2]}
    assert groups.constitutive[groups.background].all()
    assert groups.chosen[groups.of_class].all()


def as_rmats(events, first, second, path):
    """A table of rMATS of the events, p-values by size."""
    rows = []
    dpsi = events.psi[first] - events.psi[second]
    for i, row in enumerate(events.exons.itertuples()):
        if math.isnan(dpsi.iloc[i]):
            continue
        one, two = (row.upstream_start, row.upstream_end), (row.downstream_start, row.downstream_end)
        left, right = (one, two) if row.strand == "+" else (two, one)
        levels = [events.psi[name].iloc[i] for name in (first, second)]
        fdr = 0.001 if abs(dpsi.iloc[i]) > 0.2 else 0.5
        cells = [i, row.gene_id, row.gene_name, row.chrom, row.strand, row.exon_start, row.exon_end, *left, *right]
        rows.append([*cells, fdr, *levels, dpsi.iloc[i]])
    names = "ID GeneID geneSymbol chr strand exonStart_0base exonEnd upstreamES upstreamEE downstreamES downstreamEE"
    names += " FDR IncLevel1 IncLevel2 IncLevelDifference"
    pd.DataFrame(rows, columns=names.split()).to_csv(path, sep="\t", index=False)


def test_one_rmats_table_is_enough(world, tmp_path):
    """Its groups are named, and one comparison is all that an exon must change in."""
    events = prepare.surveyed(settings(tmp_path, world)).read.events
    events = events.take(events.psi[["liver", "hippocampus"]].notna().all(axis=1).to_numpy())
    as_rmats(events, "liver", "hippocampus", tmp_path / "SE.MATS.JC.txt")
    given = own_files(world, events=(tmp_path / "SE.MATS.JC.txt",), groups=("liver,hippocampus",))
    ground = prepare.surveyed(Settings(tmp_path / "r", **given))
    dpsi = (events.psi["hippocampus"] - events.psi["liver"]).to_numpy()
    found = set(ground.read.events.exons["event_id"][ground.groups.chosen])
    assert found == set(events.exons["event_id"][dpsi > 0.2])


def test_plain_csv_brings_its_changes(world, tmp_path):
    events = prepare.surveyed(settings(tmp_path, world)).read.events
    events = events.take(events.psi.notna().any(axis=1).to_numpy())
    write_events(events, tmp_path / "events.csv", tmp_path / "changes.csv")
    given = own_files(world, events=(tmp_path / "events.csv",))
    with pytest.raises(ValueError, match=r"--events: events\.csv has no changes between two conditions"):
        prepare.surveyed(Settings(tmp_path / "r", **given))
    ground = prepare.surveyed(Settings(tmp_path / "r", **given, changes=tmp_path / "changes.csv"))
    whole = prepare.surveyed(settings(tmp_path, world))
    assert ground.groups.chosen.sum() == whole.groups.chosen.sum()


def test_what_is_judged_on_test_chromosomes_is_chosen_without_them(world, tmp_path):
    rng = np.random.default_rng(3)
    names = [f"exon:{i}" for i in range(5)]
    catalogue = pd.DataFrame({"name": names, "region": "exon", "kind": "k-mer", "meta_feature": names, "units": "1"})
    features = Features(np.zeros((1, 5), np.float32), ("e",), catalogue)
    values = [rng.normal([0, 0, 0, 0, shift], 1, (60, 5)) for shift in (1, 0, 0)]
    kept = [np.arange(60) < 45] * 3
    first = explain.selection(values, kept, features, 0)
    for each in values:
        each[45:] += rng.normal(5, 1, (15, 5))
    pd.testing.assert_frame_equal(explain.selection(values, kept, features, 0), first)
    assert first["significant_selection"].tolist() == [False] * 4 + [True]
    table = first.assign(magnitude=0.0)
    assert explain.selected(table, "magnitude")[0] == first["magnitude_selection"].argmax()


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
