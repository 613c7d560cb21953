"""Figures draw on the Axes given, say what they show, and are files of the same bytes each time."""

import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection

from eigrad import plot

NOISE = np.random.default_rng(3)
MAP = NOISE.normal(size=(5, 7))
CURVE = pd.DataFrame(
    {
        "n_features": [1, 5, 20],
        "accuracy_significant": [0.7, 0.9, 0.95],
        "accuracy_random": [0.6, 0.7, 0.9],
        "accuracy_random_sd": [0.1, 0.05, np.nan],
    }
)
BINARY = pd.DataFrame({"digit": [0, 3, 8], "accuracy_all": [0.99, 0.98, 0.97], "accuracy_random": [0.9, 0.8, 0.85]})
SERIES = {"accuracy_all": ("all", plot.BLACK, "o"), "accuracy_random": ("random", plot.BLUE, "s")}
GAPS = pd.DataFrame(
    {
        "path": ["straight"] * 3 + ["neighbors"] * 3,
        "n_points": [25, 50, 250] * 2,
        "median": [1e-2, 2e-3, 1e-4, 3e-2, 1e-2, 3e-3],
        "p95": [4e-2, 8e-3, 4e-4, 1e-1, 5e-2, 1e-2],
    }
)
PATHS = {"straight": "straight line", "neighbors": "nearest neighbors"}
COLORS = {"straight": plot.BLACK, "neighbors": plot.BLUE}
SCATTER = {"threes": (NOISE.normal(size=(30, 2)), plot.SKY), "fives": (NOISE.normal(size=(20, 2)), plot.PURPLE)}
LINES = {
    "straight line": (np.array([[0.0, 0.0], [2.0, 1.0]]), plot.BLACK),
    "bent": (np.array([[0.0, 0.0], [1.0, 3.0], [2.0, 1.0]]), plot.ORANGE),
}
DRAWINGS = {
    "image_map": lambda ax: plot.image_map(ax, MAP, np.abs(MAP), kept=MAP > 0, title="map", label="attribution"),
    "image_strip": lambda ax: plot.image_strip([ax], np.abs(MAP)[None], "digits"),
    "p_histogram": lambda ax: plot.p_histogram(ax, NOISE.random(50), "null"),
    "subset_curve": lambda ax: plot.subset_curve(ax, CURVE),
    "accuracies": lambda ax: plot.accuracies(ax, BINARY, "digit", SERIES),
    "convergence": lambda ax: plot.convergence(ax, GAPS, PATHS, COLORS),
    "paths_in_plane": lambda ax: plot.paths_in_plane(ax, SCATTER, LINES),
}


@pytest.fixture
def ax():
    with plot.figure(4.0, 3.0) as (_, ax):
        yield ax


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def drawn(name):
    with plot.figure(4.0, 3.0) as (canvas, ax):
        DRAWINGS[name](ax)
    return canvas


# every drawing


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_nothing_is_drawn_elsewhere_and_no_setting_stays_changed(draw):
    before = dict(mpl.rcParams)
    with plot.figure(4.0, 3.0, 1, 2) as (canvas, axes):
        inside = dict(mpl.rcParams)
        draw(axes[1])
        assert dict(mpl.rcParams) == inside
        canvas.canvas.draw()
        assert not axes[0].has_data()
        assert axes[1].has_data()
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_axes_of_pyplot_will_do_as_well(draw):
    canvas, ax = plt.subplots()
    try:
        draw(ax)
        canvas.canvas.draw()
        assert ax.has_data()
        assert plt.get_fignums() == [canvas.number]
    finally:
        plt.close(canvas)


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_every_quantity_has_a_label(draw, ax):
    draw(ax)
    labels = [ax.get_xlabel(), ax.get_ylabel()]
    if len(ax.get_xticks()) == 0:
        labels = [ax.get_title() or ax.get_ylabel()]
    assert all(labels)


@pytest.mark.parametrize("name", ["image_map", "p_histogram", "subset_curve", "accuracies", "convergence"])
def test_what_is_drawn_on_comes_back(name, ax):
    assert DRAWINGS[name](ax) is ax


def test_a_figure_restores_the_settings_after_an_error():
    before = dict(mpl.rcParams)

    def broken():
        with plot.figure(4.0, 3.0):
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert dict(mpl.rcParams) == before


