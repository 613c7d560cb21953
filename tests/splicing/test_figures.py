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


# attributions


@pytest.mark.parametrize("order", ORDERS)
def test_features_stand_in_an_order_that_is_said_and_seen(drawn, order):
    table = attributed([True, False, False])
    ax, effects = drawn(figures.features, table, order).axes
    best_first = table.iloc[np.argsort(-table[order].abs())][::-1]
    assert [text.get_text() for text in ax.get_yticklabels()] == best_first["meta_feature"].tolist()
    assert [bar.get_width() for bar in ax.patches] == best_first["mean_attribution"].tolist()
    assert ax.lines[0].get_xdata().tolist() == best_first["magnitude"].tolist()
    assert ax.get_title() == f"ordered by {figures.ORDER_WORDS[order]}"
    one, other = effects.lines[:2]
    assert (one.get_ydata() > other.get_ydata()).all()  # equal effects do not hide each other
    assert "log odds" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("significant", "said"),
    [([True, False, False], ["significant", "not significant"]), ([False] * 3, ["none significant"])],
)
def test_colors_of_significance_are_in_the_legend(drawn, significant, said):
    canvas = drawn(figures.features, attributed(significant), "magnitude")
    words = [text.get_text() for text in canvas.legends[0].get_texts()]
    assert words[: len(said)] == [f"mean attribution, {each}" for each in said]
    assert words[len(said)] == "mean |attribution|"
    colors = {to_hex(bar.get_facecolor()) for bar in canvas.axes[0].patches}
    assert (to_hex(plot.PURPLE) in colors) == any(significant)


# methods


def test_only_what_was_run_is_counted(drawn):
    names = [method_name("neighbors", "close"), method_name("straight", "k-means"), "Deep SHAP"]
    grid, bars, *_ = drawn(figures.significant_counts, counted(names)).axes
    assert [text.get_text() for text in grid.get_yticklabels()] == ["straight", "neighbors"]
    assert [text.get_text() for text in grid.get_xticklabels()] == ["k-\nmeans", "close"]
    assert texts(grid) == ["4", "\N{EN DASH}", "\N{EN DASH}", "4"]
    assert [text.get_text() for text in bars.get_yticklabels()] == ["Deep SHAP"]
    assert all(tick == int(tick) for tick in bars.get_xticks())


@pytest.mark.parametrize(("names", "axes"), [([MAIN], 2), (["gradient"], 2), (methods.names(), 4)])
def test_methods_of_one_kind_leave_no_empty_axes(drawn, names, axes):
    assert len(drawn(figures.significant_counts, counted(names)).axes) == axes


def test_at_most_eight_curves_of_enrichment_can_be_told_apart(drawn):
    names = methods.names()
    curves = pd.DataFrame(
        [(name, n, float(n)) for name in names for n in (1, 2)], columns=["method", "n", "enrichment"]
    )
    main = method_name("latent-neighbors", "median")
    canvas = drawn(figures.enrichment, curves, "planted causes", main)
    (ax,) = canvas.axes
    assert len(ax.lines) == 8
    assert ax.lines[0].get_label() == main
    assert len({line.get_color() for line in ax.lines}) == 8
    assert all(line.get_linewidth() < ax.lines[0].get_linewidth() for line in ax.lines[1:])
    assert "hypergeometric" in ax.get_ylabel()
    (alone,) = drawn(figures.enrichment, curves[curves["method"] == "gradient"], "planted causes", main).axes
    assert [line.get_label() for line in alone.lines] == ["gradient"]


def test_exons_and_paths_have_no_color_in_common():
    assert not set(figures.EXON_COLORS.values()) & set(figures.PATH_COLORS.values())
    assert all(one != other for one, other in itertools.pairwise(figures.PATH_DASHES))


def test_the_first_meta_features_are_not_called_significant(drawn):
    curve = pd.DataFrame({"n_features": [1, 9], "auc_significant": [0.6, 1.0], "auc_random": [0.5, 0.9]})
    (ax,) = drawn(figures.subsets, curve.assign(auc_random_sd=0.0)).axes
    assert ax.get_legend().get_texts()[0].get_text() == "first meta-features, best first"


def test_long_names_of_latent_spaces_are_just_within_the_figure(drawn):
    names = [f"variational, wide, seed {i}" for i in range(9)]
    canvas = drawn(figures.latent, pd.DataFrame(np.eye(9), names, names))
    left = min(text.get_window_extent().x0 for text in canvas.axes[0].get_yticklabels())
    assert left == pytest.approx(canvas.dpi * canvas.get_layout_engine().get()["w_pad"], abs=1)  # laid out by them


