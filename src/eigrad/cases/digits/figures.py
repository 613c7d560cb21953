"""The figures of the digits study, numbered as in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from eigrad import plot
from eigrad.cases.digits.explain import Explanation, Study
from eigrad.cases.options import BASELINES
from eigrad.curves import traced

PATH_NAMES = {
    "straight": "straight line (O-L-IG)",
    "neighbors": "neighbors (O-N-IG)",
    "latent-straight": "latent straight line (H-L-IG)",
    "latent-neighbors": "latent neighbors (H-N-IG)",
}
PATH_COLORS = dict(zip(PATH_NAMES, (plot.BLACK, plot.BLUE, plot.ORANGE, plot.GREEN), strict=True))
NETWORK_NAMES = {
    "vae": "classifier on a VAE",
    "cnn": "CNN",
    "cvae": "classifier on a convolutional VAE",
}
CURVE_POINTS = 200
BASELINES_SHOWN = 5  # of each kind, where there are more


def paths_of_one_sample(study: Study, folder: Path) -> None:
    """Figure 1a: the four paths of one sample, in the plane of the first two principal components."""
    settings = study.settings
    train = study.digits.train
    classes = {
        digit: train.of_class(digit).values.reshape(-1, train.n_features)
        for digit in (settings.baseline, settings.sample)
    }
    plane = PCA(2, svd_solver="full").fit(np.concatenate(list(classes.values())))
    end = torch.from_numpy(study.images.sample.values[:1])
    start = study.explainer("vae", settings.baseline).baseline(end)[:, 0]
    lines = {}
    for name, label in PATH_NAMES.items():
        points = traced(study.paths["vae", name].between(start, end), CURVE_POINTS).flatten(1).numpy()
        lines[label] = (plane.transform(points), PATH_COLORS[name])
    colors = (plot.SKY, plot.PURPLE)
    scattered = {
        f"images of {digit}": (plane.transform(values[:1000]), color)
        for (digit, values), color in zip(classes.items(), colors, strict=True)
    }
    with plot.figure(7.0, 4.2) as (canvas, ax):
        plot.paths_in_plane(ax, scattered, lines)
        plot.save(canvas, folder / "1a_paths")


def baselines_as_images(study: Study, folder: Path) -> None:
    """Figure 1b: what every kind of baseline gives the first sample, beside the sample."""
    settings = study.settings
    sample = torch.from_numpy(study.images.sample.values[:1])
    points = study.baseline_points(settings.baseline)
    columns = {"sample": sample[:, None]}
    for name, make in BASELINES.items():
        columns[name] = make(points, settings.n_baselines, settings.seed, study.autoencoder("vae"))(sample)
    n_rows = min(BASELINES_SHOWN, max(images.shape[1] for images in columns.values()))
    with plot.figure(1.2 * len(columns), 1.2 * n_rows + 0.3, n_rows, len(columns), squeeze=False) as (canvas, axes):
        for line, (name, images) in zip(axes.T, columns.items(), strict=True):
            plot.image_strip(line, images[0, :n_rows, 0].numpy(), name)
        plot.save(canvas, folder / "1b_baselines")


def significant_features(study: Study, kind: str, explanation: Explanation, name: str, folder: Path) -> None:
    """Figures 2a-c: mean attribution, its direction map, and the direction map of the significant features."""
    settings, shape = study.settings, study.digits.train.shape[-2:]
    digit = study.images.sample.values.mean(0).reshape(shape)
    signed = explanation.sample.values.mean(0).numpy().reshape(shape)
    direction = explanation.sample.direction.mean(0).numpy().reshape(shape)
    feature = "pixels" if explanation.groups is None else "patches"
    n = int(explanation.table["significant"].sum())
    limit = plot.strongest(signed, direction)
    with plot.figure(9.0, 3.3, 1, 3) as (canvas, axes):
        plot.image_map(axes[0], signed, digit, limit=limit, title="mean attribution a", label=None)
        plot.image_map(axes[1], direction, digit, limit=limit, title="direction map, a × sign(x − x')", label=None)
        plot.image_map(
            axes[2], direction, digit, kept=explanation.kept.reshape(shape), limit=limit,
            title=f"{n} significant {feature}", label=None,
        )  # fmt: skip
        plot.color_bar(axes, limit, f"change in the probability of {settings.sample}")
        canvas.suptitle(f"{settings.sample} against {settings.baseline}: {NETWORK_NAMES[kind]}", fontsize=10)
        plot.save(canvas, folder / name)


def binary_accuracies(study: Study, table: pd.DataFrame, folder: Path) -> None:
    """Figure 2d: test accuracy of two-digit classifiers on all, significant and random pixels."""
    series = {
        "accuracy_all": ("all pixels", plot.BLACK, "o"),
        "accuracy_significant": ("significant pixels", plot.ORANGE, "D"),
        "accuracy_random": ("as many random pixels", plot.BLUE, "s"),
    }
    with plot.figure(7.0, 3.4) as (canvas, ax):
        plot.accuracies(ax, table, "digit", series)
        ax.set_xlabel(f"digit told apart from {study.settings.sample}")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        plot.save(canvas, folder / "2d_binary")


def subset_curve(curve: pd.DataFrame, folder: Path) -> None:
    """Figure 2e: test accuracy with growing subsets of pixels."""
    with plot.figure(5.0, 3.4) as (canvas, ax):
        plot.subset_curve(ax, curve.rename(columns={"n_pixels": "n_features"}))
        ax.set_xlabel("number of pixels")
        plot.save(canvas, folder / "2e_curve")


def convergence(table: pd.DataFrame, folder: Path) -> None:
    """Figure S4: completeness gap against the number of points, for every network."""
    with plot.figure(11.0, 3.4, 1, 3, sharey=True) as (canvas, axes):
        for ax, (kind, name) in zip(axes, NETWORK_NAMES.items(), strict=True):
            rows = table[table["network"] == kind]
            there = {path: label for path, label in PATH_NAMES.items() if path in set(rows["path"])}
            plot.convergence(ax, rows, there, {path: PATH_COLORS[path] for path in there})
            ax.set_title(name)
        for ax in axes:
            ax.get_legend().remove()
        for ax in axes[1:]:
            ax.set_ylabel("")
        title = "95th percentile (dotted: median)"
        canvas.legend(*axes[0].get_legend_handles_labels(), title=title, loc="outside right center")
        plot.save(canvas, folder / "S4_convergence")


def null_p_values(p_values: NDArray[Any], folder: Path) -> None:
    """Figure S5: p-values of random images against random images, of pixels that vary."""
    with plot.figure(5.0, 3.4) as (canvas, ax):
        plot.p_histogram(ax, p_values, "random images against random images")
        ax.set_ylabel("pixels")
        plot.save(canvas, folder / "S5_null")


def p_values(study: Study, explanation: Explanation, folder: Path) -> None:
    """Figure S6: p-values of the study, of all pixels, and of those neither dead nor significant."""
    table = explanation.table
    inked = np.concatenate([images.values for images in (study.images.sample, study.images.null)]).any(0).reshape(-1)
    rest = table[inked & ~table["significant"]]
    with plot.figure(8.0, 3.4, 1, 2) as (canvas, axes):
        plot.p_histogram(axes[0], table["p_value"].to_numpy(), f"all {len(table)} pixels")
        plot.p_histogram(axes[1], rest["p_value"].to_numpy(), f"{len(rest)} neither dead nor significant")
        for ax in axes:
            ax.set_ylabel("pixels")
        plot.save(canvas, folder / "S6_p_values")


def networks_of_nothing(study: Study, explanations: Mapping[str, Explanation], folder: Path) -> None:
    """Figure S13: significant pixels of the trained network, of a random one and of one trained on shuffled labels."""
    shape = study.digits.train.shape[-2:]
    digit = study.images.sample.values.mean(0).reshape(shape)
    with plot.figure(9.0, 3.3, 1, len(explanations)) as (canvas, axes):
        for ax, (name, explanation) in zip(axes, explanations.items(), strict=True):
            direction = explanation.sample.direction.mean(0).numpy().reshape(shape)
            kept = explanation.kept.reshape(shape)
            plot.image_map(
                ax, direction, digit, kept=kept, limit=plot.strongest(direction), label=None,
                title=f"{name}: {kept.sum()} significant",
            )  # fmt: skip
        plot.save(canvas, folder / "S13_networks")


def planted_power(power: pd.DataFrame, folder: Path) -> None:
    """Figure S14: which differences planted among null images the test finds."""
    with plot.figure(5.0, 3.4) as (canvas, ax):
        plot.power_curve(ax, power)
        plot.save(canvas, folder / "S14_power")
