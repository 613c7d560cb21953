"""The digits study: networks are trained once, every file of a run agrees with the others, nothing is half-written."""

import json
import logging
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from torch import nn

from eigrad import Explainer, baselines, paths, plot, significance, store
from eigrad.cases.digits import calibrate, evaluation, explain, mnist, networks, sections, study
from eigrad.cases.digits.explain import Explanation, Images, Study, model_hash
from eigrad.cases.digits.settings import KINDS, Settings
from eigrad.data import Examples, read_idx
from eigrad.report import build
from eigrad.significance import patches
from eigrad.training import load_config

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")

TABLES = (
    "binary",
    "convergence",
    "curve",
    "recommended_vae",
    "without_network",
    "null_calibration",
    "null_p_values",
    *(f"significance_{k}" for k in KINDS),
)
FIGURES = (
    *("1a_paths", "1b_baselines", "2a_vae", "2b_cnn", "2c_cvae", "2d_binary", "2e_curve"),
    *("S15_recommended",),
    *("S4_convergence", "S5_null", "S6_p_values"),
)
CONVERGENCE_POINTS = (4,)
INTERRUPTIBLE = f"""
import functools, signal, torch
from eigrad import plot
signal.signal(signal.SIGINT, signal.default_int_handler)  # some shells start their children with it ignored
torch.set_num_threads(1)
from eigrad.cases.digits import evaluation, explain
evaluation.CONVERGENCE_POINTS = {CONVERGENCE_POINTS}
explain.significance = functools.partial(explain.significance, correction="none", alpha=0.3)
plot.STYLE["savefig.dpi"] = 40
from eigrad.cli import main
main()
"""


@pytest.fixture(scope="module", autouse=True)
def small():
    """Few points on few paths, figures of few pixels, and a lenient test: networks hardly trained find something."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(evaluation, "CONVERGENCE_POINTS", CONVERGENCE_POINTS)
        monkeypatch.setattr(explain, "significance", partial(significance, correction="none", alpha=0.3))
        monkeypatch.setitem(plot.STYLE, "savefig.dpi", 40)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The first 600 of the images in the package, as a folder of IDX files."""
    folder = tmp_path_factory.mktemp("data")
    for kind in ("images-idx3", "labels-idx1"):
        array = read_idx(mnist.SHIPPED / f"t10k-{kind}-ubyte.gz")[:600]
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / f"train-{kind}-ubyte").write_bytes(header + array.tobytes())
    return folder


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run that was never interrupted."""
    return study.run(settings(tmp_path_factory.mktemp("runs") / "whole", data)).parent


@pytest.fixture(scope="module")
def digits(data):
    return mnist.load(str(data), 0)


@pytest.fixture(scope="module")
def trained(whole, digits):
    return {kind: load(whole, kind, digits) for kind in KINDS}


@pytest.fixture
def run(whole, tmp_path):
    """A copy of the run that was never interrupted."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def settings(out, data, **options):
    return Settings(out, **{"data": str(data), "quick": True, "n_samples": 20, "n_points": 10, **options})


def load(run, kind, digits, **options):
    return networks.load_or_train(run / "models", kind, digits, **{"seed": 0, "quick": True, **options})


def studied(trained, digits, data, **options):
    asked = settings(Path("nowhere"), data, **options)
    return Study(asked, digits, trained, Images.draw(digits.train, asked.sample, asked.n_samples, asked.seed))


def tables(run):
    return {name: (run / f"{name}.csv").read_bytes() for name in TABLES}


def read(run, name):
    return json.loads((run / f"{name}.json").read_text())


def never(*_, **__):
    raise AssertionError("this is done already")


def interrupted(*_, **__):
    raise KeyboardInterrupt


# networks


