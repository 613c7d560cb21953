"""Figures: a table or an array in, Axes out. Colors are safe for color-blind readers; red-green is never a pair."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK, GRAY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#8C8C8C",
)  # fmt: skip
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
        tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside,
    ):
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
    label: str = "",
) -> Axes:
    """Signed values (height, width) in diverging colors over a gray image; only where `kept` if given.

    `limit` is the value of the strongest color, the 99.5th percentile of |values| by default.
    """
    if limit is None:
        limit = float(np.percentile(np.abs(values), 99.5)) or 1.0
    if background is not None:
        ax.imshow(
            background,
            cmap="Greys",
            vmin=0,
            vmax=2.2 * float(background.max() or 1.0),
            interpolation="nearest",
        )
    strength = np.clip(np.abs(values) / limit, 0, 1)
    opacity = (strength if kept is None else np.where(kept, 0.35 + 0.65 * strength, 0.0)) ** 0.8
    mappable = ax.imshow(
        np.where(opacity > 0, values, np.nan),
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        alpha=opacity,
    )
    mappable.set_interpolation("nearest")
    ax.set_xticks([]), ax.set_yticks([])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color("#CCCCCC")
    ax.set_title(title)
    colors = mpl.cm.ScalarMappable(mpl.colors.Normalize(-limit, limit), DIVERGING)
    bar = ax.figure.colorbar(colors, ax=ax, shrink=0.75, label=label, ticks=[-limit, 0, limit])
    bar.ax.set_yticklabels([f"{-limit:.1g}".replace("-", "\N{MINUS SIGN}"), "0", f"{limit:.1g}"])
    bar.outline.set_visible(False)
    return ax


def image_strip(axes: Sequence[Axes], images: NDArray[Any], label: str = "") -> Sequence[Axes]:
    """Images (n, height, width) side by side, the unused Axes left empty."""
    for i, ax in enumerate(axes):
        ax.set_xticks([]), ax.set_yticks([])
        if i < len(images):
            ax.imshow(images[i], cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#CCCCCC")
        else:
            ax.set_axis_off()
    axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
    return axes


def p_histogram(ax: Axes, p_values: NDArray[Any], title: str = "", *, n_bins: int = 20) -> Axes:
    """Unadjusted p-values in bins, with the height a uniform distribution would have."""
    ax.hist(p_values, bins=n_bins, range=(0, 1), color=SKY, edgecolor="white", linewidth=0.5)
    ax.axhline(len(p_values) / n_bins, color=BLACK, linestyle="--", linewidth=1, label="uniform")
    ax.set(xlabel="p-value (unadjusted)", ylabel="features", title=title, xlim=(0, 1))
    ax.legend()
    return ax


def subset_curve(ax: Axes, curve: pd.DataFrame) -> Axes:
    """Accuracy against the number of features: the best by significance, and random ones with their spread."""
    n, random, spread = (
        curve["n_features"],
        curve["accuracy_random"],
        curve["accuracy_random_sd"].fillna(0),
    )
    ax.plot(
        n,
        curve["accuracy_significant"],
        "o-",
        color=ORANGE,
        markersize=4,
        label="significant, best first",
    )
    ax.plot(n, random, "s--", color=BLUE, markersize=4, label="random (mean, \N{PLUS-MINUS SIGN} SD)")
    ax.fill_between(n, random - spread, random + spread, color=BLUE, alpha=0.2, linewidth=0)
    ax.set(xlabel="number of features", ylabel="test accuracy", ylim=(None, 1.0))
    ax.legend(loc="lower right")
    return ax


def accuracies(ax: Axes, table: pd.DataFrame, category: str, series: Mapping[str, tuple[str, str, str]]) -> Axes:
    """Points of several columns for each category; `series` maps column to (label, color, marker)."""
    places = np.arange(len(table))
    shifts = np.linspace(-0.22, 0.22, len(series))
    for shift, (column, (label, color, marker)) in zip(shifts, series.items(), strict=True):
        ax.plot(places + shift, table[column], marker, color=color, label=label, markersize=6)
    ax.set_xticks(places, [str(value) for value in table[category]])
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
) -> Axes:
    """Curves (points, 2) over scattered classes (points, 2), each with its color; all run from x' to x."""
    for label, (points, color) in backgrounds.items():
        ax.scatter(points[:, 0], points[:, 1], s=4, color=color, alpha=0.25, linewidth=0, label=label, rasterized=True)
    for label, (points, color) in lines.items():
        ax.plot(*points.T, color=color, linewidth=1.8, label=label)
    line = next(iter(lines.values()))[0]
    for end, name, marker in ((line[0], "baseline x'", "s"), (line[-1], "sample x", "o")):
        ax.plot(*end, marker, color="white", markeredgecolor=BLACK, markersize=8, zorder=5)
        ax.annotate(name, end, xytext=(7, 7), textcoords="offset points", weight="bold", zorder=6)
    ax.set(xlabel="first principal component", ylabel="second principal component")
    legend = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return ax
