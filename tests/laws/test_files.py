"""Laws of files, figures and pages: what is written is read back, and whatever is finite can be drawn."""

import json
import math
import unicodedata
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.laws.strategies import NAMES, SEEDS, attributions, drawn, law, network, tables

from eigrad import Explainer, SignificanceWarning, draw_sets, plot, store
from eigrad.attribute import TENSORS
from eigrad.baselines import Random
from eigrad.data import write_json, write_table
from eigrad.findings import write_page
from eigrad.report import build

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
LABELS = st.text(max_size=8) | st.sampled_from(["price ($) per ($)", "$\\x$", "a$b$", "<b>", "\n"])


# stores


@law(36)
@given(found=attributions(finite=False), folder=st.sampled_from(["fives", "基因 5", "page.zarr/a"]))
def test_attributions_come_back_to_the_bit(tmp_path_factory, found, folder):
    place = tmp_path_factory.mktemp("store") / folder
    for saved in (found, replace(found, rule="another", values=found.values + 1), found):  # the last in their place
        store.save(place, saved)
    loaded = store.load(place)
    for name in TENSORS:
        one, other = getattr(found, name), getattr(loaded, name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.numpy().tobytes() == other.numpy().tobytes()
    assert loaded.feature_names == found.feature_names
    assert loaded.n_outputs == found.n_outputs
    assert all(getattr(loaded, name) == getattr(found, name) for name in store.FACTS)
    assert store.progress(place).whole
    assert [each.name for each in place.parent.iterdir() if each.name.startswith(".")] == []


ODD = st.tuples(st.text(max_size=3), st.integers()) | st.floats(allow_nan=False) | st.none() | st.booleans() | NAMES


@law(12)
@given(found=attributions(), names=st.lists(ODD, min_size=6, max_size=6))
def test_names_that_json_does_not_know_come_back_as_their_text(tmp_path_factory, found, names):
    place = tmp_path_factory.mktemp("store") / "names"
    store.save(place, replace(found, feature_names=tuple(names)))
    assert store.load(place).feature_names == tuple(
        name if isinstance(name, str | int) else str(name) for name in names
    )


@law(5)
@given(seed=SEEDS, n=st.integers(1, 7), n_features=st.integers(1, 4), several=st.booleans(), named=st.booleans())
def test_what_is_streamed_is_what_is_explained_at_once(tmp_path_factory, seed, n, n_features, several, named):
    points = drawn(seed, 130, n_features)
    explainer = Explainer(
        network(seed, n_features, 3), (2, 0) if several else 1, baseline=Random(points, 100), progress=False
    )
    samples = drawn(seed + 1, n, n_features).numpy()
    given = pd.DataFrame(samples, columns=[f"基因 {i}" for i in range(n_features)]) if named else samples
    place = tmp_path_factory.mktemp("stream") / "store"
    store.stream(place, explainer, given)
    found, whole = store.load(place), explainer(given)
    for name in TENSORS:
        assert torch.equal(getattr(found, name), getattr(whole, name))
    assert found.feature_names == whole.feature_names
    assert [rows.stop - rows.start for rows in store.progress(place).rows] == [2] * (n // 2) + [1] * (n % 2)
    store.stream(place, explainer, given, resume=True)
    with pytest.raises(ValueError, match="was begun with another"):
        store.stream(place, explainer, samples + 1, resume=True)


@law(9)
@given(seed=SEEDS, n=st.integers(2, 7), n_features=st.integers(2, 4), where=SEEDS)
def test_fingerprints_differ_where_the_numbers_do(seed, n, n_features, where):
    model, samples = network(seed, n_features, 2), drawn(seed, n, n_features)
    explainer = Explainer(model, 1, progress=False)
    before = store.fingerprint(explainer, samples)
    assert json.loads(json.dumps(before)) == before
    assert store.fingerprint(replace(explainer, batch_size=5, progress=True), samples.clone()) == before
    other = samples.clone()
    other.view(-1)[where % other.numel()] += 1
    assert store.fingerprint(explainer, other) != before
    assert store.fingerprint(replace(explainer, tol=0.02), samples) != before
    assert store.fingerprint(explainer, samples, target=0) != before
    with torch.no_grad():
        model[1].bias[where % 7] += 1
    assert store.fingerprint(explainer, samples) != before


@law(10)
@given(
    found=attributions(), facts=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3)
)
def test_what_has_a_fingerprint_is_computed_once(tmp_path_factory, found, facts):
    place, calls = tmp_path_factory.mktemp("once") / "fives", []

    def compute():
        calls.append(1)
        return found

    for fingerprint, n_calls in ((facts, 1), (facts, 1), ({**facts, "more than": 1}, 2), (facts, 3)):
        again = store.load_or_compute(place, fingerprint, compute)
        assert torch.equal(again.values, found.values)
        assert len(calls) == n_calls


# tables and numbers


@law(24)
@given(
    values=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 4), st.integers(1, 3)), elements=st.floats(allow_nan=False, width=64)
    ),
    names=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=5), min_size=4, max_size=4
    ),
)
def test_tables_are_written_in_full(tmp_path_factory, values, names):
    place = tmp_path_factory.mktemp("table") / "table.csv"
    table = pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])]).assign(name=names[: len(values)])
    write_table(place, table)
    found = pd.read_csv(place, keep_default_na=False, dtype={"name": str})
    np.testing.assert_array_equal(found.drop(columns="name").to_numpy(float), values)
    assert list(found["name"]) == names[: len(values)]
    write_table(place, table, 3)
    rounded = pd.read_csv(place, keep_default_na=False, dtype={"name": str}).drop(columns="name").to_numpy(float)
    with np.errstate(over="ignore"):
        assert np.allclose(rounded, values, rtol=6e-3, atol=0) or np.abs(values).max() > 1e308