def test_small_data_gets_up_to_three_times_the_epochs_and_quick_a_quarter():
    for kind, epochs in (("vae", (12, 5)), ("cnn", (None, 4)), ("cvae", (5, 5))):
        for n_train, factor in ((60_000, 1), (100_000, 1), (30_000, 2), (20_000, 3), (600, 3)):
            for quick in (False, True):
                recipe = networks.recipe(kind, n_train, quick)
                schedules = (recipe.autoencoder_schedule, recipe.schedule)
                expected = [n and max(1, round(n * factor / (4 if quick else 1))) for n in epochs]
                assert [schedule and schedule.epochs for schedule in schedules] == expected
                assert (recipe.n_latent is None) == (kind == "cnn")


def test_another_kind_of_network_is_refused():
    with pytest.raises(ValueError, match="network: got 'mlp', expected vae, cnn or cvae"):
        networks.recipe("mlp", 600, quick=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_ready_to_be_explained_whatever_the_memory_format(trained, digits, kind):
    network, x = trained[kind].network, torch.from_numpy(digits.test.values)
    modules = [network, *([] if kind == "cnn" else [trained[kind].autoencoder])]
    assert not any(module.training for whole in modules for module in whole.modules())
    assert not any(parameter.requires_grad for whole in modules for parameter in whole.parameters())
    logits = network(x)
    assert logits.shape == (120, 10)
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), logits, rtol=1e-5, atol=1e-5)
    plain = networks.Assembled(kind, networks.recipe(kind, 440, quick=True))
    plain.network().load_state_dict({name: tensor.contiguous() for name, tensor in network.state_dict().items()})
    torch.testing.assert_close(plain.eval().network()(x), logits, rtol=1e-5, atol=1e-5)
    accuracy = (logits.argmax(1).numpy() == digits.test.labels).mean()
    assert trained[kind].accuracy == pytest.approx(accuracy, abs=1 / 120)
    if kind != "cnn":
        assert torch.equal(network[0](x), trained[kind].autoencoder.encode(x))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_network_is_reused(run, digits, trained, kind, monkeypatch):
    monkeypatch.setattr(networks, "_train", never)
    before = (run / "models" / f"{kind}.safetensors").stat()
    again = load(run, kind, digits)
    modules = (again.network, again.autoencoder), (trained[kind].network, trained[kind].autoencoder)
    assert model_hash(*modules[0]) == model_hash(*modules[1])
    assert (again.config, again.accuracy) == (trained[kind].config, trained[kind].accuracy)
    assert (run / "models" / f"{kind}.safetensors").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "change",
    [
        lambda digits: (digits, {"seed": 1}),
        lambda digits: (digits, {"quick": False}),
        lambda digits: (replace(digits, hash="of other images"), {}),
    ],
)
def test_another_seed_recipe_or_data_trains_again_and_replaces(run, digits, change, monkeypatch):
    count = []
    monkeypatch.setattr(networks, "_train", lambda *arguments: count.append(arguments))
    other, options = change(digits)
    path, before = run / "models" / "cnn.safetensors", load_config(run / "models" / "cnn.safetensors")
    found = load(run, "cnn", other, **options)
    assert load_config(path) == found.config != before
    load(run, "cnn", other, **options)
    assert len(count) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-7],
        lambda raw: raw[:5],
        lambda raw: b"",
        lambda raw: b"{" + raw[1:],
        lambda raw: raw.replace(b'"config"', b'"gifnoc"'),
        lambda raw: raw.replace(b"classifier.0.bias", b"classifier.9.bias"),
    ],
)
def test_a_damaged_network_is_trained_again_with_a_warning(run, digits, damage, monkeypatch, caplog):
    monkeypatch.setattr(networks, "_train", lambda *_: None)
    path = run / "models" / "cnn.safetensors"
    config = load_config(path)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        load(run, "cnn", digits)
    assert [message.endswith("; training again") for message in caplog.messages] == [True]
    assert "cnn.safetensors: " in caplog.text
    assert load_config(path) == config


