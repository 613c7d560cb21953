"""A run finds what was planted, its files agree, and it goes on from where it was stopped."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tests.junctions.conftest import LENGTH, PLANTED, SMALL

from eigrad import plot, store
from eigrad.cases.junctions import explain, networks, page, study
from eigrad.cases.junctions.settings import CLASSES, SITES, Settings
from eigrad.cases.junctions.windows import load
from eigrad.report import build
from eigrad.significance.guards import observed

# With 45 windows the paper's mode has something to warn of.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")

TABLES = [f"{name}_{site}.csv" for name in ("recommended", "significance", "without_network") for site in SITES]


def read(run, name):
    return json.loads((run / f"{name}.json").read_text())


def test_a_run_holds_these_files_and_nothing_else(whole):
    assert {path.name for path in whole.iterdir()} == {
        *TABLES, "config.json", "summary.json", "page.json", "report.html", "models", "figures", "attributions.zarr",
    }  # fmt: skip
    assert {path.name for path in (whole / "models").iterdir()} == {f"network-{i}.safetensors" for i in range(2)}
    assert {path.name for path in (whole / "figures").iterdir()} == {f"{s}.{k}" for s in SITES for k in ("png", "svg")}


def test_what_was_planted_is_found(whole):
    """Only the planted positions tell the classes apart."""
    summary = read(whole, "summary")
    assert summary["accuracy"] > 0.9
    for site, label in SITES.items():
        planted = PLANTED[CLASSES[label]]
        assert set(summary[site]["top_positions"][:2]) == set(planted)
        assert set(summary[site]["significant_positions"]) >= set(planted)
        letters = dict(zip(summary[site]["top_positions"], summary[site]["top_letters"], strict=True))
        assert {position: letters[position] for position in planted} == planted


def test_positions_that_differ_and_are_too_small_are_named():
    table = pd.DataFrame(
        {
            "feature": [1, 2, 3, 4, 5], "t": [9.0, -9.0, 9.0, 0.0, 1.0], "p_adjusted": [0.001, 0.006, 0.05, 0.001, 0.3],
            "significant": [True, False, False, False, False],
        }
    )  # fmt: skip
    table.attrs["alpha"] = 0.05
    small = explain.Explanation.below_floor.fget(SimpleNamespace(table=table))
    assert small == [2, 3]
    assert page._below_floor({"below_floor_positions": small})[0].endswith("below 5 % of the largest: 2, 3.")
    assert page._below_floor({"below_floor_positions": []}) == []


def test_the_summary_says_what_the_tables_say(whole):
    summary = read(whole, "summary")
    for site in SITES:
        table = pd.read_csv(whole / f"recommended_{site}.csv")
        differ = (table["t"] != 0) & (table["p_adjusted"] <= 0.05) & ~table["significant"]
        assert summary[site]["below_floor_positions"] == table["feature"][differ].tolist()
        assert table["feature"].tolist() == list(range(1, LENGTH + 1))
        assert summary[site]["significant_positions"] == table["feature"][table["significant"]].tolist()
        order = table["effect"].abs().sort_values(ascending=False, kind="stable").index
        assert summary[site]["top_positions"] == table["feature"][order[: study.TOP]].tolist()
        assert (
            summary[site]["n_significant_paper"] == pd.read_csv(whole / f"significance_{site}.csv")["significant"].sum()
        )
        far = [*range(1, 11), *range(11, LENGTH + 1)]  # all of them: twenty
        assert summary[site]["n_significant_far"] == len(set(far) & set(summary[site]["significant_positions"]))


def test_what_the_papers_mode_saw_stands_on_the_page_without_advice_for_the_library(whole):
    summary = read(whole, "summary")
    said = " ".join(text for part in read(whole, "page")["sections"] for text in part["text"])
    warned = [warning for site in SITES for warning in summary[site]["warnings_paper"]]
    assert warned
    assert all(f"Caution, in the paper's mode: {observed(warning)}" in said for warning in warned)
    assert any("transform=" in warning for warning in warned)
    assert "transform=" not in said  # the study has no such option


def test_the_letters_of_the_logo_sum_to_the_positions_attribution(whole, data):
    settings = Settings(whole, data=str(data), **SMALL)
    windows = load(settings.data, settings.seed)
    trained = networks.load_or_train(whole / "models", windows, settings)
    for site in SITES:
        found = explain.explain(site, windows, trained, settings, whole / "attributions.zarr")
        stored = store.load(whole / "attributions.zarr" / f"{site}-class").values.numpy()
        by_position = stored.reshape(len(stored), 4, LENGTH).sum(axis=1).mean(axis=0)
        assert np.allclose(found.by_letter().sum(axis=1), by_position, atol=1e-6)
        assert np.allclose(found.table["mean_attribution"], by_position, atol=1e-6)


def test_class_null_and_reference_are_held_out_and_apart(data):
    windows = load(str(data), 0)
    for site, label in SITES.items():
        of_class, null, reference = explain.draw(windows.test.labels, site, 45, 0)
        assert not set(of_class) & set(null)
        assert set(windows.test.labels[of_class]) == {label}
        assert set(windows.test.labels[reference]) == {2}
        assert len(set(windows.test.labels[null])) == 3
        assert [len(set(rows)) for rows in (of_class, null, reference)] == [45, 45, 45]


def test_the_page_says_whether_the_textbook_came_out():
    site = {
        "top_positions": [32, 31, 35, 34, 33],
        "top_letters": list("TGGAA"),
        "significant_positions": [31, 32],
    }
    assert "textbook's GT at positions 31 and 32 has the two" in page._answer({"length": 60, "donors": site}, "donors")
    swapped = {**site, "top_letters": list("GTGAA")}
    assert "The largest effects are G at 32 and T at 31" in page._answer({"length": 60, "donors": swapped}, "donors")
    missed = {**site, "significant_positions": [32]}
    assert "of the textbook's GT at positions 31 and 32, 32 is" in page._answer(
        {"length": 60, "donors": missed}, "donors"
    )
    nothing = {**site, "top_positions": [1, 2, 35, 34, 33], "significant_positions": []}
    said = page._answer({"length": 60, "donors": nothing}, "donors")
    assert "neither is significant" in said
    assert "0 of 60 positions" in said


def test_a_run_that_was_stopped_goes_on_and_ends_the_same(whole, data, tmp_path, monkeypatch):
    run = shutil.copytree(whole, tmp_path / "run")
    for name in ("summary.json", "page.json", "report.html"):
        (run / name).unlink()
    shutil.rmtree(run / "attributions.zarr" / "acceptors-null")
    before = {name: (run / name).read_bytes() for name in TABLES}

    def never(*_, **__):
        raise AssertionError("this is done already")

    monkeypatch.setattr(networks, "fit", never)
    study.run(Settings(run, data=str(data), **SMALL))
    assert {name: (run / name).read_bytes() for name in TABLES} == before
    assert {key: value for key, value in read(run, "summary").items() if key != "seconds"} == {
        key: value for key, value in read(whole, "summary").items() if key != "seconds"
    }


def test_the_page_is_built_again_from_the_files(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert build(run).read_bytes() == before


def test_networks_are_trained_alike_wherever_they_stand_and_differ_by_number(whole, data, tmp_path):
    settings = Settings(tmp_path, data=str(data), **SMALL)
    windows = load(settings.data, settings.seed)
    again = networks.load_or_train(tmp_path / "models", windows, settings, progress=False)
    kept = networks.load_or_train(whole / "models", windows, settings, progress=False)
    x = torch.from_numpy(windows.test.values)
    for one, other in zip(again.networks, kept.networks, strict=True):
        assert torch.equal(one(x), other(x))
    assert not torch.equal(again.networks[0](x), again.networks[1](x))
    assert torch.allclose(again.ensemble(x), (again.networks[0](x) + again.networks[1](x)) / 2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_samples": 3}, "--n-samples: got 3, expected at least 4"),
        ({"n_networks": 0}, "--n-networks: got 0, expected at least 1"),
        ({"n_baselines": 0}, "--n-baselines: got 0, expected at least 1"),
        ({"baseline_kind": "encoded-zero"}, "--baseline-kind: got 'encoded-zero', expected one of zero"),
        ({"seed": 2**32}, "--seed: got 4294967296"),
        ({"device": "abacus"}, "--device: got 'abacus'"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, changed, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        Settings(tmp_path, **changed)


def test_more_samples_than_there_are_is_refused_before_anything_is_trained(data, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("refuse first")

    monkeypatch.setattr(networks, "fit", never)
    with pytest.raises(ValueError, match=r"--n-samples: got 99, expected at most \d\d with \d\d windows of EI"):
        study.run(Settings(tmp_path / "run", data=str(data), n_samples=99))


def test_without_logomaker_the_run_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'eigrad\[splicing\]'"):
        study.run(Settings(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
