"""Figures: a table or an array in, Axes out. Colors are safe for color-blind readers; red-green is never a pair."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eigrad.sequence import LETTERS

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK, GRAY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#666666",
)  # fmt: skip
LOGO_COLORS = {"A": GREEN, "C": BLUE, "G": BLACK, "T": ORANGE}
DIVERGING = "RdBu"  # negative red, zero white, positive blue
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "svg.hashsalt": "eigrad",
    "svg.fonttype": "none",
}


@contextmanager
def figure(
    width: float, height: float, n_rows: int = 1, n_columns: int = 1, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure in inches outside pyplot's global list, and its Axes."""
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=(width, height), layout="constrained")
        yield canvas, canvas.subplots(n_rows, n_columns, **options)


def save(canvas: Figure, path: Path) -> list[Path]:
    """Write path.png (300 dpi) and path.svg, the same bytes for the same figure, each whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    with (
        mpl.rc_context(STYLE),
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside,
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font has not: boxes
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            whole = Path(beside, f"figure.{kind}")
            canvas.savefig(whole, metadata=metadata)
            written.append(Path(shutil.move(whole, path.with_name(f"{path.name}.{kind}"))))
    return written


def image_map(
    ax: Axes,
    values: NDArray[Any],
    background: NDArray[Any] | None = None,
    *,
    kept: NDArray[np.bool_] | None = None,
    limit: float | None = None,
    title: str = "",
    label: str | None = "attribution",
) -> Axes:
    """Signed values (height, width) in diverging colors over a gray image; where `kept` is given, only there, outlined.

    `limit` is the value of the strongest color, by default `strongest(values)`. Without a label no color bar is drawn.
    """
    limit = strongest(values) if limit is None else limit
    if background is not None:
        darkest = 2.2 * (max(float(background.max()), 0.0) or 1.0)
        ax.imshow(background, cmap="Greys", vmin=0, vmax=darkest, interpolation="nearest")
    opacity = np.clip(np.abs(values) / limit, 0, 1) ** 0.8
    if kept is not None:
        opacity = np.where(kept, opacity, 0.0)
        ax.add_collection(LineCollection(_outline(kept), colors=BLACK, linewidths=0.7))
    ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, alpha=opacity, interpolation="nearest")
    _frame(ax)
    ax.set_title(title)
    if label is not None:
        color_bar(ax, limit, label)
    return ax


def color_bar(axes: Axes | Sequence[Axes] | NDArray[Any], limit: float, label: str) -> Axes:
    """The scale shared by image maps of this limit, at their right."""
    first = axes if isinstance(axes, Axes) else axes[0]
    colors = mpl.cm.ScalarMappable(mpl.colors.Normalize(-limit, limit), DIVERGING)
    bar = first.figure.colorbar(colors, ax=axes, shrink=0.75, aspect=25, label=label, ticks=[-limit, 0, limit])
    bar.ax.set_yticklabels([f"\N{MINUS SIGN}{limit:.2g}", "0", f"{limit:.2g}"])
    bar.outline.set_visible(False)
    return bar.ax


def strongest(*values: NDArray[Any]) -> float:
    """The 99.5th percentile of |values|, or their largest where nearly all are zero; 1 where all are."""
    sizes = np.abs(np.concatenate([array.ravel() for array in values]))
    return float(np.percentile(sizes, 99.5)) or float(sizes.max()) or 1.0


def _outline(kept: NDArray[np.bool_]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The pixel edges between what is kept and what is not, as ((x, y), (x, y))."""
    padded = np.pad(kept, 1)
    upright = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]) - 0.5
    level = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]) - 0.5
    return [((x, y), (x, y + 1)) for y, x in upright.tolist()] + [((x, y), (x + 1, y)) for y, x in level.tolist()]