@law(18)
@given(
    content=st.dictionaries(
        st.text(max_size=4),
        st.floats() | st.integers() | st.text(max_size=4) | st.lists(st.booleans(), max_size=3),
        max_size=4,
    )
)
def test_json_is_of_finite_numbers_or_refused(tmp_path_factory, content):
    place = tmp_path_factory.mktemp("json") / "content.json"
    wrong = any(isinstance(each, float) and not math.isfinite(each) for each in content.values())
    own = {name: np.float64(each) if isinstance(each, float) else each for name, each in content.items()}
    if wrong:
        with pytest.raises(ValueError, match="expected finite numbers"):
            write_json(place, own)
        assert list(place.parent.iterdir()) == []
        return
    write_json(place, own)
    assert json.loads(place.read_text(encoding="utf-8")) == content


# figures


def drawn_whole(canvas):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        canvas.draw_without_rendering()


@law(24)
@given(
    values=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=FINITE),
    background=st.none() | FINITE,
    kept=st.none() | SEEDS,
    title=st.text(st.characters(exclude_characters="$"), max_size=8),
)
@example(values=np.zeros((1, 1)), background=-1.0, kept=0, title="")
def test_any_finite_values_are_a_map(values, background, kept, title):
    behind = None if background is None else values * 0 + background
    chosen = None if kept is None else np.random.default_rng(kept).random(values.shape) < 0.5
    with plot.figure(2.0, 2.0) as (canvas, ax):
        assert plot.image_map(ax, values, behind, kept=chosen, title=title) is ax
        drawn_whole(canvas)
        assert ax.get_title() == title
    limit = plot.strongest(values)
    assert limit > 0
    assert np.isclose(plot.strongest(values, values), limit, rtol=0.2, atol=1e-300) or np.ptp(values) > 0
    assert limit <= np.abs(values).max() or limit == 1


@law(7)
@given(
    images=hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)), elements=FINITE)
)
def test_any_finite_images_are_a_strip(images):
    with plot.figure(3.0, 2.0, 1, 2) as (canvas, axes):
        plot.image_strip(axes, images, "title")
        drawn_whole(canvas)
        assert [len(ax.images) for ax in axes] == [1, int(len(images) > 1)]


@law(9)
@given(p_values=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)), n_bins=st.integers(1, 30))
def test_every_p_value_is_in_the_histogram(p_values, n_bins):
    with plot.figure(2.0, 2.0) as (canvas, ax):
        plot.p_histogram(ax, p_values, n_bins=n_bins)
        drawn_whole(canvas)
        assert sum(bar.get_height() for bar in ax.patches) == len(p_values)
        assert len(ax.patches) == n_bins