def test_no_two_colors_of_the_palette_are_a_red_and_a_green_of_one_lightness():
    colors = [plot.BLUE, plot.ORANGE, plot.GREEN, plot.PURPLE, plot.SKY, plot.BLACK, plot.GRAY]
    assert len(set(colors)) == len(colors)
    # Seen by a deuteranope (Vienot, Brettel and Mollon, 1999), all stay apart.
    red, green, blue = (np.array([mpl.colors.to_rgb(color) for color in colors]) ** 2.2).T
    yellowish = 0.29275 * red + 0.70725 * green
    seen = np.stack([yellowish, yellowish, -0.02233 * red + 0.02233 * green + blue], 1).clip(0, 1) ** (1 / 2.2)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(len(colors), 1)]
    assert apart.min() > 0.1


# maps


def overlay(ax):
    return ax.images[-1]


def shown(ax):
    """Red, green, blue and opacity of every pixel of the map."""
    image = overlay(ax)
    colors = image.cmap(image.norm(image.get_array()))
    colors[..., 3] = image.get_alpha()
    return colors


def test_positive_is_blue_and_negative_red(ax):
    plot.image_map(ax, np.array([[0.5, -0.5, 0.0]]))
    (positive, negative, zero) = shown(ax)[0]
    assert positive[2] > positive[0] + 0.25
    assert negative[0] > negative[2] + 0.25
    assert zero[3] == 0


def test_opacity_grows_with_the_size_whatever_the_sign(ax):
    plot.image_map(ax, np.array([[0.1, 0.2, 0.5, -0.1, -0.2, -0.5]]), limit=1.0)
    opacity = shown(ax)[0, :, 3]
    assert (np.diff(opacity[:3]) > 0).all()
    assert np.array_equal(opacity[:3], opacity[3:])
    assert ((opacity > 0) & (opacity < 1)).all()


def test_what_is_not_kept_is_clear_and_what_is_kept_looks_as_without(ax):
    kept = np.zeros((5, 7), bool)
    kept[1:3, 2:6] = True
    plot.image_map(ax, MAP, kept=kept)
    some = shown(ax)
    with plot.figure(4.0, 3.0) as (_, other):
        plot.image_map(other, MAP)
        everything = shown(other)
    assert (some[~kept, 3] == 0).all()
    assert np.array_equal(some[kept], everything[kept])


def edges(ax):
    (lines,) = [collection for collection in ax.collections if isinstance(collection, LineCollection)]
    return {tuple(map(tuple, segment.tolist())) for segment in lines.get_segments()}


def test_what_is_kept_is_outlined(ax):
    kept = np.zeros((3, 4), bool)
    kept[1, 2] = True  # the pixel centered at x = 2, y = 1
    plot.image_map(ax, np.ones((3, 4)), kept=kept)
    corners = {(x, y) for x in (1.5, 2.5) for y in (0.5, 1.5)}
    assert len(edges(ax)) == 4
    assert {end for edge in edges(ax) for end in edge} == corners


