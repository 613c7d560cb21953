"""What chosen features are worth: the score of a classifier retrained on them alone."""

import warnings
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eigrad.data import Examples
from eigrad.progress import track

Index = Int[np.ndarray, " _"]
METRICS = ("accuracy", "auc")


def binary_problem(examples: Examples, first: int, second: int) -> Examples:
    """The examples of two labels, in their order."""
    if first == second:
        raise ValueError(f"both labels are {first}; expected two different ones.")
    for label in (first, second):
        if not (examples.labels == label).any():
            known = ", ".join(map(str, np.unique(examples.labels)))
            raise ValueError(f"no example has label {label}; the labels there are: {known}.")
    return examples.take(np.flatnonzero(np.isin(examples.labels, (first, second))))


def subset_score(
    train: Examples,
    test: Examples,
    features: np.ndarray | Sequence[int],
    *,
    classifier: BaseEstimator | None = None,
    metric: str = "accuracy",
    seed: int = 0,
) -> float:
    """Score on `test` of a classifier that was trained on these features of `train` alone.

    `features` index the flattened sample. `metric` is "accuracy", or of two labels "auc": the area under the ROC curve
    of the larger label's probability. `classifier` is any scikit-learn classifier: it is
    cloned, and its random states are set to `seed`. Without one, a network of one hidden layer is
    trained on standardized features, as in Fig. 2 of Jha et al. (2020).
    """
    if train.n_features != test.n_features:
        raise ValueError(
            f"train has {train.n_features:,} features and test {test.n_features:,}; expected the same in both."
        )
    _require_metric(metric, train, test)
    chosen = _checked(features, "features", train.n_features)
    model = _seeded(_network() if classifier is None else classifier, seed)
    with warnings.catch_warnings():
        # Early stopping and a cap on the epochs end the training, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Ctrl-C ends the training of scikit-learn's networks, which then only warn.
        warnings.filterwarnings("error", "Training interrupted by user", UserWarning)
        try:
            model.fit(_columns(train, chosen), train.labels)
        except UserWarning as warning:
            if "Training interrupted by user" not in str(warning):
                raise
            raise KeyboardInterrupt from warning
    if metric == "auc":
        larger = int(model.classes_.argmax())
        predicted = model.predict_proba(_columns(test, chosen))[:, larger]
        return float(roc_auc_score(test.labels == model.classes_[larger], predicted))
    return float(np.mean(model.predict(_columns(test, chosen)) == test.labels))


def _require_metric(metric: str, train: Examples, test: Examples) -> None:
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; expected one of {', '.join(METRICS)}.")
    if metric == "auc" and any(len(np.unique(part.labels)) != 2 for part in (train, test)):
        raise ValueError("metric is 'auc' for other than two labels; expected two in both train and test.")


def growing_subsets(
    train: Examples,
    test: Examples,
    order: np.ndarray | Sequence[int],
    sizes: np.ndarray | Sequence[int],
    *,
    repeats: int,
    seed: int,
    groups: Iterable[Hashable] | None = None,
    classifier: BaseEstimator | None = None,
    metric: str = "accuracy",
    progress: bool = True,
) -> pd.DataFrame:
    """Scores on the first n features of `order` and on n random ones, one row a size.

    `order` names the features best first; with `groups`, a label for each feature, it names groups by their number in
    order of first appearance, and a group comes with all its features. A random order is drawn from *all* of them for
    each of the `repeats`, and grown like `order`. `metric` is that of `subset_score`; columns are named after it:
    `accuracy_random` is the mean over the repeats and `accuracy_random_sd` their standard deviation (NaN for a single
    repeat).
    """
    members = _members(train.n_features, groups)
    ranked = _checked(order, "order", len(members))
    if not len(sizes):
        raise ValueError("sizes is empty; expected at least one number of features.")
    for size in sizes:
        if not 1 <= size <= len(ranked):
            raise ValueError(
                f"a subset of {size:,} features was asked of an order of {len(ranked):,}; "
                f"expected sizes from 1 to {len(ranked):,}."
            )
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; expected at least 1.")
    rng = np.random.default_rng(seed)
    orders = [ranked, *(rng.permutation(len(members)) for _ in range(repeats))]
    jobs = [chosen[:size] for size in sizes for chosen in orders]
    scores = [
        subset_score(
            train, test, np.concatenate([members[i] for i in chosen]), classifier=classifier, metric=metric, seed=seed
        )
        for chosen in track(jobs, "retraining on subsets", len(jobs), enabled=progress)
    ]
    by_size = np.reshape(scores, (len(sizes), len(orders)))
    drawn = pd.DataFrame(by_size[:, 1:])
    return pd.DataFrame(
        {
            "n_features": list(sizes),
            f"{metric}_significant": by_size[:, 0],
            f"{metric}_random": drawn.mean(axis=1),
            f"{metric}_random_sd": drawn.std(axis=1, ddof=1),
        }
    )


def _members(n_features: int, groups: Iterable[Hashable] | None) -> list[Index]:
    """The features of every group."""
    if groups is None:
        return [np.array([i]) for i in range(n_features)]
    labels = list(groups)
    if len(labels) != n_features:
        raise ValueError(f"groups has {len(labels):,} labels; expected one for each of the {n_features:,} features.")
    codes, found = pd.factorize(pd.Series(labels, dtype=object))
    return [np.flatnonzero(codes == code) for code in range(len(found))]


def _network() -> BaseEstimator:
    network = MLPClassifier(
        hidden_layer_sizes=(64,),
        batch_size=64,
        learning_rate_init=3e-3,
        early_stopping=True,
        n_iter_no_change=5,
        max_iter=60,
    )
    return make_pipeline(StandardScaler(), network)


def _seeded(classifier: BaseEstimator, seed: int) -> BaseEstimator:
    """A copy whose random states, its parts' included, are the seed."""
    model = clone(classifier)
    states = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
    return model.set_params(**dict.fromkeys(states, seed))


def _columns(examples: Examples, chosen: Index) -> np.ndarray:
    values: np.ndarray = examples.values
    return values.reshape(len(examples), -1)[:, chosen]


def _checked(features: np.ndarray | Sequence[int], name: str, n_features: int) -> Index:
    chosen = np.asarray(features)
    if chosen.ndim != 1 or len(chosen) == 0 or chosen.dtype.kind not in "iu":
        raise ValueError(f"{name} is {chosen.dtype} of shape {chosen.shape}; expected a list of feature numbers.")
    if chosen.min() < 0 or chosen.max() >= n_features:
        raise ValueError(f"{name} has numbers from {chosen.min()} to {chosen.max()}; expected 0 to {n_features - 1}.")
    if len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"{name} names a feature twice; expected each at most once.")
    return chosen