@law(9)
@given(
    scores=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(0, 1)),
    metric=st.sampled_from(["accuracy", "auc"]),
    single=st.booleans(),
)
def test_any_scores_are_curves(scores, metric, single):
    curve = pd.DataFrame(scores, columns=[f"{metric}_{name}" for name in ("significant", "random", "random_sd")])
    curve.insert(0, "n_features", np.arange(1, len(curve) + 1))
    if single:
        curve[f"{metric}_random_sd"] = np.nan
    power = pd.DataFrame({"shift": curve["n_features"] / 9, "power": scores[:, 0], "power_sd": scores[:, 1]})
    with plot.figure(4.0, 2.0, 1, 2) as (canvas, axes):
        plot.subset_curve(axes[0], curve)
        plot.power_curve(axes[1], power)
        drawn_whole(canvas)
        for line, name in zip(axes[0].lines, ("significant", "random"), strict=True):
            assert np.array_equal(line.get_ydata(), curve[f"{metric}_{name}"])
        assert np.array_equal(axes[1].lines[0].get_ydata(), power["power"])


@law(9)
@given(
    values=hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(2)), elements=st.floats(0, 1)),
    names=st.lists(LABELS, min_size=4, max_size=4),
)
def test_any_categories_have_their_points(values, names):
    table = pd.DataFrame({"digit": names[: len(values)], "all": values[:, 0], "few": values[:, 1]})
    series = {"all": ("all pixels", plot.BLUE, "o"), "few": ("$ few", plot.ORANGE, "s")}
    with plot.figure(3.0, 2.0) as (canvas, ax):
        plot.accuracies(ax, table, "digit", series)
        drawn_whole(canvas)
        assert [list(line.get_ydata()) for line in ax.lines] == [list(values[:, 0]), list(values[:, 1])]


@law(6)
@given(gaps=hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(2)), elements=st.floats(1e-12, 1e6)))
def test_any_gaps_are_lines(gaps):
    table = pd.DataFrame(
        {"path": "O-L-IG", "n_points": 2 ** np.arange(1, len(gaps) + 1), "p95": gaps.max(1), "median": gaps.min(1)}
    )
    with plot.figure(3.0, 2.0) as (canvas, ax):
        plot.convergence(ax, table, {"O-L-IG": "straight"}, {"O-L-IG": plot.BLUE})
        drawn_whole(canvas)
        assert [list(line.get_ydata()) for line in ax.lines] == [list(gaps.max(1)), list(gaps.min(1))]


@law(7)
@given(
    points=hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(2)), elements=FINITE), n_lines=st.integers(1, 3)
)
def test_any_finite_paths_are_in_the_plane(points, n_lines):
    lines = {f"path {i}": (points * (i + 1) / 4, plot.BLUE) for i in range(n_lines)}
    with plot.figure(4.0, 2.0) as (canvas, ax):
        plot.paths_in_plane(ax, {"threes": (points, plot.GRAY)}, lines, dashes=("-", "--"))
        drawn_whole(canvas)
        for line, (corners, _) in zip(ax.lines[:n_lines], lines.values(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), corners)


@law(12)
@given(
    found=st.dictionaries(LABELS, st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=4),
    most=st.integers(1, 20),
)
@example(found={"$\\x$": [1], "price ($) per ($)": [2]}, most=3)
def test_every_feature_is_in_one_bar(found, most):
    with plot.figure(3.0, 3.0, 2, 1, sharex=True) as (canvas, axes):
        plot.upset(axes, found, most=most)
        drawn_whole(canvas)
        heights = [bar.get_height() for bar in axes[0].patches]
    every = set().union(*found.values())
    kinds = {feature: tuple(feature in features for features in found.values()) for feature in every}
    counts = sorted((list(kinds.values()).count(kind) for kind in set(kinds.values())), reverse=True)
    assert heights == counts[:most]


