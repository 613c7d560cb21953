"""The comparison of methods as a run: its files, its means, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eigrad.cases.synthetic import World, study
from eigrad.cases.synthetic.compare import Compared
from eigrad.cases.synthetic.study import Comparison, means, run
from eigrad.cli import app

TINY = World(n_groups=12, group_size=2, n_classes=3, n_causes=3, common=0.1, reference=0.5)


def made_up(world, seed, **_):
    """One row a class for two methods, as `compare` gives them."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {
                "seed": seed,
                "label": label,
                "network": "paper",
                "method": method,
                "order": "t",
                "average_precision": rng.random(),
            }
            for label in (1, 2)
            for method in ("a", "b")
        ]
    )


@pytest.fixture
def calls(monkeypatch):
    seen = []

    def compare(world, seed, **options):
        seen.append((world, seed, options["n_samples"]))
        groups = pd.DataFrame({"seed": seed, "group": ["g0"], "causal": [True], "significant": [None]})
        return Compared(made_up(world, seed), groups)

    monkeypatch.setattr(study, "compare", compare)
    monkeypatch.setattr(study, "WORLDS", {"tiny": TINY, "other": World()})
    return seen


def test_what_is_there_is_not_computed_again(tmp_path, calls):
    run(Comparison(tmp_path, ("tiny",), (0, 1)), progress=False)
    first = pd.read_csv(tmp_path / "comparison.csv")
    run(Comparison(tmp_path, ("tiny", "other"), (1, 0, 2)), progress=False)
    assert [(world is TINY, seed) for world, seed, _ in calls] == [
        *((True, 0), (True, 1), (True, 2)),
        *((False, 1), (False, 0), (False, 2)),
    ]
    again = pd.read_csv(tmp_path / "comparison.csv").query("variant == 'tiny' and seed < 2")
    pd.testing.assert_frame_equal(
        again.sort_values(["seed", "label", "method"], ignore_index=True),
        first.sort_values(["seed", "label", "method"], ignore_index=True),
    )
    run(Comparison(tmp_path, ("tiny",), (0,), n_samples=77), progress=False)
    assert calls[-1] == (TINY, 0, 77)


def test_a_run_that_was_stopped_in_a_data_set_computes_that_again(tmp_path, calls):
    run(Comparison(tmp_path, ("tiny",), (0, 1)), progress=False)
    (tmp_path / "parts" / "tiny-1.json").unlink()
    run(Comparison(tmp_path, ("tiny",), (0, 1)), progress=False)
    assert [seed for _, seed, _ in calls] == [0, 1, 1]


def test_means_are_over_data_sets_of_the_mean_of_their_classes():
    table = pd.concat([made_up(TINY, seed) for seed in range(5)]).assign(variant="tiny")
    found = means(table).set_index("method")
    for method in ("a", "b"):
        mine = table[table["method"] == method]
        by_data = [mine.average_precision[mine.seed == seed].mean() for seed in range(5)]
        assert found.average_precision[method] == pytest.approx(np.mean(by_data))
        assert found.average_precision_sd[method] == pytest.approx(np.std(by_data, ddof=1))
        assert found.data_sets[method] == 5
    assert found.wins.sum() == 5


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PendingDeprecationWarning")
def test_the_command_line_compares(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "WORLDS", {"plain": TINY})
    arguments = ["compare", "--variants", "plain", "--seeds", "3", "--networks", "sparse", "--n-samples", "700"]
    done = CliRunner().invoke(app, ["-q", *arguments, "--n-explained", "30", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "means.csv")
    assert set(table.network) == {"none", "sparse"}
    assert table.average_precision.between(0, 1).all()
    figures = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert figures == {"recovery", "significant_sets", "shared_sets", "enrichment"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "plane"], "--variants: got 'plane', expected some of plain, proxies"),
        (["--networks", "deep"], "--networks: got 'deep', expected some of paper, sparse"),
        (["--methods", "shap"], "--methods: got 'shap', expected some of EIG close"),
        (["--seeds", "a"], "--seeds: got 'a', expected numbers and ranges"),
        (["--seeds", ""], "--seeds: got ''"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, message):
    done = CliRunner().invoke(app, ["compare", *arguments, "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output
