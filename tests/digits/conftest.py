"""A small digits study that is run once for all its tests."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.digits.runs import (
    CONVERGENCE_POINTS,
    load,
    settings,
)

from eigrad import plot, significance
from eigrad.cases.digits import evaluation, explain, mnist, study
from eigrad.cases.digits.settings import KINDS
from eigrad.data import read_idx


@pytest.fixture(scope="package", autouse=True)
def small():
    """Few points on few paths, figures of few pixels, and a lenient test: networks hardly trained find something."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(evaluation, "CONVERGENCE_POINTS", CONVERGENCE_POINTS)
        monkeypatch.setattr(explain, "significance", partial(significance, correction="none", alpha=0.3))
        monkeypatch.setitem(plot.STYLE, "savefig.dpi", 40)
        yield


@pytest.fixture(scope="package")
def data(tmp_path_factory):
    """The first 600 of the images in the package, as a folder of IDX files."""
    folder = tmp_path_factory.mktemp("data")
    for kind in ("images-idx3", "labels-idx1"):
        array = read_idx(mnist.SHIPPED / f"t10k-{kind}-ubyte.gz")[:600]
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / f"train-{kind}-ubyte").write_bytes(header + array.tobytes())
    return folder


@pytest.fixture(scope="package")
def whole(data, tmp_path_factory):
    """A run that was never interrupted."""
    return study.run(settings(tmp_path_factory.mktemp("runs") / "whole", data)).parent


@pytest.fixture(scope="package")
def digits(data):
    return mnist.load(str(data), 0)


@pytest.fixture(scope="package")
def trained(whole, digits):
    return {kind: load(whole, kind, digits) for kind in KINDS}


@pytest.fixture
def run(whole, tmp_path):
    """A copy of the run that was never interrupted."""
    return Path(shutil.copytree(whole, tmp_path / "run"))