def test_training_learns_repeats_itself_and_leaves_global_random_numbers_alone(digits, tmp_path):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, second = (load(tmp_path / name, "cnn", digits, progress=False) for name in "ab")
    assert torch.equal(torch.get_rng_state(), state)
    assert model_hash(first.network) == model_hash(second.network)
    assert first.accuracy > 0.2
    assert [path.name for path in (tmp_path / "a" / "models").iterdir()] == ["cnn.safetensors"]


# images and explanations


def explanation(run, table, groups=None):
    sample, null = (store.load(run / "attributions.zarr" / f"vae-3-{name}") for name in ("class", "null"))
    return Explanation(sample, null, table, groups)


def rows(examples):
    return {image.tobytes() for image in examples.values}


@pytest.mark.parametrize("digit", [5, 1])
def test_the_null_shares_no_image_with_the_class(digits, digit, seed):
    images = Images.draw(digits.train, digit, 30, seed)
    assert set(images.sample.labels) == {digit}
    assert len(rows(images.sample)) == len(rows(images.null)) == 30
    assert not rows(images.sample) & rows(images.null)
    assert rows(images.sample) | rows(images.null) < rows(digits.train)
    again, other = (Images.draw(digits.train, digit, 30, s) for s in (seed, seed + 1))
    assert rows(again.sample) == rows(images.sample) != rows(other.sample)
    assert rows(again.null) == rows(images.null) != rows(other.null)


def test_the_null_may_hold_other_images_of_the_digit(digits, seed):
    images = Images.draw(digits.train, 5, 8, seed)
    everything = Images.draw(digits.train.take(digits.train.labels == 5), 5, 8, seed)
    assert len(np.unique(images.null.labels)) > 1
    assert set(everything.null.labels) == {5}
    assert not rows(everything.sample) & rows(everything.null)


@pytest.mark.parametrize(("n_fives", "n_others", "most"), [(11, 30, 11), (30, 11, 20), (0, 30, 0)])
def test_as_many_images_as_there_are_can_be_drawn_and_no_more(n_fives, n_others, most, seed):
    labels = np.array([5] * n_fives + [3] * n_others)
    train = Examples(np.arange(len(labels), dtype=np.float32)[:, None], labels, ("ink",))
    for n in (most + 1, 1000):
        with pytest.raises(ValueError, match=f"--n-samples: got {n}, expected at most {most} of {n_fives} training"):
            Images.draw(train, 5, n, seed)
    if most:
        images = Images.draw(train, 5, most, seed)
        assert len(rows(images.sample) | rows(images.null)) == 2 * most


def test_kept_and_ranked_follow_the_table(whole):
    table = pd.DataFrame(
        {
            "feature": ["b", "a", "c", "d"],
            "effect": [0.5, 2.0, 0.5, 9.0],
            "significant": [True, True, True, False],
        }
    )
    assert explanation(whole, table).ranked().tolist() == [1, 0, 2]
    assert explanation(whole, table).kept.tolist() == [True, True, True, False]
    grouped = explanation(whole, table, np.array(["d", "c", "d", "a", "b", "c", "d"], object))
    assert grouped.kept.tolist() == [False, True, False, True, True, True, False]


def fingerprints(trained, digits, data, whole, monkeypatch, kind="vae", **options):
    """What attributions of one network are known by."""
    found = {}

    def known(path, fingerprint, _):
        found[path.name] = json.dumps(fingerprint, sort_keys=True)
        return store.load(whole / "attributions.zarr" / f"vae-3-{path.name.rsplit('-', 1)[1]}")

    monkeypatch.setattr(store, "load_or_compute", known)
    asked = studied(trained, digits, data, **options)
    asked.explain(kind, asked.settings.baseline, asked.settings.n_points, Path())
    return list(found.values())


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"sample": 4}, (False, False)),
        ({"baseline": 4}, (False, False)),
        ({"seed": 1}, (False, False)),
        ({"n_samples": 21}, (False, False)),
        ({"n_points": 11}, (False, False)),
        ({"n_baselines": 2}, (False, False)),
        ({"baseline_kind": "close"}, (False, False)),
        ({"path": "straight"}, (False, False)),
        ({"null_target": "class"}, (True, False)),
        ({"transform": "rank"}, (True, True)),
    ],
)
def test_attributions_are_known_by_all_that_they_depend_on(trained, digits, data, whole, options, same, monkeypatch):
    first, second = (fingerprints(trained, digits, data, whole, monkeypatch, **given) for given in ({}, options))
    assert tuple(a == b for a, b in zip(first, second, strict=True)) == same


