"""What the data say without the network that is explained: a test of each feature, a forest, a sparse linear model.

Each gives a score a feature, the larger the more it matters, and where it predicts, how well on held-out rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from eigrad.training import predict

PerFeature = Float64[np.ndarray, " features"]


@dataclass(frozen=True)
class Found:
    """A score for every feature, and the area under the ROC curve on held-out rows (None: it predicts nothing)."""

    score: PerFeature
    auc: float | None


# training rows (samples, features), whether each is of the class and not of the reference, the same held out, a seed
NetworkFree = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], Found]


def t_test(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, held_out_y: np.ndarray, seed: int) -> Found:
    """The size of Welch's t between class and reference."""
    t = stats.ttest_ind(x[y], x[~y], equal_var=False).statistic
    return Found(np.abs(np.nan_to_num(np.asarray(t, dtype=np.float64))), None)


def random_forest(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, held_out_y: np.ndarray, seed: int) -> Found:
    """Mean decrease of impurity in a forest of 200 trees."""
    forest = RandomForestClassifier(200, random_state=seed, n_jobs=1).fit(x, y)
    auc = roc_auc_score(held_out_y, forest.predict_proba(held_out)[:, 1])
    return Found(forest.feature_importances_.astype(np.float64), float(auc))


def l1_logistic(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, held_out_y: np.ndarray, seed: int) -> Found:
    """Coefficients of standardized features; the penalty is chosen by cross-validated log loss."""
    linear = LogisticRegressionCV(
        Cs=np.logspace(-2.5, 0, 8), cv=3, l1_ratios=(1.0,), solver="liblinear", scoring="neg_log_loss",
        random_state=seed, use_legacy_attributes=False,
    )  # fmt: skip
    model = make_pipeline(StandardScaler(), linear).fit(x, y)
    auc = roc_auc_score(held_out_y, model.decision_function(held_out))
    return Found(np.abs(np.asarray(linear.coef_, dtype=np.float64)).reshape(-1), float(auc))


NETWORK_FREE: dict[str, NetworkFree] = {
    "t-test on inputs": t_test,
    "random forest": random_forest,
    "L1 logistic": l1_logistic,
}


def permutation_importance(
    score: nn.Module, x: np.ndarray, y: np.ndarray, groups: np.ndarray, *, repeats: int = 5, seed: int
) -> Float64[np.ndarray, " groups"]:
    """By how much the log loss of a score, as log odds of the class, rises where a group's features are permuted.

    One number a group, in order of first appearance: its features are permuted together, the mean over `repeats`.
    """
    rng = np.random.default_rng(seed)

    def loss(values: np.ndarray) -> float:
        odds = predict(score, torch.from_numpy(values)).numpy().reshape(-1).astype(np.float64)
        return float(log_loss(y, 1 / (1 + np.exp(-odds))))

    before, found = loss(x), []
    for group in dict.fromkeys(groups):
        columns, rises = groups == group, []
        for _ in range(repeats):
            changed = x.copy()
            changed[:, columns] = x[rng.permutation(len(x))][:, columns]
            rises.append(loss(changed) - before)
        found.append(np.mean(rises))
    return np.array(found)
