"""The figure of a comparison: how far up true causes come, by world, network, method and order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eigrad import plot

ORDERS = {
    "magnitude": ("mean |a|", plot.BLUE, "o"),
    "t": ("t, two nulls", plot.ORANGE, "s"),
    "product": ("their product", plot.GREEN, "D"),
    "score": ("the method's own score", plot.BLACK, "^"),
}
NETWORKS = {"paper": "dense network", "sparse": "sparse network", "none": "no network"}


def recovery_by_method(means: pd.DataFrame, folder: Path) -> None:
    """Average precision of causal groups, mean and standard deviation over data sets."""
    variants = list(dict.fromkeys(means["variant"]))
    networks = [name for name in NETWORKS if name in set(means["network"])]
    height = 0.6 + sum(_rows(means, variant) for variant in variants) * 0.2 + 0.35 * len(variants)
    ratios = [_rows(means, variant) for variant in variants]
    with plot.figure(
        3.2 * len(networks), height, len(variants), len(networks), squeeze=False, sharex=True, height_ratios=ratios
    ) as (canvas, axes):
        for line, variant in zip(axes, variants, strict=True):
            for ax, network in zip(line, networks, strict=True):
                _panel(ax, means[(means["variant"] == variant) & (means["network"] == network)])
                ax.set_title(f"{variant}, {NETWORKS[network]}", fontsize=9)
        for ax in axes[-1]:
            ax.set_xlabel("average precision")
        there = [name for name in ORDERS if name in set(means["order"])]
        handles = [
            axes[0][0].plot([], [], ORDERS[name][2], color=ORDERS[name][1], label=ORDERS[name][0])[0] for name in there
        ]
        canvas.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        plot.save(canvas, folder / "recovery")


def _rows(means: pd.DataFrame, variant: str) -> int:
    """Methods in the fullest panel of a world."""
    return int(means[means["variant"] == variant].groupby("network")["method"].nunique().max())


def _panel(ax: Axes, means: pd.DataFrame) -> None:
    methods = list(dict.fromkeys(means["method"]))
    for order, (_, color, marker) in ORDERS.items():
        part = means[means["order"] == order]
        y = np.array([methods.index(name) for name in part["method"]]) + {"t": 0.2, "product": -0.2}.get(order, 0.0)
        ax.errorbar(
            part["average_precision"], y, xerr=part["average_precision_sd"], fmt=marker, color=color, markersize=4,
            linewidth=0.8,
        )  # fmt: skip
    ax.set_yticks(range(len(methods)), methods, fontsize=8)
    ax.set(xlim=(0, 1.02), ylim=(len(methods) - 0.5, -0.5))
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    ax.set_axisbelow(True)
