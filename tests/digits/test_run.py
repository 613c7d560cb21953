"""Every file of a run agrees with the others."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import torch
from tests.digits.runs import CONVERGENCE_POINTS, FIGURES, TABLES, never, read, settings, tables
from torch import nn

from eigrad import Explainer, baselines, paths, significance, store
from eigrad.cases.digits import explain, networks, study
from eigrad.cases.digits.explain import Images
from eigrad.cases.digits.settings import KINDS
from eigrad.significance import patches
from eigrad.training import model_hash

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


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


def test_the_summary_says_what_the_tables_say(whole, trained, digits):
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
    images = Images.draw(digits.train, 5, 20, 0)
    assert summary["n_null_of_class"] == (images.null.labels == 5).sum()
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