@law(6)
@given(
    heights=hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(-1e3, 1e3, width=32))
)
@example(heights=np.zeros((3, 4)))
def test_any_heights_are_a_logo(heights):
    pytest.importorskip("logomaker")
    with plot.figure(3.0, 2.0) as (canvas, ax):
        plot.sequence_logo(ax, heights, range(len(heights)), "attribution")
        drawn_whole(canvas)
        low, high = ax.get_ylim()
    assert low <= heights.clip(max=0).sum(axis=1).min()
    assert high >= heights.clip(min=0).sum(axis=1).max()


@law(3)
@given(values=hnp.arrays(np.float64, (3, 5), elements=st.floats(-9, 9, width=32)), name=st.sampled_from(["a", "基因"]))
def test_the_same_figure_is_the_same_bytes(tmp_path_factory, values, name):
    folder, files = tmp_path_factory.mktemp("figure"), []
    for at in ("first", "second"):
        with plot.figure(2.0, 1.5) as (canvas, ax):
            plot.image_map(ax, values)
            files.append(plot.save(canvas, folder / at / name))
    assert [path.name for path in files[0]] == [f"{name}.png", f"{name}.svg"]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert sorted((folder / "first").iterdir()) == sorted(files[0])


# pages


def one_line(name):
    """A name as a page has it: without characters that end a line."""
    return "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in str(name))


@law(3)
@given(
    seed=SEEDS,
    n_features=st.integers(1, 4),
    names=st.lists(NAMES.filter(lambda name: str(name).strip()), min_size=4, max_size=4, unique_by=one_line),
    constant=st.booleans(),
)
@example(seed=0, n_features=2, names=["$\\", "a$b$", "<script>", "x"], constant=True)
def test_a_page_is_of_the_numbers_it_was_given(tmp_path_factory, seed, n_features, names, constant):
    data = pd.DataFrame(drawn(seed, 40, n_features).numpy(), columns=pd.Index(names[:n_features], dtype=object))
    data.iloc[:12, 0] += 9 * (not constant)
    sets = draw_sets(np.arange(40) < 12, np.arange(40) >= 20, n_samples=6, seed=3)
    weights = torch.full((n_features,), 0.0 if constant else 1.0).double()
    weights[-1] = 1e-6 if constant else 2.0
    explainer = Explainer(lambda x: x @ weights, baseline=Random(data.iloc[sets.points], 2), progress=False)
    found = {name: explainer(data.iloc[places]) for name, places in sets.explained.items()}
    folder = tmp_path_factory.mktemp("page") / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)  # of few samples, some far apart
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        page = write_page(
            folder, found["class"], null=found["null"], reference=found["reference"], sets=sets, test="welch",
            progress=False,
        )  # fmt: skip
    assert page == folder / "report.html"
    written = page.read_bytes()
    assert build(folder) == page  # from the files alone
    assert page.read_bytes() == written
    table = pd.read_csv(folder / "features.csv", keep_default_na=False, dtype={"feature": str})
    assert sorted(table["feature"]) == sorted(map(one_line, names[:n_features]))
    own = found["class"].to_pandas()
    own.columns = own.columns.map(one_line)
    for _, row in table.iterrows():
        assert row["magnitude"] == pytest.approx(own[row["feature"]].abs().mean(), rel=1e-6, abs=1e-12)
    assert (table["magnitude"].diff().dropna() <= 0).all()
    for name, each in found.items():
        assert torch.equal(store.load(folder / "attributions.zarr" / name).values, each.values)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["n_features"] == n_features
    assert summary["n_significant"] == table["significant"].sum()


def test_the_laws_of_tables_are_tried_on_tables():
    """Ties, zeros and constants are among the examples, or the laws say less than they seem to."""
    seen = {"tie": 0, "zero": 0, "constant": 0, "one": 0}

    @law(60)
    @given(table=tables(st.integers(1, 5), st.integers(1, 5)))
    def look(table):
        seen["tie"] += len(np.unique(table)) < table.size
        seen["zero"] += bool((table == 0).any())
        seen["constant"] += bool((np.ptp(table, axis=0) == 0).any()) and len(table) > 1
        seen["one"] += 1 in table.shape

    look()
    assert min(seen.values()) > 5