def test_attributions_are_known_by_the_data_and_every_network_behind_them(trained, digits, data, whole, monkeypatch):
    given = {"kind": "cnn", "baseline_kind": "encoded-zero"}
    other = networks.Assembled("cvae", networks.recipe("cvae", 440, quick=True)).eval()
    borrowed = {**trained, "cvae": replace(trained["cvae"], autoencoder=other.autoencoder)}
    own = {**trained, "cnn": replace(trained["cnn"], network=nn.Sequential(trained["cnn"].network))}
    first, *others = (
        fingerprints(models, images, data, whole, monkeypatch, **given)[0]
        for models, images in (
            (trained, digits),
            (borrowed, digits),
            (own, digits),
            (trained, replace(digits, hash="x")),
        )
    )
    assert first not in others


@pytest.mark.parametrize(
    "evaluate",
    [
        lambda asked, found: evaluation.binary_accuracies(asked, {3: found}),
        lambda asked, found: evaluation.subset_curve(asked, found),
    ],
)
def test_an_interruption_is_no_end_of_training(whole, trained, digits, data, evaluate, monkeypatch):
    monkeypatch.setattr(MLPClassifier, "_backprop", interrupted)
    table = pd.DataFrame({"feature": range(784), "effect": 1.0, "significant": np.arange(784) < 3})
    asked, found = studied(trained, digits, data), explanation(whole, table)
    with pytest.raises(KeyboardInterrupt):
        evaluate(asked, found)


# a whole run


