"""`eigrad explain`: planted causes of a stranger's network are found, by one command that can be interrupted."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from eigrad import store
from eigrad.cases.own.sets import drawn
from eigrad.cases.own.settings import Settings, settings_of
from eigrad.cases.own.study import run
from eigrad.cli import app
from eigrad.inputs import read_samples

N, D = 120, 9
CAUSES = {"gene 2", "gene 5"}
NETWORK = f"""
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear({D}, 3)
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.bias.zero_()
            self.layer.weight[1, 2], self.layer.weight[1, 5] = 2.0, -1.5

    def forward(self, x):
        return torch.relu(self.layer(x))


def load():
    return Net()


def other():
    net = Net()
    with torch.no_grad():
        net.layer.weight[1, 3] = 1.0
    return net


def narrow():
    return nn.Linear(2, 2)
"""
QUERY = ["--class", "tissue == 'liver'", "--reference", "tissue == 'heart'"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network that sees two of nine genes, which liver has more or less of, and heart has not."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "net.py").write_text(NETWORK)
    rng = np.random.default_rng(3)
    values = rng.normal(size=(N, D))
    tissue = np.repeat(["liver", "heart", "lung"], N // 3)
    values[tissue == "liver", 2] += 2
    values[tissue == "liver", 5] -= 2
    table = pd.DataFrame(values, columns=[f"gene {i}" for i in range(D)]).assign(tissue=tissue)
    table.sample(frac=1, random_state=0).to_csv(folder / "cells.csv", index=False)
    return folder


def command(files, out, *more):
    given = ["--model", f"{files}/net.py:load", "--data", f"{files}/cells.csv", *QUERY, "--n-samples", "25"]
    return CliRunner().invoke(app, ["-q", "explain", *given, "--out", str(out), *more])


@pytest.fixture(scope="module")
def found(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("r") / "run"
    result = command(files, out)
    assert result.exit_code == 0, result.output
    return out


def test_what_was_planted_is_significant_and_first(found):
    table = pd.read_csv(found / "features.csv")
    assert set(table.loc[table["significant"], "feature"]) == CAUSES
    assert set(table["feature"][:2]) == CAUSES
    assert len(table) == D
    summary = json.loads((found / "summary.json").read_text())
    assert set(summary["top"]) == CAUSES
    assert summary["target"] == 1
    page = (found / "report.html").read_text()
    assert "2 of 9 features are significant for output 1" in page
    for name in ("volcano", "distributions"):
        assert (found / "figures" / f"{name}.png").stat().st_size > 10_000


def test_means_in_the_table_are_those_of_the_attributions(found):
    table = pd.read_csv(found / "features.csv").set_index("feature")
    names = [f"gene {i}" for i in range(D)]
    for name in ("class", "reference", "null"):
        values = store.load(found / "attributions.zarr" / name).numpy()
        np.testing.assert_allclose(table.loc[names, f"mean_{name}"], values.mean(axis=0), rtol=1e-5, atol=1e-7)


def test_quantiles_and_samples_are_those_of_the_attributions(files, found):
    features = pd.read_csv(found / "features.csv")["feature"]
    distributions = pd.read_csv(found / "distributions.csv")
    samples = pd.read_csv(found / "samples.csv")
    config = json.loads((found / "config.json").read_text())["arguments"]
    settings = settings_of(found, {}, found / "explain.yaml")
    explained = drawn(read_samples(settings.data), settings).explained
    order = [int(feature.removeprefix("gene ")) for feature in features]

    assert config["n_samples"] == 25
    assert distributions["feature"].tolist() == samples["feature"].tolist() == features.tolist()
    columns = ["feature"]
    for name in ("class", "reference", "null"):
        values = store.load(found / "attributions.zarr" / name).numpy()[:, order]
        for percent in (5, 25, 50, 75, 95):
            columns.append(f"{name}_{percent}")
            expected = np.percentile(values, percent, axis=0)
            np.testing.assert_allclose(distributions[columns[-1]], expected, rtol=1e-6, atol=1e-12)
        numbers = [f"{name} {place}" for place in explained[name]]
        np.testing.assert_allclose(samples[numbers].T, values, rtol=6e-4, atol=1e-12)
    assert distributions.columns.tolist() == columns
    assert samples.shape[1] == 1 + sum(map(len, explained.values()))


def test_samples_are_written_of_as_many_features_as_a_page_holds(files, tmp_path, monkeypatch):
    monkeypatch.setattr("eigrad.findings.findings.MOST", 200)  # 25 of the class, 20 of the reference, 25 of all
    result = command(files, tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "run" / "samples.csv")) == 200 // 70
    assert len(pd.read_csv(tmp_path / "run" / "distributions.csv")) == D


def test_sets_share_no_sample_but_the_null_and_the_reference(files):
    settings = Settings(
        files / "r", f"{files}/net.py:load", files / "cells.csv", "tissue == 'liver'", "tissue == 'heart'"
    )
    samples = read_samples(settings.data)
    sets = drawn(samples, settings)
    of_class, reference, null = (set(sets.explained[name]) for name in ("class", "reference", "null"))
    assert not of_class & (reference | null | set(sets.points))
    assert not set(sets.points) & (reference | null)
    tissue = samples.about["tissue"].to_numpy()
    assert set(tissue[list(of_class)]) == {"liver"}
    assert set(tissue[[*reference, *sets.points]]) == {"heart"}
    assert set(tissue[list(null)]) == {"liver", "heart", "lung"}
    assert (len(of_class), len(reference), len(sets.points)) == (30, 20, 10)


def test_the_run_keeps_what_repeats_it(files, found, tmp_path):
    again = CliRunner().invoke(
        app, ["-q", "explain", "--config", str(found / "explain.yaml"), "--out", str(tmp_path / "again")]
    )
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again" / "features.csv").read_bytes() == (found / "features.csv").read_bytes()
    kept = yaml.safe_load((found / "explain.yaml").read_text())
    assert kept["class"] == "tissue == 'liver'"


def test_options_come_before_the_file_and_files_are_beside_it(files, tmp_path):
    shutil.copy(files / "cells.csv", tmp_path / "cells.csv")
    config = tmp_path / "c.yaml"
    config.write_text(
        "model: net.py:load\ndata: cells.csv\nclass: tissue == 'lung'\nreference: tissue == 'heart'\nseed: 4\n"
    )
    found = settings_of(tmp_path / "r", {"seed": None, "of": "tissue == 'liver'"}, config)
    assert (found.data, found.of, found.seed) == (tmp_path / "cells.csv", "tissue == 'liver'", 4)
    assert settings_of(tmp_path / "r", {"seed": 7}, config).seed == 7


def test_a_run_is_gone_on_from_and_not_mixed_with_another(files, found, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(found, out)
    shutil.rmtree(out / "attributions.zarr" / "null")
    (out / "report.html").unlink()
    refused = command(files, out)
    assert refused.exit_code == 2
    assert "holds a run already, expected --resume" in flat(refused)
    resumed = command(files, out, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert (out / "features.csv").read_bytes() == (found / "features.csv").read_bytes()
    other = command(files, out, "--resume", "--tol", "0.02")
    assert "was begun with another tol, expected the same" in flat(other)
    assert (out / "report.html").exists()


def test_another_network_under_the_same_name_is_noticed(files, found, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(files, mine)
    out = tmp_path / "run"
    assert command(mine, out).exit_code == 0
    (mine / "net.py").write_text(NETWORK.replace("= 2.0, -1.5", "= 2.5, -1.5"))
    refused = command(mine, out, "--resume")
    assert refused.exit_code == 2
    assert "was begun with another model" in flat(refused)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(files, tmp_path):
    result = command(files, tmp_path / "run", "--dry-run")
    assert result.exit_code == 0, result.output
    for said in (
        "120 samples of shape (9,)", "class: 40 samples, 25 explained", "target: output 1", "relu bend", "time: about",
    ):  # fmt: skip
        assert said in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", ["latent-straight", "neighbors"])
def test_other_paths_are_taken_with_an_autoencoder_trained_on_the_spot(files, tmp_path, path):
    out = tmp_path / "run"
    result = command(files, out, "--path", path, "--n-points", "9")
    assert result.exit_code == 0, result.output
    assert (out / "models" / "autoencoder.safetensors").exists() == path.startswith("latent")
    table = pd.read_csv(out / "features.csv")
    assert set(table["feature"][:2]) == CAUSES


def test_workers_of_this_machine_give_the_same(files, found, tmp_path):
    result = command(files, tmp_path / "run", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "features.csv").read_bytes() == (found / "features.csv").read_bytes()


def test_images_have_places_for_names(files, tmp_path):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(N, 3, 3)).astype(np.float32)
    kind = np.repeat(["a", "b"], N // 2)
    values[kind == "a", 0, 2] += 2
    np.savez(tmp_path / "x.npz", X=values, kind=kind)
    (tmp_path / "net.py").write_text(NETWORK.replace("self.layer(x)", "self.layer(x.flatten(1))"))
    settings = Settings(
        tmp_path / "run", f"{tmp_path}/net.py:load", tmp_path / "x.npz", "kind == 'a'", "kind == 'b'", target=1
    )
    run(settings)
    table = pd.read_csv(tmp_path / "run" / "features.csv")
    assert table["feature"][0] == "0,2"


def test_groups_are_tested_as_one(files, found, tmp_path):
    (tmp_path / "sets.csv").write_text("feature,group\ngene 2,causes\ngene 5,causes\ngene 0,quiet\ngene 1,quiet\n")
    result = command(files, tmp_path / "run", "--groups", str(tmp_path / "sets.csv"))
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "run" / "features.csv").set_index("feature")
    assert set(table.index) == {"causes", "quiet", "gene 3", "gene 4", "gene 6", "gene 7", "gene 8"}
    assert table.index[table["significant"]].tolist() == ["causes"]
    values = store.load(found / "attributions.zarr" / "class").numpy()
    np.testing.assert_allclose(
        table.loc["causes", "magnitude"], np.abs(values[:, [2, 5]].sum(axis=1)).mean(), rtol=1e-5
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Attributions of 9 features are summed in 7 groups, which are tested." in page


REFUSED = [
    (["--groups", "none.csv"], "--groups: got none.csv, expected a file that exists"),
    (["--class", "moon == 1"], "--class: got 'moon == 1'"),
    (["--class", "tissue == 'moon'"], "holds for none of 120 samples"),
    (["--reference", "tissue != 'heart'"], "40 samples are of the class as well"),
    (["--data", "none.csv"], "--data: got none.csv, expected a file that exists"),
    (["--labels", "none.csv"], "--labels: got none.csv"),
    (["--model", "none.pt"], "model: got none.pt"),
    (["--model", "{files}/net.py:narrow"], "does not take the data, of shape (9,)"),
    (["--target", "3"], "--target: got 3, expected an output of the 3"),
    (["--target", "-1"], "--target: got -1"),
    (["--n-samples", "3"], "--n-samples: got 3, expected at least 4"),
    (["--n-baselines", "21"], "--n-baselines: got 21, expected at most the 11"),
    (["--n-points", "1"], "--n-points: got 1, expected at least 2"),
    (["--tol", "0"], "--tol: got 0.0, expected a number between 0 and 1"),
    (["--alpha", "1"], "--alpha: got 1.0"),
    (["--precision", "half"], "--precision: got 'half', expected one of full"),
    (["--test", "z"], "--test: got 'z', expected one of maxt"),
    (["--device", "abacus"], "--device: got 'abacus'"),
    (["--seed", "-1"], "--seed: got -1"),
    (["--about", "moon"], "has no column 'moon'"),
    (["--config", "none.yaml"], "--config: none.yaml cannot be read"),
    (["--workers", "0"], "--workers: got 0, expected at least 1"),
    (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler: got 'tcp://127.0.0.1:1'"),
    (["--path", "latent-straight", "--autoencoder", "{files}/net.py:load"], "has no encode and decode"),
]


def flat(result):
    return re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_what_cannot_be_done_is_said_in_a_sentence(files, tmp_path, given, said):
    result = command(files, tmp_path / "run", *(each.format(files=files) for each in given))
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert said in flat(result)
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "holds list, expected names and values"),
        ("a: [", "cannot be read"),
        ("moon: 1\n", "got 'moon', expected only about, alpha"),
        ("model: a\n", "--data: got none"),
        ("seed: many\n", "got 'many' as 'seed', expected a whole number"),
    ],
)
def test_a_file_of_settings_is_checked(tmp_path, files, text, said):
    config = tmp_path / "c.yaml"
    config.write_text(text)
    more = {} if text == "model: a\n" else {"model": "m", "data": files / "cells.csv", "of": "x", "reference": "y"}
    with pytest.raises(ValueError, match=re.escape(said)):
        settings_of(tmp_path / "r", more, config)
