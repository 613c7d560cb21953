"""Runs that do not end: nothing is half-written, and the same command goes on."""

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.digits.runs import (
    INTERRUPTIBLE,
    interrupted,
    never,
    read,
    settings,
    tables,
)

from eigrad import plot, store
from eigrad.cases.digits import evaluation, mnist, networks, study
from eigrad.report import build
from eigrad.training import load_config

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


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