def test_a_run_holds_these_files_and_nothing_else(whole):
    files = {
        "report.html",
        *(f"{name}.csv" for name in TABLES),
        *(f"{name}.json" for name in ("config", "summary", "page")),
    }
    assert {path.name for path in whole.iterdir()} == files | {"models", "figures", "attributions.zarr"}
    assert {path.name for path in (whole / "models").iterdir()} == {f"{kind}.safetensors" for kind in KINDS}
    assert {path.name for path in (whole / "figures").iterdir()} == {
        f"{n}.{k}" for n in FIGURES for k in ("png", "svg")
    }
    parts = {f"{kind}-3-{name}" for kind in KINDS for name in ("class", "null")}
    parts |= {f"vae-{digit}-{name}" for digit in range(10) if digit != 5 for name in ("class", "null")}
    parts |= {"vae-3-null-for-class", "vae-3-reference"}
    assert {path.name for path in (whole / "attributions.zarr").iterdir()} == {"zarr.json", *parts}
    for name in FIGURES:
        assert (whole / "figures" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert ET.parse(whole / "figures" / f"{name}.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert f"figures/{name}.png" in (whole / "page.json").read_text()


def test_the_summary_says_what_the_tables_say(whole, trained):
    summary = read(whole, "summary")
    table, binary, curve, gaps = (
        pd.read_csv(whole / f"{n}.csv") for n in ("significance_vae", *TABLES[:1], "curve", "convergence")
    )
    assert summary["accuracy"] == {kind: trained[kind].accuracy for kind in KINDS}
    assert summary["n_features"] == len(table) == 784
    assert any("|attribution| sums to" in each for each in summary["warnings"]["vae"])
    for message in summary["warnings"]["vae"]:
        assert f"Caution: {message}" in " ".join(
            text for part in read(whole, "page")["sections"] for text in part["text"]
        )
    assert summary["n_significant"] == table["significant"].sum() > 0
    assert summary["fraction_significant"] == pytest.approx(summary["n_significant"] / 784)
    assert pd.DataFrame(summary["binary"]).equals(binary)
    assert pd.DataFrame(summary["curve"]).equals(curve)
    assert {"digit", "accuracy_all", "accuracy_significant", "accuracy_random", "n_significant"} <= set(binary)
    assert {"n_pixels", "accuracy_significant", "accuracy_random"} <= set(curve)
    assert binary["digit"].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert binary.set_index("digit")["n_significant"][3] == summary["n_significant"] == curve["n_pixels"].iloc[-1]
    assert np.allclose(binary["loss"], binary["accuracy_all"] - binary["accuracy_significant"], atol=1e-15)
    assert gaps.groupby("network")["path"].nunique().to_dict() == {"cnn": 2, "cvae": 4, "vae": 4}
    assert sorted(set(gaps["n_points"])) == [*CONVERGENCE_POINTS, 10]
    by_network = {"vae": summary["completeness_gap"], **summary["completeness_gap_other_networks"]}
    for row in gaps[gaps["n_points"] == 10].itertuples():
        assert by_network[row.network][row.path] == {"median": row.median, "p95": row.p95}
    assert summary["seed"] == 0
    assert {"data", "training", "attributions_cvae", "curve", "figures"} <= set(summary["seconds"])
    assert {"eigrad", "python", "torch", "numpy"} <= set(summary["versions"])


def test_the_page_shows_every_table_of_the_study_and_says_what_the_curve_says(whole):
    page, summary = read(whole, "page"), read(whole, "summary")
    shown = [table["file"] for section in page["sections"] for table in section["tables"]]
    assert sorted(shown) == sorted(f"{name}.csv" for name in TABLES if name != "null_p_values")
    row = [row for row in summary["curve"] if row["n_pixels"] <= 20][-1]
    best, random = (f"{100 * row[f'accuracy_{name}']:.1f} %" for name in ("significant", "random"))
    assert page["headline"][2] == (
        f"The {row['n_pixels']} most significant pixels tell 5 from 3 with {best} accuracy, as many random ones with "
        f"{random}."
    )
    assert page["headline"][0].startswith(f"{summary['n_significant']} of 784 pixels (")


def test_the_configuration_repeats_the_arguments_and_names_data_and_networks_by_hash(whole, trained, digits, data):
    config = read(whole, "config")
    assert config["arguments"] == settings(whole, data).arguments()
    assert "out" not in config["arguments"]
    assert (config["command"], config["seed"]) == ("digits", 0)
    assert config["data"] == {"source": data.name, "hash": digits.hash}
    for kind, model in trained.items():
        assert config["models"][kind] == {
            "hash": model_hash(model.network, model.autoencoder),
            "settings": model.config,
        }


@pytest.mark.parametrize(
    ("kind", "digit", "n_points"), [("vae", 3, 10), ("vae", 9, 2), ("cnn", 3, 10), ("cvae", 3, 10)]
)
def test_attributions_and_tests_are_those_made_by_hand(whole, trained, digits, kind, digit, n_points):
    model, train = trained[kind], digits.train
    images = Images.draw(train, 5, 20, 0)
    path = paths.Straight() if kind == "cnn" else paths.LatentStraight(model.autoencoder)
    baseline = baselines.Median(torch.from_numpy(train.of_class(digit).values), 3)
    network = nn.Sequential(model.network, nn.Softmax(1))
    explainer = Explainer(network, 5, path, baseline, n_points=n_points, rule="trapezoid")
    saved = {name: store.load(whole / "attributions.zarr" / f"{kind}-{digit}-{name}") for name in ("class", "null")}
    made = {"class": explainer(images.sample.values), "null": explainer(images.null.values, target="predicted")}
    for name in saved:
        torch.testing.assert_close(saved[name].values, made[name].values, rtol=1e-6, atol=1e-9)
        assert saved[name].n_points.unique().tolist() == [n_points]
    groups, names = (None, train.feature_names) if kind == "vae" else (patches((28, 28), 3), None)
    table = significance(
        saved["class"], saved["null"], correction="none", alpha=0.3, groups=groups, feature_names=names
    )
    if digit == 3:
        pd.testing.assert_frame_equal(pd.read_csv(whole / f"significance_{kind}.csv"), table, rtol=1e-14)
    else:
        binary = pd.read_csv(whole / "binary.csv").set_index("digit")
        assert binary["n_significant"][digit] == table["significant"].sum()


def test_gaps_are_those_of_the_logit(whole, trained, digits):
    baseline = baselines.Median(torch.from_numpy(digits.train.of_class(3).values), 3)
    explainer = Explainer(trained["vae"].network, 5, paths.Straight(), baseline, n_points=4, rule="trapezoid")
    gaps = explainer(Images.draw(digits.train, 5, 20, 0).sample.values).relative_gap
    table = pd.read_csv(whole / "convergence.csv").set_index(["network", "path", "n_points"])
    expected = np.quantile(gaps.numpy(), [0.5, 0.95])
    assert table.loc[("vae", "straight", 4), ["median", "p95"]].to_numpy(float) == pytest.approx(expected, rel=1e-4)


def test_the_page_is_built_again_to_the_byte_from_the_command_line(run):
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    shutil.rmtree(run / "models")
    ran = subprocess.run([sys.executable, "-m", "eigrad", "report", run], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"The page is at {run / 'report.html'}\n"
    assert (run / "report.html").read_bytes() == before


def test_a_second_run_trains_and_explains_nothing_again_and_says_the_same(run, data, monkeypatch):
    before, described = tables(run), (run / "config.json").read_bytes()
    monkeypatch.setattr(networks, "_train", never)
    monkeypatch.setattr(store, "save", never)
    study.run(settings(run, data))
    assert tables(run) == before
    assert (run / "config.json").read_bytes() == described


@pytest.mark.parametrize(
    ("options", "path", "baseline"),
    [
        ({"transform": "rank", "path": "neighbors"}, "Neighbors(", "Median("),
        ({"transform": "signed", "path": "straight", "baseline_kind": "close"}, "Straight(", "Close("),
        ({"null_target": "class", "baseline_kind": "k-means", "n_baselines": 2}, "LatentStraight(", "KMeans("),
        (
            {"transform": "share", "path": "latent-neighbors", "baseline_kind": "encoded-zero"},
            "LatentNeighbors(",
            "EncodedZ",
        ),
    ],
)
def test_other_ways_to_explain_run_through_with_the_same_networks(
    whole, digits, trained, data, tmp_path, options, path, baseline, monkeypatch
):
    monkeypatch.setattr(networks, "_train", never)
    shutil.copytree(whole / "models", tmp_path / "models")
    study.run(settings(tmp_path, data, **options))
    assert read(tmp_path, "config")["arguments"] == settings(tmp_path, data, **options).arguments()
    assert read(tmp_path, "summary")["accuracy"] == read(whole, "summary")["accuracy"]
    saved = {name: store.load(tmp_path / "attributions.zarr" / f"vae-3-{name}") for name in ("class", "null")}
    assert saved["null"].path.startswith(path)
    assert saved["null"].baseline.startswith(baseline)
    table = significance(saved["class"], saved["null"], transform=options.get("transform", "abs"))
    written = pd.read_csv(tmp_path / "significance_vae.csv")
    assert np.allclose(written["p_value"], table["p_value"], rtol=1e-12)
    images = torch.from_numpy(Images.draw(digits.train, 5, 20, 0).null.values)
    scores = trained["vae"].network(images).softmax(1)
    expected = scores[:, 5] if "null_target" in options else scores.max(1).values
    torch.testing.assert_close(saved["null"].score, expected)


def test_a_run_without_any_significant_pixel_ends_well(run, data, digits, monkeypatch):
    def nothing(*arguments, **options):
        return significance(*arguments, **options).assign(significant=False)

    monkeypatch.setattr(explain, "significance", nothing)
    page = study.run(settings(run, data))
    summary = read(run, "summary")
    assert (summary["n_significant"], summary["fraction_significant"], summary["curve"]) == (0, 0, [])
    assert pd.read_csv(run / "curve.csv").columns.tolist() == [
        "n_pixels",
        "accuracy_significant",
        "accuracy_random",
        "accuracy_random_sd",
    ]
    for row in summary["binary"]:
        first, second = ((part.labels == d).sum() for part in (digits.test,) for d in (5, row["digit"]))
        fives, others = ((digits.train.labels == d).sum() for d in (5, row["digit"]))
        majority = (first if fives > others else second) / (first + second)
        assert (row["n_significant"], row["accuracy_significant"]) == (0, pytest.approx(majority))
    assert "0 of 784 pixels" in page.read_text()


# runs that do not end


@pytest.mark.parametrize("labels", [[7], [7, 0]])
def test_missing_digits_are_refused_before_training(tmp_path, data, digits, labels, monkeypatch):
    monkeypatch.setattr(networks, "load_or_train", never)
    for name in ("train", "test"):
        part = getattr(digits, name)
        without = replace(digits, **{name: part.take(~np.isin(part.labels, labels))})
        monkeypatch.setattr(mnist, "load", lambda *_, without=without: without)
        word = {"train": "training"}.get(name, name)
        with pytest.raises(
            ValueError, match=f"--data: no {word} image shows a {min(labels)}, expected images of all ten"
        ):
            study.run(settings(tmp_path, data))
    assert not list(tmp_path.iterdir())


def test_more_baselines_than_a_digit_has_images_are_refused_before_training(tmp_path, data, digits, monkeypatch):
    least = np.bincount(digits.train.labels).min()
    monkeypatch.setattr(networks, "load_or_train", never)
    with pytest.raises(
        ValueError, match=f"--n-baselines: got {least}, expected fewer than the {least} training images"
    ):
        study.run(settings(tmp_path, data, n_baselines=int(least)))
    with pytest.raises(AssertionError, match="this is done already"):
        study.run(settings(tmp_path, data, n_baselines=int(least) - 1))


def everything_loads(run):
    """Whether each file of a folder is whole, and none is a leftover."""
    files = [path for path in run.rglob("*") if path.is_file() and ".zarr" not in str(path.relative_to(run))]
    readers = {
        ".safetensors": load_config, ".csv": pd.read_csv, ".json": lambda path: json.loads(path.read_text()),
        ".png": lambda path: path.read_bytes().index(b"IEND"), ".svg": ET.parse,
    }  # fmt: skip
    for path in files:
        readers[path.suffix](path)
    for path in run.glob("attributions.zarr/*-*"):
        store.load(path)
    return bool(files) and not [path.name for path in run.rglob(".*")]


def half(content):
    def written(_, path, **__):
        path.write_text(content)
        raise KeyboardInterrupt

    return written


@pytest.mark.parametrize(
    ("where", "stage", "ends"),
    [
        (networks, "load_or_train", interrupted),
        (pd.DataFrame, "to_csv", half("feature,mean")),
        (evaluation, "convergence", interrupted),
        (plot.Figure, "savefig", half("<svg")),
        (study, "build", interrupted),
    ],
)
def test_a_run_interrupted_over_an_older_one_leaves_no_page(run, data, where, stage, ends, monkeypatch):
    before = tables(run)
    monkeypatch.setattr(where, stage, ends)
    if stage == "build":
        monkeypatch.setattr(study, "_draw", lambda *_: None)  # the figures there are will do
    with pytest.raises(KeyboardInterrupt):
        study.run(settings(run, data))
    assert not (run / "report.html").exists()
    assert everything_loads(run)
    assert tables(run) == before
    if stage != "build":
        with pytest.raises(ValueError, match="is not an eigrad run folder: it has no"):
            build(run)


def test_an_interrupted_run_goes_on_from_there_and_ends_as_if_nothing_had_been(whole, data, tmp_path):
    run = tmp_path / "run"
    options = ["--data", data, "--quick", "--n-samples", "20", "--n-points", "10", "--out", run]
    command = [sys.executable, "-c", INTERRUPTIBLE, "-q", "digits", *map(str, options)]
    for reached in ("models/vae.safetensors", "significance_vae.csv"):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not (run / reached).exists():
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate()
        assert (process.returncode, said) == (130, "")
        assert complained == "Interrupted. What was finished is kept: the same command goes on from there.\n"
        assert everything_loads(run)
        assert not any((run / name).exists() for name in study.RESULTS)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert tables(run) == tables(whole)
    assert read(run, "config") == read(whole, "config")
    assert {**read(run, "summary"), "seconds": None} == {**read(whole, "summary"), "seconds": None}


# calibration


def test_calibration_says_on_the_page_what_networks_that_know_nothing_give(run, data, monkeypatch):
    before = {name: (run / f"{name}.csv").read_bytes() for name in TABLES}
    page = calibrate.run(run, repeats=6)
    found, compared = read(run, "calibration"), pd.read_csv(run / "calibration_networks.csv")
    assert list(compared["network"]) == ["as trained", "random weights", "shuffled labels"]
    assert compared["n_significant"][0] == read(run, "summary")["n_significant"]
    assert compared["shared_significant"][0] == compared["effect_correlation"][0] == 1
    assert (compared["shared_significant"][1:] < 1).all()
    assert (compared["effect_correlation"][1:] < 0.9).all()
    assert compared["accuracy"][0] == read(run, "summary")["accuracy"]["vae"]
    assert found["networks"] == compared.to_dict("records")
    assert len(pd.read_csv(run / "calibration_draws.csv")) == found["draws"]["repeats"] == 6
    html = page.read_text(encoding="utf-8")
    for n in compared["n_significant"][1:]:
        assert f"{n} in one of" in html
    assert {name: (run / f"{name}.csv").read_bytes() for name in TABLES} == before
    # the same again, from what is stored; and gone where the study runs again
    monkeypatch.setattr(Explainer, "__call__", never)
    calibrate.run(run, repeats=6)
    assert read(run, "calibration") == found
    monkeypatch.undo()
    study.run(settings(run, data))
    assert not (run / "calibration.json").exists()
    assert "eigrad calibrate RUN" in (run / "report.html").read_text(encoding="utf-8")


def test_only_finished_runs_are_calibrated(run, tmp_path):
    with pytest.raises(ValueError, match=r"config\.json cannot be read .*expected a finished run folder"):
        calibrate.run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="--repeats: got 0, expected at least 1"):
        calibrate.run(run, repeats=0)
    config = read(run, "config")
    config["models"]["cnn"]["hash"] = "of another"
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"network 'cnn' is not the one of config\.json"):
        calibrate.run(run)
    (run / "config.json").write_text(json.dumps({**config, "command": "compare"}))
    with pytest.raises(ValueError, match="got a run of 'compare', expected one of eigrad digits"):
        calibrate.run(run)


# the page


@pytest.mark.parametrize(
    ("random", "sentence"),
    [
        ((0.5, 0.7, 0.6), "For no digit do as many random pixels do better"),
        ((0.5, 0.9, 0.6), "For 4 as many random pixels did better"),
        ((0.9, 0.9, 0.9), "For 0, 4 and 7 as many random pixels did better"),
    ],
)
def test_the_page_says_where_significant_pixels_trail_random_ones(random, sentence, data):
    rows = [
        {"digit": digit, "accuracy_significant": 0.8, "accuracy_random": value}
        for digit, value in zip((0, 4, 7), random, strict=True)
    ]
    text = " ".join(sections.worth(settings(Path("nowhere"), data), {"binary": rows})["text"])
    assert sentence in text
