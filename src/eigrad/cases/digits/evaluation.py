"""What the digits study measures: worth of the significant pixels, and accuracy of the integrals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from eigrad.cases.digits.explain import Explanation, Study
from eigrad.competitors import Margin, beside_network
from eigrad.data import Examples
from eigrad.evaluate import binary_problem, growing_subsets, subset_score
from eigrad.progress import track

SIZES = (1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200)
RANDOM_REPEATS = 5
CONVERGENCE_POINTS = (25, 50, 100, 250)
CONVERGENCE_SAMPLES = 30


def binary_accuracies(study: Study, explanations: dict[int, Explanation]) -> pd.DataFrame:
    """For each other digit: held-out accuracy on all pixels, on the significant ones, on as many random ones."""
    sample, seed = study.settings.sample, study.settings.seed
    rows = []
    for digit, explanation in track(explanations.items(), "two-digit classifiers", len(explanations)):
        train, test = (binary_problem(part, sample, digit) for part in (study.digits.train, study.digits.test))
        significant = np.flatnonzero(explanation.kept)
        rng = np.random.default_rng((seed, digit))
        random = rng.choice(train.n_features, max(1, len(significant)), replace=False)
        chosen = {"all": np.arange(train.n_features), "significant": significant, "random": random}
        accuracy = {
            name: subset_score(train, test, features, seed=seed) if len(features) else _majority(train, test)
            for name, features in chosen.items()
        }
        rows.append(
            {
                "digit": digit,
                **{f"accuracy_{name}": value for name, value in accuracy.items()},
                "loss": accuracy["all"] - accuracy["significant"],
                "n_significant": len(significant),
                "n_test": len(test),
            }
        )
    return pd.DataFrame(rows)


def _majority(train: Examples, test: Examples) -> float:
    """Accuracy without any feature: of always saying the more frequent digit."""
    labels, counts = np.unique(train.labels, return_counts=True)
    return float(np.mean(test.labels == labels[counts.argmax()]))


def subset_curve(study: Study, explanation: Explanation) -> pd.DataFrame:
    """Held-out accuracy with growing subsets of the significant pixels and of random ones."""
    settings = study.settings
    train, test = (
        binary_problem(part, settings.sample, settings.baseline) for part in (study.digits.train, study.digits.test)
    )
    order = explanation.ranked()
    if len(order) == 0:
        return pd.DataFrame(columns=["n_pixels", "accuracy_significant", "accuracy_random", "accuracy_random_sd"])
    sizes = sorted({*(size for size in SIZES if size < len(order)), len(order)})
    repeats = 2 if settings.quick else RANDOM_REPEATS
    curve = growing_subsets(train, test, order, sizes, repeats=repeats, seed=settings.seed)
    return curve.rename(columns={"n_features": "n_pixels"})


def without_network(study: Study) -> pd.DataFrame:
    """How well a forest and a sparse linear model tell the two digits apart, beside the network of figure 2a."""
    settings = study.settings
    train, test = (
        binary_problem(part, settings.sample, settings.baseline) for part in (study.digits.train, study.digits.test)
    )
    margin = Margin(study.models["vae"].network, settings.sample, settings.baseline)
    return beside_network(margin, train, test, settings.sample, seed=settings.seed)


def convergence(study: Study) -> pd.DataFrame:
    """Completeness gaps on the logit, relative to |F(x) - F(x')|, by network, path and number of points."""
    n = 20 if study.settings.quick else CONVERGENCE_SAMPLES
    images = study.images.sample.values[:n]
    points = sorted({*CONVERGENCE_POINTS, study.settings.n_points})
    cases = [(kind, path, k) for kind, path in study.paths for k in points]
    rows = []
    for kind, path, n_points in track(cases, "convergence", len(cases)):
        explainer = study.explainer(
            kind, study.settings.baseline, path=path, n_points=n_points, logits=True, progress=False
        )
        gap = explainer(images).relative_gap.flatten().numpy()
        median, p95 = np.quantile(gap, [0.5, 0.95])
        rows.append({"network": kind, "path": path, "n_points": n_points, "median": median, "p95": p95})
    return pd.DataFrame(rows)
