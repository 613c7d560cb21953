"""What the data say without the network that is explained: a test of each feature, a forest, a sparse linear model.

Each gives a score a feature, the larger the more it matters, and where it predicts, how well on held-out rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from eigrad.data import Examples
from eigrad.significance.prepare import as_labels
from eigrad.training import predict

PerFeature = Float64[np.ndarray, " features"]


@dataclass(frozen=True)
class Found:
    """A score for every feature, and of held-out rows, the larger the more of the class (None: it predicts nothing)."""

    score: PerFeature
    predicted: Float64[np.ndarray, " rows"] | None

    def auc(self, y: np.ndarray) -> float | None:
        """The area under the ROC curve, `y` whether each held-out row is of the class."""
        return None if self.predicted is None else float(roc_auc_score(y, self.predicted))


# training rows (samples, features), whether each is of the class and not of the reference, held-out rows, a seed
NetworkFree = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Found]


def t_test(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, seed: int) -> Found:
    """The size of Welch's t between class and reference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that hardly varies
        of_class = np.asarray(y, dtype=bool)
        t = stats.ttest_ind(x[of_class], x[~of_class], equal_var=False).statistic
    return Found(np.abs(np.nan_to_num(np.asarray(t, dtype=np.float64))), None)


def random_forest(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, seed: int) -> Found:
    """Mean decrease of impurity in a forest of 200 trees."""
    forest = RandomForestClassifier(200, random_state=seed, n_jobs=1).fit(x, y)
    return Found(forest.feature_importances_.astype(np.float64), forest.predict_proba(held_out)[:, 1])


def l1_logistic(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, seed: int) -> Found:
    """Coefficients of standardized features; the penalty is chosen by cross-validated log loss."""
    linear = LogisticRegressionCV(
        Cs=np.logspace(-2.5, 0, 8), cv=3, l1_ratios=(1.0,), solver="liblinear", scoring="neg_log_loss",
        random_state=seed, use_legacy_attributes=False,
    )  # fmt: skip
    model = make_pipeline(StandardScaler(), linear).fit(x, y)
    coefficients = np.abs(np.asarray(linear.coef_, dtype=np.float64)).reshape(-1)
    return Found(coefficients, np.asarray(model.decision_function(held_out), dtype=np.float64))


NETWORK_FREE: dict[str, NetworkFree] = {
    "t-test on inputs": t_test,
    "random forest": random_forest,
    "L1 logistic": l1_logistic,
}


def beside_network(
    score: nn.Module, train: Examples, test: Examples, label: int, *, n_resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """How well a network tells a class from a reference, and what does so without it, on the same held-out rows.

    `train` and `test` hold the two classes; `score` gives one number a row, the larger the more of the class. One row a
    method, the network first: method, auc, `lead` (its area under the ROC curve over the network's) with `lead_low` and
    `lead_high`, the 95 % interval by bootstrap of the held-out rows, and `better`, whether that interval lies above 0.
    """
    x, held_out = (part.values.reshape(len(part), -1) for part in (train, test))
    for name, part in (("train", train), ("test", test)):
        there = np.unique(part.labels).tolist()
        if len(there) != 2 or label not in there:
            raise ValueError(f"beside_network: {name} has the labels {there}, expected {label} and one other")
    y, held_out_y = train.labels == label, test.labels == label
    margin = predict(score, torch.from_numpy(test.values)).numpy().reshape(-1).astype(np.float64)
    found = {name: find(x, y, held_out, seed).predicted for name, find in NETWORK_FREE.items()}
    predicted = {"the network": margin, **{name: values for name, values in found.items() if values is not None}}
    rng = np.random.default_rng(seed)
    resamples = [rng.integers(0, len(test), len(test)) for _ in range(n_resamples)]
    resamples = [rows for rows in resamples if 0 < held_out_y[rows].sum() < len(rows)]
    of_network = np.array([roc_auc_score(held_out_y[rows], margin[rows]) for rows in resamples])
    table = []
    for name, values in predicted.items():
        auc = roc_auc_score(held_out_y, values)
        drawn = np.array([roc_auc_score(held_out_y[rows], values[rows]) for rows in resamples]) - of_network
        low, high = np.quantile(drawn, [0.025, 0.975])
        lead = auc - roc_auc_score(held_out_y, margin)
        table.append((name, auc, lead, low, high, low > 0))
    return pd.DataFrame(table, columns=["method", "auc", "lead", "lead_low", "lead_high", "better"])


def permutation_importance(
    score: nn.Module,
    x: np.ndarray,
    y: np.ndarray | Sequence[bool],
    groups: Iterable[Hashable],
    *,
    repeats: int = 5,
    seed: int,
) -> Float64[np.ndarray, " groups"]:
    """By how much the log loss of a score, as log odds of the class, rises where a group's features are permuted.

    One number a group, in order of first appearance: its features are permuted together, the mean over `repeats`.
    """
    rng, labels, y = np.random.default_rng(seed), as_labels(groups), np.asarray(y, dtype=bool)
    if len(labels) != x.shape[1] or len(y) != len(x):
        raise ValueError(
            f"permutation importance: got {len(labels)} groups and {len(y)} labels for values of shape {x.shape}, "
            "expected one for each feature and one for each sample"
        )

    def loss(values: np.ndarray) -> float:
        odds = predict(score, torch.from_numpy(values)).numpy().reshape(-1).astype(np.float64)
        return float(log_loss(y, 1 / (1 + np.exp(-odds))))

    before, found = loss(x), []
    for group in dict.fromkeys(labels):
        columns, rises = np.array([label == group for label in labels]), []
        for _ in range(repeats):
            changed = x.copy()
            changed[:, columns] = x[rng.permutation(len(x))][:, columns]
            rises.append(loss(changed) - before)
        found.append(np.mean(rises))
    return np.array(found)
