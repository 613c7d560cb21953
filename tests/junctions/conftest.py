"""A splice-site study of made-up windows, run once for all its tests."""

import numpy as np
import pandas as pd
import pytest

from eigrad import plot
from eigrad.cases.junctions import networks, study
from eigrad.cases.junctions.networks import Recipe
from eigrad.cases.junctions.settings import Settings
from eigrad.training import Schedule

LENGTH = 20  # the junction lies between positions 10 and 11
PLANTED = {"EI": {11: "G", 12: "T"}, "IE": {9: "A", 10: "G"}, "N": {}}
SMALL = {"n_samples": 45, "n_networks": 2, "n_baselines": 3}


def made_up(n: int, seed: int) -> pd.DataFrame:
    """N windows of each kind: random letters, and in those of a site its two."""
    rng = np.random.default_rng(seed)
    rows = []
    for label, planted in PLANTED.items():
        for letters in np.array(list("ACGT"))[rng.integers(0, 4, (n, LENGTH))]:
            for position, letter in planted.items():
                letters[position - 1] = letter
            rows.append(("".join(letters), label))
    return pd.DataFrame(rows, columns=["sequence", "label"])


@pytest.fixture(scope="package", autouse=True)
def small():
    """Networks of a few filters, and figures of few pixels."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        schedule = Schedule(12, batch_size=32, learning_rate=1e-2)
        monkeypatch.setattr(networks, "RECIPE", Recipe(8, (3, 3), 8, (0.0, 0.0), schedule))
        monkeypatch.setitem(plot.STYLE, "savefig.dpi", 40)
        yield


@pytest.fixture(scope="package")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("windows") / "windows.csv"
    made_up(200, 0).to_csv(path, index=False)
    return path


@pytest.fixture(scope="package")
def whole(data, tmp_path_factory):
    """A run that was never interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return study.run(Settings(out, data=str(data), **SMALL)).parent
