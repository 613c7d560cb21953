"""The benchmarks' figure: time against error for each tool, a panel for each network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import peers
from eigrad import plot

FIXED = "eigrad, fixed points"  # by the rule it picks; its trapezoid has a line of its own
LOOK = {
    peers.TRAPEZOID: (plot.BLUE, "o-"),
    peers.GAUSS: (plot.SKY, "s-"),
    FIXED: (plot.ORANGE, "D-"),
    peers.OWN_TRAPEZOID: (plot.ORANGE, ":"),
    peers.AUTO: (plot.GREEN, "^-"),
    "Captum DeepLift": (plot.PURPLE, "X"),
    "SHAP DeepExplainer": (plot.BLACK, "P"),
    "SHAP GradientExplainer": (plot.GRAY, "*"),
}


def is_auto(tools: pd.Series) -> pd.Series:
    return tools.str.startswith(peers.AUTO)


def is_fixed(tools: pd.Series) -> pd.Series:
    return tools.str.startswith("eigrad ") & ~is_auto(tools)


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """Seconds a sample against error, one panel for each network."""
    cases = list(dict.fromkeys(tables["curve"]["case"]))
    level = tables["results"].drop_duplicates("case").set_index("case")["level"]
    rows = pd.concat([tables["curve"], tables["others"]]).dropna(subset="p95")
    picked = is_fixed(rows["tool"]) & (rows["tool"] != peers.OWN_TRAPEZOID)
    rows["series"] = rows["tool"].mask(is_auto(rows["tool"]), peers.AUTO).mask(picked, FIXED)
    n_columns = min(4, len(cases))
    n_rows = -(-len(cases) // n_columns)
    with plot.figure(9, 0.8 + 2.3 * n_rows, n_rows, n_columns, squeeze=False) as (canvas, axes):
        for ax, case in zip(axes.flat, cases, strict=False):
            for series, (color, style) in LOOK.items():
                part = rows[(rows["case"] == case) & (rows["series"] == series)]
                ax.plot(part["p95"], part["seconds"] / part["samples"], style, color=color, label=series,
                        markersize=4, linewidth=1)  # fmt: skip
            ax.axvline(level[case], color=plot.GRAY, linestyle=":", linewidth=1)
            ax.set(xscale="log", yscale="log", title=case)
        for ax in axes.flat[len(cases) :]:
            ax.set_axis_off()
        canvas.supxlabel("95th percentile of the relative error", fontsize=9)
        canvas.supylabel("seconds a sample", fontsize=9)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
        plot.save(canvas, path)