# the page


def summarized(**found):
    """A summary of no more than what the page asks for."""
    return {
        "auc": 0.9, "auc_alternative": 0.8, "r2_psi": 0.5, "r2_increased": 0.4, "r2_decreased": 0.3,
        "n_significant": {MAIN: 1}, "n_significant_paper": {MAIN: 2}, "warnings": [], "warnings_paper": [],
        "subsets": {"n": 9, "auc_top": 0.9, "auc_random": 0.8, "auc_all": 0.9}, "latent_agreement": {"plain": 0.5},
        "without_network": [{"method": "random forest", "auc": 0.85}], "top": ["exon:a"], "significant": ["exon:a"],
        "exons": dict.fromkeys(("quantified", "all", "explained", "compared", "train", "validation", "test"), 60),
        "features": {"features": 9, "meta_features": 3}, "condition": "liver", "order": "t", "main": MAIN,
        "simulated": False, **found,
    }  # fmt: skip


def described(tmp_path, direction="included", **found):
    return page.describe(Settings(tmp_path, direction=direction), summarized(**found))


@pytest.mark.parametrize(
    ("direction", "found", "caution"),
    [
        ("included", {}, None),
        ("included", {"r2_increased": -0.01}, "Caution: the network predicts little or nothing"),
        ("excluded", {"r2_increased": -0.01}, None),
        ("excluded", {"r2_decreased": 0.0}, "R2 of decreased inclusion 0.00"),
        ("included", {"auc_alternative": 0.59}, "exons 0.59"),
        ("included", {"auc_alternative": None}, None),
        ("included", {"auc_alternative": None, "r2_increased": -1.0}, "exons not measurable"),
        ("included", {"auc_alternative": None, "r2_increased": None}, "cannot be told from its test chromosomes"),
    ],
)
def test_a_network_that_has_learned_nothing_is_said_first(tmp_path, direction, found, caution):
    headline = described(tmp_path, direction, **found)["headline"]
    assert sum(text.startswith("Caution: ") for text in headline) == (caution is not None)
    if caution is not None:
        assert caution in headline[0]


def test_what_cannot_be_measured_is_said_to_be_so(tmp_path):
    nothing = dict.fromkeys(("auc", "auc_alternative", "r2_psi", "r2_increased", "r2_decreased"))
    told = str(described(tmp_path, **nothing))
    assert "PSI not measurable" in told
    assert "not measurable for these exons against constitutive ones" in told
    assert "tells the exons apart better" not in told


@pytest.mark.parametrize(("direction", "more"), [("included", "more inclusion"), ("excluded", "more exclusion")])
def test_a_direction_is_not_taken_for_an_enhancer(tmp_path, direction, more):
    (reading,) = (text for text in described(tmp_path, direction)["reading"] if text.startswith("`direction`"))
    assert f"speaks for {more} here than in the other conditions" in reading
    assert "does not say that a factor is an enhancer" in reading


def test_cautions_are_what_was_seen_without_advice_for_the_library(tmp_path):
    seen = {"warnings": ["against the null: 9 of 60 are. Draw 3 (test='maxt')."]}
    seen["warnings_paper"] = ["sums to 4.7 in all. Compare shares (transform='share'), or explain the logit."]
    text = described(tmp_path, **seen)["sections"][0]["text"]
    assert text[1:] == ["Caution: against the null: 9 of 60 are.", "Caution, in the paper's mode: sums to 4.7 in all."]


def test_the_table_begins_in_the_order_of_the_figure(tmp_path):
    section = described(tmp_path)["sections"][0]
    assert section["tables"][0]["sort"] == "t"
    assert section["figures"][0]["caption"].startswith("Ordered by |t|, as the table below")
    assert set(figures.ORDER_WORDS) == set(ORDERS)


def test_the_grid_knows_all_paths_and_baselines(drawn):
    grid = drawn(figures.significant_counts, counted(methods.names())).axes[0]
    assert len(texts(grid)) == len(PATHS) * len(BASELINES)


def test_one_method_has_no_span(tmp_path):
    assert "By method, 2 meta-features are significant in" in described(tmp_path)["sections"][1]["text"][0]
    both = described(tmp_path, n_significant_paper={MAIN: 2, "gradient": 5})["sections"][1]["text"][0]
    assert "By method, 2 to 5 meta-features" in both