def _frame(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color("#CCCCCC")


def image_strip(axes: Sequence[Axes] | NDArray[Any], images: NDArray[Any], title: str = "") -> None:
    """Images (n, height, width), one on each of the Axes; those left over stay empty."""
    for i, ax in enumerate(axes):
        _frame(ax)
        if i < len(images):
            ax.imshow(images[i], cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        else:
            ax.set_axis_off()
    axes[0].set_title(title)


def p_histogram(ax: Axes, p_values: NDArray[Any], title: str = "", *, n_bins: int = 20) -> Axes:
    """Unadjusted p-values in bins, with the height a uniform distribution would have."""
    ax.hist(p_values, bins=n_bins, range=(0, 1), color=SKY, edgecolor="white", linewidth=0.5)
    ax.axhline(len(p_values) / n_bins, color=BLACK, linestyle="--", linewidth=1, label="uniform")
    ax.set(xlabel="p-value (unadjusted)", ylabel="features", title=title, xlim=(0, 1))
    ax.legend()
    return ax


def subset_curve(ax: Axes, curve: pd.DataFrame, first: str = "significant, best first") -> Axes:
    """Scores of `growing_subsets` against the number of features: the best first, and random ones with their spread.

    `first` says which features come best first.
    """
    metric = "auc" if "auc_random" in curve else "accuracy"
    n, best, random, spread = (
        curve[name].to_numpy(float)
        for name in ("n_features", f"{metric}_significant", f"{metric}_random", f"{metric}_random_sd")
    )
    spread = np.nan_to_num(spread)
    ax.plot(n, best, "o-", color=ORANGE, markersize=4, label=first)
    ax.plot(n, random, "s--", color=BLUE, markersize=4, label="random (mean, \N{PLUS-MINUS SIGN} SD)")
    ax.fill_between(n, random - spread, random + spread, color=BLUE, alpha=0.2, linewidth=0)
    ylabel = "test accuracy" if metric == "accuracy" else "area under the ROC curve, test"
    ax.set(xlabel="number of features", ylabel=ylabel, ylim=(None, 1.02))  # a marker at 1 is whole
    ax.legend(loc="lower right")
    return ax


def power_curve(ax: Axes, power: pd.DataFrame) -> Axes:
    """The part of planted differences that is found against their size, mean and standard deviation over repeats."""
    shift, found, spread = (power[name].to_numpy(float) for name in ("shift", "power", "power_sd"))
    ax.plot(shift, found, "o-", color=BLUE, markersize=4)
    low, high = np.clip(found - spread, 0, 1), np.clip(found + spread, 0, 1)
    ax.fill_between(shift, low, high, color=BLUE, alpha=0.2, linewidth=0)
    ax.set(xlabel="planted difference, standard deviations", ylabel="part found", ylim=(-0.03, 1.03))
    return ax


def accuracies(ax: Axes, table: pd.DataFrame, category: str, series: Mapping[str, tuple[str, str, str]]) -> Axes:
    """Points of several columns for each category; `series` maps column to (label, color, marker)."""
    places = np.arange(len(table))
    shifts = np.linspace(-0.22, 0.22, len(series))
    for shift, (column, (label, color, marker)) in zip(shifts, series.items(), strict=True):
        ax.plot(places + shift, table[column], marker, color=color, label=label, markersize=6)
    ax.set_xticks(places, [as_text(value) for value in table[category]])
    ax.set(xlabel=category, ylabel="test accuracy")
    ax.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def convergence(ax: Axes, table: pd.DataFrame, labels: Mapping[str, str], colors: Mapping[str, str]) -> Axes:
    """Median and 95th percentile of the relative completeness gap against points, a line for each path."""
    for marker, (path, label) in zip("osDv^*", labels.items(), strict=False):
        rows, color = table[table["path"] == path], colors[path]
        ax.plot(rows["n_points"], rows["p95"], marker + "-", color=color, markersize=4, label=label)
        ax.plot(rows["n_points"], rows["median"], ":", color=color, linewidth=1)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="points on the path",
        ylabel="|completeness gap| / |F(x) \N{MINUS SIGN} F(x')|",
    )
    ticks = sorted(table["n_points"].unique())
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.legend(title="95th percentile (dotted: median)")
    return ax


def paths_in_plane(
    ax: Axes,
    backgrounds: Mapping[str, tuple[NDArray[Any], str]],
    lines: Mapping[str, tuple[NDArray[Any], str]],
    *,
    dashes: Sequence[Any] = ("-",),
    opacity: float = 0.25,
) -> Axes:
    """Curves (points, 2) over scattered classes (points, 2), each with its color; all run from x' to x.

    `dashes` are line styles of the curves in turn: a curve shows in the gaps of one that covers it.
    `opacity` is that of the scattered points.
    """
    for label, (points, color) in backgrounds.items():
        ax.scatter(
            points[:, 0], points[:, 1], s=4, color=color, alpha=opacity, linewidth=0, label=label, rasterized=True
        )
    for (label, (points, color)), style in zip(lines.items(), cycle(dashes), strict=False):
        ax.plot(*points.T, color=color, linewidth=1.8, linestyle=style, label=label)
    line = next(iter(lines.values()))[0]
    for end, name, marker in ((line[0], "baseline x'", "s"), (line[-1], "sample x", "o")):
        ax.plot(*end, marker, color="white", markeredgecolor=BLACK, markersize=8, zorder=5, label=name)
    ax.set(xlabel="first principal component", ylabel="second principal component")
    legend = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set(alpha=1, sizes=[20])
    return ax


def upset(axes: NDArray[Any], found: Mapping[str, Collection[Hashable]], *, most: int = 20) -> NDArray[Any]:
    """Which features several methods share: bars of exclusive intersections (above) over the methods in each (below).

    `axes` are two Axes, one above the other, with a common x. Every feature is in one bar, that of exactly the methods
    which found it; the `most` largest are shown. The numbers beside the names are all that each method found. Source:
    Lex et al., UpSet, IEEE TVCG 20:1983 (2014).
    """
    owners: dict[Hashable, tuple[str, ...]] = {}
    for name, features in found.items():
        for feature in set(features):
            owners[feature] = (*owners.get(feature, ()), name)
    counts = Counter(owners.values())
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    names, (bars, dots) = list(found), axes
    bars.bar(range(len(shown)), [n for _, n in shown], color=BLUE, width=0.6)
    for place, (methods, n) in enumerate(shown):
        bars.text(place, n, str(n), ha="center", va="bottom", fontsize=7)
        rows = sorted(names.index(name) for name in methods)
        dots.plot([place] * len(names), range(len(names)), "o", color="#DDDDDD", markersize=5)
        dots.plot([place] * len(rows), rows, "o-", color=BLACK, markersize=5, linewidth=1.5)
    bars.set(ylabel="features")
    bars.tick_params(bottom=False, labelbottom=False)
    dots.set_yticks(range(len(names)), [f"{as_text(name)} ({len(set(found[name]))})" for name in names])
    dots.set(xticks=[], ylim=(len(names) - 0.5, -0.5), xlim=(-0.6, max(len(shown), 1) - 0.4))
    dots.spines[:].set_visible(False)
    return axes


def as_text(name: object) -> str:
    """A name as a label: no part of it is read as mathematics."""
    return str(name).replace("$", r"\$")


def require_logos() -> None:
    """ValueError, with what to install, where sequence logos cannot be drawn."""
    if find_spec("logomaker") is None:
        raise ValueError("sequence logos need logomaker: pip install 'eigrad[splicing]'")


def sequence_logo(ax: Axes, heights: NDArray[Any], positions: Sequence[int], ylabel: str) -> Axes:
    """Letters stacked at their positions; `heights` (positions, 4) of A, C, G and T, below the axis where negative."""
    require_logos()
    import logomaker

    letters = pd.DataFrame(heights, index=list(positions), columns=list(LETTERS))
    if heights.any():
        logomaker.Logo(letters, ax=ax, color_scheme=LOGO_COLORS, flip_below=False)
    ax.axhline(0, color=BLACK, linewidth=0.5)
    low, high = (heights.clip(max=0).sum(axis=1).min(), heights.clip(min=0).sum(axis=1).max())
    margin = 0.05 * ((high - low) or 1.0)
    ax.set(ylabel=ylabel, ylim=(low - margin, high + margin))
    return ax
