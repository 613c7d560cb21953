"""The figures of a splicing study, after the paper's 1a, 3 and S3 to S10."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from torch import Tensor

from eigrad import plot
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.study.methods import OTHERS, Workbench
from eigrad.cases.splicing.study.settings import method_name
from eigrad.curves import traced

PATH_COLORS = dict(zip(PATHS, (plot.BLUE, plot.SKY, plot.ORANGE, plot.PURPLE), strict=True))
N_STEPS = 60
MOST_FEATURES = 25
SHOWN = (*(method_name(path, "close") for path in PATHS), "EIG straight, zero", *OTHERS)
LINES = (
    plot.BLUE, plot.SKY, plot.ORANGE, plot.PURPLE, plot.BLACK, "#CCCCCC", "#999999", "#666666", plot.GREEN, "#A05A2C",
)  # fmt: skip


def paths_in_plane(bench: Workbench, groups: Mapping[str, Tensor], baseline: str, folder: Path) -> None:
    """All paths from a baseline to an exon of the class, in the plane of two principal components (the paper's 1a)."""
    samples = groups["class"]
    sample = samples[_central(bench.standardized(samples))][None]
    start = bench.baseline(baseline)(sample)[:, 0]
    lines = {name: traced(bench.path(name).between(start, sample), N_STEPS) for name in PATHS}
    standardized = {name: bench.standardized(values).cpu().numpy() for name, values in groups.items()}
    center, axes = _components(np.concatenate(list(standardized.values())))

    def placed(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = (values - center) @ axes
        return found

    colors = {"class": plot.ORANGE, "reference": plot.BLUE}
    with plot.figure(6.2, 3.8) as (canvas, ax):
        plot.paths_in_plane(
            ax,
            {f"{name} exons": (placed(standardized[name]), color) for name, color in colors.items()},
            {name: (placed(bench.standardized(line).cpu().numpy()), PATH_COLORS[name]) for name, line in lines.items()},
        )
        plot.save(canvas, folder / "paths")


def _central(values: Tensor) -> int:
    return int((values - values.median(dim=0).values).square().sum(dim=1).argmin())


def _components(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and the directions of the two largest spreads, each with its largest number positive."""
    center = values.mean(axis=0)
    axes = np.linalg.svd(values - center, full_matrices=False)[2][:2]
    return center, (axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]).T


def significant_counts(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """How many meta-features are significant by path and baseline, in the paper's and the recommended mode (3a-d)."""
    modes = {"significant_paper": "paper's mode", "significant": "recommended mode"}
    with plot.figure(8.4, 4.6, 2, 2, width_ratios=[3, 1.5]) as (canvas, axes):
        for row, (column, title) in zip(axes, modes.items(), strict=True):
            counts = {name: int(table[column].sum()) for name, table in tables.items()}
            _grid(row[0], counts, title)
            rest = [name for name in OTHERS if name in counts]
            row[1].barh(rest, [counts[name] for name in rest], color=plot.GRAY)
            row[1].invert_yaxis()
            row[1].set(xlabel="significant meta-features", title=title)
            for place, name in enumerate(rest):
                row[1].text(counts[name], place, f" {counts[name]}", va="center", fontsize=8)
            row[1].margins(x=0.2)
        plot.save(canvas, folder / "significant_counts")


def _grid(ax: Axes, counts: Mapping[str, int], title: str) -> None:
    values = np.array([[counts.get(method_name(path, kind), np.nan) for kind in BASELINES] for path in PATHS])
    top = np.nanmax(values) if np.isfinite(values).any() else 1.0
    ax.imshow(values, cmap="Blues", aspect="auto", vmin=0, vmax=max(top, 1.0) * 1.4)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, "" if np.isnan(value) else f"{value:.0f}", ha="center", va="center", fontsize=9)
    ax.set_xticks(range(len(BASELINES)), [name.replace("-", "-\n") for name in BASELINES])
    ax.set_yticks(range(len(PATHS)), list(PATHS))
    ax.tick_params(length=0)
    ax.set(xlabel="baseline", ylabel="path", title=title)


def features(table: pd.DataFrame, order: str, folder: Path) -> None:
    """The first meta-features of the main method: mean attribution in the class, and its effects against both nulls."""
    ranked = table.iloc[np.argsort(-table[order].abs().to_numpy(), kind="stable")]
    rows = ranked.head(MOST_FEATURES)[::-1]
    with plot.figure(7.2, 0.8 + 0.24 * len(rows), 1, 2, sharey=True, width_ratios=[2, 1.4]) as (canvas, (ax, effects)):
        colors = [plot.PURPLE if kept else "#CCCCCC" for kept in rows["significant"]]
        ax.barh(rows["meta_feature"], rows["mean_attribution"], color=colors)
        ax.axvline(0, color=plot.BLACK, linewidth=0.8)
        ax.set(xlabel="mean attribution in the class, logit", title="purple: significant")
        places = np.arange(len(rows))
        effects.plot(rows["effect_null"], places, "o", color=plot.BLUE, label="against random exons")
        effects.plot(rows["effect_reference"], places, "D", color=plot.ORANGE, label="against constitutive")
        effects.axvline(0, color=plot.BLACK, linewidth=0.8)
        effects.set(xlabel="effect, standard deviations")
        canvas.legend(*effects.get_legend_handles_labels(), loc="outside upper right", ncols=2)
        plot.save(canvas, folder / "features")


def enrichment(curves: pd.DataFrame, what: str, folder: Path) -> None:
    """Enrichment of what is known among the first meta-features of the methods (3e, S10)."""
    shown = [name for name in SHOWN if name in set(curves["method"])]
    with plot.figure(6.6, 3.4) as (canvas, ax):
        for name, color in zip(shown, cycle(LINES), strict=False):
            part = curves[curves["method"] == name]
            ax.plot(part["n"], part["enrichment"], color=color, linewidth=1.3, label=name)
        ax.set(xlabel="first meta-features", ylabel="enrichment, \N{MINUS SIGN}log10 p", title=what)
        canvas.legend(loc="outside right center")
        plot.save(canvas, folder / "enrichment")


def subsets(curve: pd.DataFrame, folder: Path) -> None:
    """Networks retrained on growing subsets (3f)."""
    with plot.figure(4.4, 3.2) as (canvas, ax):
        plot.subset_curve(ax, curve)
        ax.set(xscale="log", xlabel="number of meta-features")
        plot.save(canvas, folder / "subsets")


def set_scores(table: pd.DataFrame, folder: Path) -> None:
    """Networks retrained on each method's significant set (3g, S7); an empty set has no point."""
    scored = table.dropna(subset="auc")
    lowest = min(0.5, scored["auc"].min()) if len(scored) else 0.5
    with plot.figure(5.4, 0.8 + 0.2 * len(table)) as (canvas, ax):
        ax.axvline(0.5, color=plot.GRAY, linestyle=":", linewidth=1)
        ax.plot(table["auc"], range(len(table)), "o", color=plot.BLUE, markersize=5)
        for place, (auc, n) in enumerate(zip(table["auc"], table["n_significant"], strict=True)):
            if np.isnan(auc):
                ax.text(
                    0.02, place, "none", va="center", fontsize=7, color=plot.GRAY, transform=ax.get_yaxis_transform()
                )
            else:
                ax.annotate(f"{n}", (auc, place), (5, 0), textcoords="offset points", va="center", fontsize=7)
        ax.set_yticks(range(len(table)), table["method"], fontsize=8)
        ax.set(
            ylim=(len(table) - 0.5, -0.5), xlim=(max(lowest - 0.05, -0.02), 1.06),
            xlabel="area under the ROC curve, test (dotted: by chance)",
        )  # fmt: skip
        ax.grid(axis="x", color="#E6E6E6", linewidth=0.6)
        plot.save(canvas, folder / "set_scores")


def overlap(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Which meta-features the methods' recommended sets share (S8)."""
    shown = [name for name in SHOWN if name in tables]
    sets = {name: tables[name].loc[tables[name]["significant"], "meta_feature"].tolist() for name in shown}
    with plot.figure(7.2, 4.2, 2, 1, height_ratios=[1.4, 1.2], sharex=True) as (canvas, axes):
        plot.upset(axes, sets)
        axes[0].set_ylabel("meta-features")
        plot.save(canvas, folder / "overlap")


def latent(agreement: pd.DataFrame, folder: Path) -> None:
    """How alike distances are in several latent spaces (S3)."""
    with plot.figure(6.4, 5.2) as (canvas, ax):
        image = ax.imshow(agreement, cmap="cividis", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(agreement.to_numpy()):
            color = "white" if value < 0.6 else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
        names = [str(name) for name in agreement]
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        ax.set_yticks(range(len(names)), names, fontsize=8)
        canvas.colorbar(image, ax=ax, label="Spearman correlation of pairwise distances", shrink=0.8)
        plot.save(canvas, folder / "latent")


def p_values(values: np.ndarray, folder: Path) -> None:
    """Unadjusted p-values (draws, meta-features) of random exons against random exons, of features in use (S9)."""
    used = values[:, (values < 1).any(axis=0)]
    with plot.figure(4.2, 3.0) as (canvas, ax):
        plot.p_histogram(ax, used.reshape(-1), f"random exons, {used.shape[1]} meta-features in use")
        ax.set_ylabel("meta-features, over draws")
        plot.save(canvas, folder / "p_values")


def calibration(table: pd.DataFrame, folder: Path) -> None:
    """Predicted against measured PSI on test chromosomes."""
    with plot.figure(3.6, 3.4) as (canvas, ax):
        ax.plot([0, 1], [0, 1], "--", color=plot.GRAY, linewidth=1)
        ax.errorbar(table["predicted"], table["measured"], yerr=table["sd"], fmt="o-", color=plot.BLUE, linewidth=1)
        ax.set(xlabel="predicted PSI (tenths of the predictions)", ylabel="measured PSI, mean and SD", aspect="equal")
        plot.save(canvas, folder / "calibration")


def recovery(table: pd.DataFrame, order: str, folder: Path) -> None:
    """Average precision of the planted causes by method."""
    with plot.figure(5.4, 0.8 + 0.2 * len(table)) as (canvas, ax):
        ax.plot(table[order], range(len(table)), "o", color=plot.BLUE, markersize=5)
        ax.set_yticks(range(len(table)), table["method"], fontsize=8)
        ax.set(ylim=(len(table) - 0.5, -0.5), xlim=(0, 1.02), xlabel="average precision of planted causes")
        ax.grid(axis="x", color="#E6E6E6", linewidth=0.6)
        plot.save(canvas, folder / "recovery")