def test_the_outline_runs_round_a_group_and_along_the_border_only(ax):
    kept = np.zeros((4, 5), bool)
    kept[:2, :3] = True
    plot.image_map(ax, np.ones((4, 5)), kept=kept)
    assert len(edges(ax)) == 2 * (2 + 3)
    lengths = {np.hypot(x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in edges(ax)}
    assert lengths == {1.0}


@pytest.mark.parametrize("kept", [True, False])
def test_all_or_nothing_kept_can_be_drawn(ax, kept):
    plot.image_map(ax, MAP, kept=np.full(MAP.shape, kept))
    ax.figure.canvas.draw()
    assert len(edges(ax)) == (2 * (5 + 7) if kept else 0)


def test_a_map_of_zeros_over_nothing_is_drawn_clear(ax):
    plot.image_map(ax, np.zeros((5, 7)), np.zeros((5, 7)))
    ax.figure.canvas.draw()
    assert (shown(ax)[..., 3] == 0).all()


def test_a_single_pixel_in_a_large_map_is_seen(ax):
    values = np.zeros((30, 31))
    values[4, 5] = 1e-3
    plot.image_map(ax, values)
    assert shown(ax)[4, 5, 3] == 1


def test_the_strongest_value_is_a_high_percentile_of_all_maps_together():
    one, other = np.linspace(-1, 0, 1001), np.linspace(0, 3, 1001)[None]
    assert plot.strongest(one, other) == np.percentile(np.abs([*one, *other[0]]), 99.5)
    assert plot.strongest(np.zeros(4)) == 1


def test_the_color_bar_spans_the_limit_and_says_what_it_shows(ax):
    plot.image_map(ax, MAP, limit=0.0284, label="change of probability")
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert [text.get_text() for text in bar.get_yticklabels()] == ["\N{MINUS SIGN}0.028", "0", "0.028"]
    assert bar.get_ylabel() == "change of probability"
    assert bar.get_ylim() == (-0.0284, 0.0284)


def test_one_color_bar_can_serve_several_maps():
    with plot.figure(6.0, 3.0, 1, 2) as (canvas, axes):
        for ax in axes:
            plot.image_map(ax, MAP, limit=0.5, label=None)
        assert len(canvas.axes) == 2
        bar = plot.color_bar(axes, 0.5, "attribution")
        assert canvas.axes == [*axes, bar]


def test_a_map_is_sharp(ax):
    plot.image_map(ax, MAP, np.abs(MAP))
    assert {image.get_interpolation() for image in ax.images} == {"nearest"}


def test_axes_without_an_image_stay_empty():
    with plot.figure(4.0, 2.0, 1, 3) as (_, axes):
        plot.image_strip(axes, np.abs(NOISE.normal(size=(2, 5, 7))), "median")
        assert [len(ax.images) for ax in axes] == [1, 1, 0]
        assert [ax.axison for ax in axes] == [True, True, False]
        assert axes[0].get_title() == "median"
        assert {(image.norm.vmin, image.norm.vmax) for ax in axes for image in ax.images} == {(0, 1)}


# curves


def test_every_p_value_is_counted_and_the_line_is_the_uniform_height(ax):
    p_values = np.array([0.0, 0.01, 0.5, 0.99, 1.0, 1.0])
    plot.p_histogram(ax, p_values, n_bins=4)
    assert [bar.get_height() for bar in ax.patches] == [2, 0, 1, 3]
    assert set(ax.lines[0].get_ydata()) == {6 / 4}
    assert legend(ax) == ["uniform"]


def test_a_histogram_of_nothing_is_empty(ax):
    plot.p_histogram(ax, np.array([]))
    ax.figure.canvas.draw()
    assert sum(bar.get_height() for bar in ax.patches) == 0


def test_the_subset_curve_shows_both_curves_and_the_spread(ax):
    plot.subset_curve(ax, CURVE)
    significant, random = ax.lines
    assert np.array_equal(significant.get_ydata(), CURVE["accuracy_significant"])
    assert np.array_equal(random.get_ydata(), CURVE["accuracy_random"])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.5)
    at_the_end = band[band[:, 0] == 20, 1]
    assert np.allclose(at_the_end, 0.9)  # a spread that is not known has no width
    assert [text.split(",")[0].split(" (")[0] for text in legend(ax)] == ["significant", "random"]
    assert significant.get_linestyle() != random.get_linestyle()
    assert significant.get_marker() != random.get_marker()


def test_what_comes_best_first_can_be_named_and_a_marker_at_one_is_whole(ax):
    plot.subset_curve(ax, CURVE.assign(accuracy_significant=1.0), "first words")
    assert legend(ax)[0] == "first words"
    assert ax.get_ylim()[1] > 1


@pytest.mark.parametrize("columns", [CURVE.columns, ["more", *CURVE.columns]])
def test_a_curve_of_nothing_is_empty(ax, columns):
    plot.subset_curve(ax, pd.DataFrame(columns=columns))
    ax.figure.canvas.draw()
    assert [len(line.get_xdata()) for line in ax.lines] == [0, 0]


def test_every_category_has_its_tick_and_every_series_its_marker(ax):
    plot.accuracies(ax, BINARY, "digit", SERIES)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "3", "8"]
    assert [line.get_label() for line in ax.lines] == ["all", "random"]
    assert len({line.get_marker() for line in ax.lines}) == 2
    for line, column in zip(ax.lines, SERIES, strict=True):
        assert np.array_equal(line.get_ydata(), BINARY[column])
        assert (np.abs(line.get_xdata() - np.arange(3)) < 0.5).all()


