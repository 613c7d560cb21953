"""What a study would say of nothing, and where it is said."""

import json

import pandas as pd
import pytest
from tests.digits.runs import (
    TABLES,
    never,
    read,
    settings,
)
from typer.testing import CliRunner

from eigrad import Explainer
from eigrad.cases.digits import calibrate, study
from eigrad.cli import app

# What networks trained for a second give to a five is far from what they give to digits in general.
pytestmark = pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")


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


def test_the_command_line_refuses_what_is_no_run(tmp_path):
    done = CliRunner().invoke(app, ["calibrate", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "config.json cannot be read" in " ".join(done.output.split())
    assert "Traceback" not in done.output
