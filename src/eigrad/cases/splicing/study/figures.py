"""The figures of a splicing study, after the paper's 1a, 3 and S3 to S10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from eigrad import plot
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.study.methods import OTHERS, Workbench
from eigrad.cases.splicing.study.settings import method_name
from eigrad.curves import traced
from eigrad.significance import ranking

PATH_COLORS = dict(zip(PATHS, (plot.BLUE, plot.SKY, plot.ORANGE, plot.PURPLE), strict=True))
PATH_DASHES = ("-", (0, (3, 2)), "-", (0, (3, 2)))  # paths through the features may lie on each other, and latent ones
EXON_COLORS = {"class": "#8CCFB9", "reference": "#C9C9C9"}  # of no path
N_STEPS = 60
MOST_FEATURES = 25
ORDER_WORDS = {
    "magnitude": "mean |attribution|",
    "t": "|t|",
    "product": "mean |attribution| \N{MULTIPLICATION SIGN} |t|",
}
CLOSE = tuple(method_name(path, "close") for path in PATHS)
SHOWN = (*CLOSE, "EIG straight, zero", *OTHERS)
BAR_COLORS = (plot.PURPLE, "#CCCCCC")  # significant, and not
# Those that come first in a figure which has no room for all.
COMPARED = (
    *CLOSE, "Deep SHAP", "GradientSHAP", "IG zero (Captum)", "gradient x input", "EIG straight, zero", "gradient",
)  # fmt: skip
# Colors and dashes of at most so many curves.
LINES = (
    (plot.BLUE, "-"), (plot.ORANGE, "-"), (plot.GREEN, (0, (6, 2))), (plot.PURPLE, (0, (3, 1.5))),
    (plot.BLACK, (0, (1, 1.5))), ("#E69F00", (0, (6, 1.5, 1, 1.5))), (plot.SKY, (0, (2, 3))), ("#8B4513", (0, (8, 4))),
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

    with plot.figure(6.2, 3.8) as (canvas, ax):
        plot.paths_in_plane(
            ax,
            {f"{name} exons": (placed(standardized[name]), color) for name, color in EXON_COLORS.items()},
            {name: (placed(bench.standardized(line).cpu().numpy()), PATH_COLORS[name]) for name, line in lines.items()},
            dashes=PATH_DASHES,
            opacity=0.7,
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
    """How many meta-features are significant by path and baseline, in the paper's and the recommended mode (3a-d).

    Only paths, baselines and other methods that were run are drawn.
    """
    modes = {"significant_paper": "paper's mode", "significant": "recommended mode"}
    cells = [(path, kind) for path in PATHS for kind in BASELINES if method_name(path, kind) in tables]
    rest = [name for name in OTHERS if name in tables]
    rows, columns = (len(set(names)) for names in zip(*cells, strict=True)) if cells else (0, 0)
    widths = [*([0.7 * columns + 1.3] if cells else []), *([2.6] if rest else [])]
    height = 1.6 + 0.6 * max(rows, 0.5 * len(rest))
    with plot.figure(
        max(3.6, sum(widths) + 1), height, 2, len(widths), width_ratios=widths, squeeze=False
    ) as (canvas, axes):  # fmt: skip
        for row, (column, title) in zip(axes, modes.items(), strict=True):
            counts = {name: int(table[column].sum()) for name, table in tables.items()}
            if cells:
                _grid(row[0], counts, cells)
            if rest:
                _bars(row[-1], {name: counts[name] for name in rest})
            for ax in row:
                ax.set_title(title)
        plot.save(canvas, folder / "significant_counts")


def _grid(ax: Axes, counts: Mapping[str, int], cells: Sequence[tuple[str, str]]) -> None:
    """Counts of paths by baselines, with a dash where the two were not run together."""
    paths = [path for path in PATHS if any(path == used for used, _ in cells)]
    kinds = [kind for kind in BASELINES if any(kind == used for _, used in cells)]
    values = np.array([[counts.get(method_name(path, kind), np.nan) for kind in kinds] for path in paths])
    ax.imshow(values, cmap="Blues", aspect="auto", vmin=0, vmax=max(np.nanmax(values), 1.0) * 1.4)
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, "\N{EN DASH}" if np.isnan(value) else f"{value:.0f}", ha="center", va="center", fontsize=9)
    ax.set_xticks(range(len(kinds)), [name.replace("-", "-\n") for name in kinds])
    ax.set_yticks(range(len(paths)), paths)
    ax.tick_params(length=0)
    ax.set(xlabel="baseline", ylabel="path")


def _bars(ax: Axes, counts: Mapping[str, int]) -> None:
    ax.barh(list(counts), list(counts.values()), color=plot.GRAY)
    ax.invert_yaxis()
    ax.set(xlabel="significant meta-features", xlim=(0, 1.2 * max(*counts.values(), 1)))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for place, n in enumerate(counts.values()):
        ax.text(n, place, f" {n}", va="center", fontsize=8)


def features(table: pd.DataFrame, order: str, folder: Path) -> None:
    """The first meta-features of the main method: attributions in the class, and its effects against both nulls."""
    rows = table.iloc[ranking(table, order)].head(MOST_FEATURES)[::-1]
    places, kept = np.arange(len(rows)), rows["significant"].to_numpy(bool)
    with plot.figure(7.2, 1.3 + 0.26 * len(rows), 1, 2, sharey=True, width_ratios=[2, 1.4]) as (canvas, (ax, effects)):
        ax.barh(places, rows["mean_attribution"], color=np.where(kept, *BAR_COLORS))
        ax.plot(rows["magnitude"], places, "|", color=plot.BLACK, markersize=7, label="mean |attribution|")
        ax.set_yticks(places, rows["meta_feature"])
        ax.axvline(0, color=plot.BLACK, linewidth=0.8)
        ax.set(xlabel="attribution in the class, log odds", title=f"ordered by {ORDER_WORDS[order]}")
        for column, shift, marker, color, label in (
            ("effect_null", 0.16, "o", plot.BLUE, "effect against random exons"),
            ("effect_reference", -0.16, "D", plot.ORANGE, "effect against constitutive exons"),
        ):
            effects.plot(rows[column], places + shift, marker, color=color, markersize=4, label=label)
        effects.axvline(0, color=plot.BLACK, linewidth=0.8)
        effects.set(xlabel="effect, standard deviations")
        effects.set_ylim(-0.7, len(rows) - 0.3)
        said = ("significant", "not significant") if table["significant"].any() else ("", "none significant")
        bars = [
            Patch(color=color, label=f"mean attribution, {text}")
            for color, text in zip(BAR_COLORS, said, strict=True)
            if text
        ]
        canvas.legend(handles=[*bars, *ax.lines[:1], *effects.lines[:2]], loc="outside upper center", ncols=2)
        plot.save(canvas, folder / "features")


def enrichment(curves: pd.DataFrame, what: str, main: str, folder: Path) -> None:
    """Enrichment of what is known among the first meta-features, of the main method and a few others (3e, S10)."""
    there = set(curves["method"])
    shown = [name for name in dict.fromkeys((main, *COMPARED)) if name in there]
    with plot.figure(7.0, 3.4) as (canvas, ax):
        for place, (name, (color, dashes)) in enumerate(zip(shown, LINES, strict=False)):
            part = curves[curves["method"] == name]
            # Each line is thinner than those it may lie on.
            width = 1.2 if place else 2.6
            ax.plot(part["n"], part["enrichment"], color=color, linestyle=dashes, linewidth=width, label=name)
        ylabel = "hypergeometric test, \N{MINUS SIGN}log10 p"
        ax.set(xlabel="first meta-features", ylabel=ylabel, title=f"enrichment of {what}")
        canvas.legend(loc="outside right center", handlelength=3.5)
        plot.save(canvas, folder / "enrichment")


def subsets(curve: pd.DataFrame, folder: Path) -> None:
    """Networks retrained on growing subsets (3f)."""
    with plot.figure(4.4, 3.2) as (canvas, ax):
        plot.subset_curve(ax, curve, "first meta-features, best first")
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
    with plot.figure(6.6, 5.2) as (canvas, ax):
        image = ax.imshow(agreement, cmap="cividis", vmin=0, vmax=1, aspect="auto")  # "equal" crops the long names
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