def test_convergence_has_a_solid_and_a_dotted_line_for_each_path(ax):
    plot.convergence(ax, GAPS, PATHS, COLORS)
    assert legend(ax) == list(PATHS.values())
    solid, dotted = ax.lines[::2], ax.lines[1::2]
    for path, p95, median in zip(PATHS, solid, dotted, strict=True):
        rows = GAPS[GAPS["path"] == path]
        assert np.array_equal(p95.get_ydata(), rows["p95"])
        assert np.array_equal(median.get_ydata(), rows["median"])
        assert median.get_linestyle() == ":"
        assert p95.get_color() == median.get_color() == COLORS[path]
    assert len({line.get_marker() for line in solid}) == len(PATHS)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["25", "50", "250"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_gaps_of_zero_or_without_bound_do_not_stop_the_drawing(ax):
    table = GAPS.assign(median=0.0, p95=[np.inf, 1e-2, 0.0] * 2)
    plot.convergence(ax, table, PATHS, COLORS)
    ax.figure.canvas.draw()
    assert len(ax.lines) == 4


def test_paths_start_at_the_baseline_and_end_at_the_sample(ax):
    plot.paths_in_plane(ax, SCATTER, LINES)
    ends = {line.get_label(): line for line in ax.lines}
    assert ends["baseline x'"].get_xydata().tolist() == [[0, 0]]
    assert ends["sample x"].get_xydata().tolist() == [[2, 1]]
    assert legend(ax) == [*SCATTER, *LINES, "baseline x'", "sample x"]
    dots = [handle for handle in ax.get_legend().legend_handles if isinstance(handle, PathCollection)]
    assert [dot.get_alpha() for dot in dots] == [1, 1]
    assert ends["sample x"].get_zorder() > max(line.get_zorder() for line in ax.lines if line.get_label() in LINES)


def test_paths_take_dashes_in_turn(ax):
    plot.paths_in_plane(ax, SCATTER, {**LINES, "third": LINES["bent"]}, dashes=("-", "--"), opacity=0.6)
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "--", "-"]
    assert {dots.get_alpha() for dots in ax.collections} == {0.6}


# files


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_figure_is_the_same_files(tmp_path, name):
    NOISE.bit_generator.state = np.random.default_rng(3).bit_generator.state
    plot.save(drawn(name), tmp_path / "first")
    NOISE.bit_generator.state = np.random.default_rng(3).bit_generator.state
    plot.save(drawn(name), tmp_path / "second")
    for kind in ("png", "svg"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_both_files_are_written_at_300_dots_an_inch_and_nothing_else(tmp_path):
    canvas = drawn("p_histogram")
    written = plot.save(canvas, tmp_path / "figures" / "1.5_null")
    assert [path.name for path in written] == ["1.5_null.png", "1.5_null.svg"]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["1.5_null.png", "1.5_null.svg"]
    png = written[0].read_bytes()
    assert png.startswith(b"\x89PNG")
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (1200, 900)
    assert "p-value (unadjusted)" in written[1].read_text()  # text stays text, to be searched and edited


def test_names_and_dates_of_the_moment_are_not_in_the_files(tmp_path):
    png, svg = plot.save(drawn("p_histogram"), tmp_path / "null")
    assert b"Software" not in png.read_bytes()
    assert "dc:date" not in svg.read_text()


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, kind, error):
    canvas = drawn("p_histogram")
    plot.save(canvas, tmp_path / "null")
    before = (tmp_path / f"null.{kind}").read_bytes()
    whole = type(canvas).savefig

    def fails(self, path, **options):
        if path.suffix != f".{kind}":
            return whole(self, path, **options)
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(type(canvas), "savefig", fails)
    with pytest.raises(type(error)):
        plot.save(canvas, tmp_path / "null")
    assert (tmp_path / f"null.{kind}").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["null.png", "null.svg"]


def test_drawing_and_saving_warn_of_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in DRAWINGS:
            assert all(path.is_file() for path in plot.save(drawn(name), Path(tmp_path, name)))


def test_an_upset_plot_counts_every_feature_once():
    found = {"a": [1, 2, 3, 4, 4], "b": [3, 4, 5], "c": []}
    with plot.figure(3.0, 3.0, 2, 1, sharex=True) as (_, axes):
        bars, dots = plot.upset(axes, found)
        heights = [bar.get_height() for bar in bars.patches]
        joined = [line.get_ydata().tolist() for line in dots.lines[1::2]]
        names = [label.get_text() for label in dots.get_yticklabels()]
    assert heights == [2, 2, 1]
    assert joined == [[0], [0, 1], [1]]
    assert names == ["a (4)", "b (3)", "c (0)"]
