"""The figures of findings: size against effect, and the first features' attributions in every set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eigrad import plot
from eigrad.findings.findings import Findings

MOST, NAMED, LONGEST = 15, 8, 24
COLORS = {"class": plot.ORANGE, "reference": plot.BLUE, "null": plot.GRAY}


def draw(findings: Findings, folder: Path) -> None:
    """Both figures, PNG and SVG."""
    volcano(findings.table, folder)
    distributions(findings, folder)


def volcano(table: pd.DataFrame, folder: Path) -> None:
    """Mean |attribution| in the class against the effect; p-values by permutation are too alike to draw."""
    floor = float(table.attrs.get("min_share", 0.0)) * float(table["magnitude"].max())
    with plot.figure(6.4, 3.6) as (canvas, ax):
        for chosen, color, label in (
            (~table["significant"], "#AAAAAA", "not significant"), (table["significant"], plot.ORANGE, "significant"),
        ):  # fmt: skip
            rows = table[chosen]
            ax.plot(
                rows["effect"], rows["magnitude"], "o", color=color, alpha=0.75, markersize=4, markeredgewidth=0,
                label=f"{label} ({len(rows):,})", rasterized=len(table) > 2000,
            )  # fmt: skip
        ax.axvline(0, color=plot.BLACK, linewidth=0.6)
        ax.axhline(floor, color=plot.BLACK, linewidth=0.6, linestyle=":")
        ax.set(xlabel="effect", ylabel="mean |attribution| in the class", ylim=(0, None))
        _named(ax, table[table["significant"]].head(NAMED))
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
        plot.save(canvas, folder / "volcano")


def _named(ax: Axes, rows: pd.DataFrame) -> None:
    """Names to the right of the points, one under the other, each with a line to its own."""
    top = ax.get_ylim()[1]
    apart, height = 0.075 * top, top
    for row in rows.sort_values("magnitude", ascending=False).to_dict("records"):
        height = min(height - apart, row["magnitude"])
        ax.annotate(
            short(row["feature"]), (row["effect"], row["magnitude"]), xytext=(1.03, max(height, 0.0) / top),
            textcoords="axes fraction", fontsize=7, va="center",
            arrowprops={"arrowstyle": "-", "color": plot.GRAY, "linewidth": 0.4, "relpos": (0, 0.5), "shrinkA": 1},
        )  # fmt: skip


def distributions(findings: Findings, folder: Path) -> None:
    """Attributions of the features of largest mean |attribution| in the class, the reference and the null, as boxes."""
    table = findings.table
    shown = table["feature"].head(MOST).tolist()
    with plot.figure(6.4, 1.0 + 0.36 * len(shown)) as (canvas, ax):
        for offset, (name, color) in zip((-0.27, 0.0, 0.27), COLORS.items(), strict=True):
            values = findings.values[name][:, : len(shown)]
            boxes = ax.boxplot(
                list(values.T), positions=np.arange(len(shown)) + offset, widths=0.22, orientation="horizontal",
                patch_artist=True, showfliers=False, medianprops={"color": plot.BLACK, "linewidth": 0.8},
                whiskerprops={"linewidth": 0.6}, capprops={"linewidth": 0.6}, boxprops={"linewidth": 0.4},
                manage_ticks=False,
            )  # fmt: skip
            for box in boxes["boxes"]:
                box.set_facecolor(color)
            ax.plot([], [], "s", color=color, label=f"{name} ({len(values)})")
        stars = {row["feature"]: " *" if row["significant"] else "" for row in table.head(MOST).to_dict("records")}
        ax.set_yticks(range(len(shown)), [f"{short(feature)}{stars[feature]}" for feature in shown])
        ax.set(ylim=(len(shown) - 0.4, -0.6), xlabel="attribution")
        ax.axvline(0, color=plot.BLACK, linewidth=0.6)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
        plot.save(canvas, folder / "distributions")


def short(name: object) -> str:
    """Text for a label: cut, and without what Matplotlib would read as mathematics."""
    text = str(name).replace("\n", " ")
    return plot.as_text(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}")
