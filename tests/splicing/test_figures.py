"""Figures of a splicing study show what its tables say and nothing unmeasured; its page says how to read them."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from eigrad import plot
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.study import evaluation, figures, methods, page
from eigrad.cases.splicing.study.settings import Settings, method_name
from eigrad.data import Examples, write_table
from eigrad.significance import ORDERS

MAIN = "EIG straight, close"


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The canvas of the figure that a call draws."""

    def draw(figure, *given):
        kept = []
        with monkeypatch.context() as patch:
            patch.setattr(plot, "save", lambda canvas, _: canvas.draw_without_rendering() or kept.append(canvas))
            figure(*given, tmp_path)
        return kept[0]

    return draw


def texts(ax):
    return [text.get_text() for text in ax.texts]


def counted(names, n=3):
    table = pd.DataFrame({"significant": [True] * n + [False], "significant_paper": [True] * (n + 1)})
    return dict.fromkeys(names, table)


def attributed(significant):
    return pd.DataFrame(
        {
            "meta_feature": ["exon:a", "exon:b", "exon:c"],
            "mean_attribution": [0.1, -0.2, 0.3],
            "magnitude": [0.5, 0.7, 0.6],
            "t": [-9.0, 2.0, 3.0],
            "product": [-4.5, 1.4, 1.8],
            "effect_null": [1.0, 2.0, 3.0],
            "effect_reference": [1.0, 2.0, 3.0],
            "significant": significant,
        }
    )


# sets


def test_an_empty_set_has_no_score(monkeypatch, tmp_path):
    data = Examples(np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1]), ("a", "b", "c"))
    monkeypatch.setattr(evaluation, "subset_score", lambda *_, **__: 0.5)
    tables = {
        name: pd.DataFrame({"meta_feature": ["a", "b", "c"], "significant_selection": kept})
        for name, kept in (("some", [True, False, True]), ("none", [False] * 3))
    }
    table = evaluation.set_scores(data, data, np.array(["a", "b", "c"]), tables, 0)
    write_table(tmp_path / "sets.csv", table)
    assert (tmp_path / "sets.csv").read_text().split() == ["method,n_significant,auc", "some,2,0.5", "none,0,"]


def test_a_set_that_is_empty_is_no_point_and_every_other_is_within_the_axis(drawn):
    table = pd.DataFrame({"method": list("abc"), "n_significant": [1, 0, 4], "auc": [0.036, np.nan, 1.0]})
    (ax,) = drawn(figures.set_scores, table).axes
    assert texts(ax) == ["1", "none", "4"]
    points = ax.lines[1].get_xdata()
    low, high = ax.get_xlim()
    assert [low < each < high for each in points] == [True, False, True]
    assert drawn(figures.set_scores, table.assign(auc=np.nan)).axes[0].get_xlim() == pytest.approx((0.45, 1.06))
