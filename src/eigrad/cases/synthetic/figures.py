"""The figures of a comparison: how far up true causes come, and what the significant sets hold and share."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eigrad import plot
from eigrad.evaluate import enrichment

ORDERS = {
    "magnitude": ("mean |a|", plot.BLUE, "o"),
    "t": ("t, two nulls", plot.ORANGE, "s"),
    "product": ("their product", plot.GREEN, "D"),
    "score": ("the method's own score", plot.BLACK, "^"),
}
NETWORKS = {"paper": "dense network", "sparse": "sparse network", "none": "no network"}


HEADLINE = {"sparse": "magnitude", "paper": "t"}  # the order each network is read in
SIZES = range(1, 61)


def draw(means: pd.DataFrame, groups: pd.DataFrame, folder: Path) -> None:
    """All figures there is something for; `means` by way, `groups` by data set, class and method."""
    recovery_by_method(means, folder)
    if "significant" in groups and groups["significant"].notna().any():
        significant_sets(groups[groups["significant"].notna()], folder)
        shared_sets(groups[groups["significant"].notna()], folder)
        enrichment_curves(groups[groups["significant"].notna()], folder)


def significant_sets(groups: pd.DataFrame, folder: Path) -> None:
    """How many groups each method's recommended set holds, and how many of them are causes (the paper's 3b and d)."""
    chosen = groups.assign(causes=groups["significant"].astype(bool) & groups["causal"])
    of_sets = chosen.groupby(["variant", "network", "method", "seed", "label"], sort=False)[["significant", "causes"]]
    means = of_sets.sum().astype(float).groupby(level=[0, 1, 2], sort=False).mean().reset_index()
    variants, networks = (list(dict.fromkeys(means[name])) for name in ("variant", "network"))
    with plot.figure(
        3.6 * len(networks), 0.5 + 1.9 * len(variants), len(variants), len(networks), squeeze=False, sharex="col"
    ) as (canvas, axes):
        for line, variant in zip(axes, variants, strict=True):
            for ax, network in zip(line, networks, strict=True):
                part = means[(means["variant"] == variant) & (means["network"] == network)]
                ax.barh(part["method"], part["significant"], color="#DDDDDD", label="significant")
                ax.barh(part["method"], part["causes"], color=plot.BLUE, label="of them causes")
                ax.invert_yaxis()
                ax.set_title(f"{variant}, {NETWORKS[network]}", fontsize=9)
        for ax in axes[-1]:
            ax.set_xlabel("groups, mean over classes")
        handles, labels = axes[0][0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=2)
        plot.save(canvas, folder / "significant_sets")


def shared_sets(groups: pd.DataFrame, folder: Path) -> None:
    """Which groups the methods' significant sets share, over all data sets and classes (as the paper's S8)."""
    networks = [name for name in NETWORKS if name in set(groups["network"])]
    ways = ["variant", "seed", "label", "group"]
    with plot.figure(6.5 * len(networks), 4.2, 2, len(networks), squeeze=False, height_ratios=[2, 1], sharex="col") as (
        canvas,
        axes,
    ):
        for column, network in enumerate(networks):
            part = groups[(groups["network"] == network) & groups["significant"].astype(bool)]
            methods = dict.fromkeys(groups["method"])
            sets = {name: list(map(tuple, part.loc[part["method"] == name, ways].to_numpy())) for name in methods}
            plot.upset(axes[:, column], sets, most=15)
            axes[0, column].set(title=NETWORKS[network], ylabel="groups")
        plot.save(canvas, folder / "shared_sets")


def enrichment_curves(groups: pd.DataFrame, folder: Path) -> None:
    """Enrichment of causes among the first groups of every method, mean over data sets and classes (the paper's 3e)."""
    networks = [name for name in HEADLINE if name in set(groups["network"])]
    colors = (plot.BLUE, plot.SKY, plot.BLACK, plot.GRAY, "#BBBBBB", plot.PURPLE, plot.ORANGE, plot.GREEN)
    with plot.figure(4.0 * len(networks) + 1.6, 3.2, 1, len(networks), squeeze=False, sharey=True) as (canvas, axes):
        for ax, network in zip(axes[0], networks, strict=True):
            part = groups[
                (groups["network"] == network) & groups.groupby(["variant", "label"])["causal"].transform("any")
            ]
            for (method, rows), color in zip(part.groupby("method", sort=False), cycle(colors)):
                curves = [_enriched(one, HEADLINE[network]) for _, one in rows.groupby(["variant", "seed", "label"])]
                ax.plot(SIZES[: len(curves[0])], np.mean(curves, axis=0), color=color, label=method, linewidth=1.2)
            ax.set(title=f"{NETWORKS[network]}, by {ORDERS[HEADLINE[network]][0]}", xlabel="first groups")
        axes[0][0].set_ylabel("enrichment, −log10 p")
        handles, labels = axes[0][0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside right center")
        plot.save(canvas, folder / "enrichment")


def _enriched(groups: pd.DataFrame, order: str) -> np.ndarray:
    """-log10 of the hypergeometric p-value of the causes among the first groups."""
    ranked = np.argsort(-groups[order].to_numpy(), kind="stable")
    curve = enrichment(ranked, groups["causal"].to_numpy(bool), [n for n in SIZES if n <= len(ranked)])
    result: np.ndarray = -np.log10(np.maximum(curve["p_value"].to_numpy(), 1e-300))
    return result


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
