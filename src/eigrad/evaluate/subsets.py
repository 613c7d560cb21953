"""What chosen features are worth: the accuracy of a classifier retrained on them alone."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eigrad.data import Examples
from eigrad.progress import track

Index = Int[np.ndarray, " _"]


def binary_problem(examples: Examples, first: int, second: int) -> Examples:
    """The examples of two labels, in their order."""
    if first == second:
        raise ValueError(f"both labels are {first}; expected two different ones.")
    for label in (first, second):
        if not (examples.labels == label).any():
            known = ", ".join(map(str, np.unique(examples.labels)))
            raise ValueError(f"no example has label {label}; the labels there are: {known}.")
    return examples.take(np.flatnonzero(np.isin(examples.labels, (first, second))))


def subset_accuracy(
    train: Examples,
    test: Examples,
    features: np.ndarray | Sequence[int],
    *,
    classifier: BaseEstimator | None = None,
    seed: int = 0,
) -> float:
    """Accuracy on `test` of a classifier that was trained on these features of `train` alone.

    `features` index the flattened sample. `classifier` is any scikit-learn classifier: it is
    cloned, and its random states are set to `seed`. Without one, a network of one hidden layer is
    trained on standardized features, as in Fig. 2 of Jha et al. (2020).
    """
    if train.n_features != test.n_features:
        raise ValueError(
            f"train has {train.n_features:,} features and test {test.n_features:,}; expected the same in both."
        )
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
    return float(np.mean(model.predict(_columns(test, chosen)) == test.labels))


def growing_subsets(
    train: Examples,
    test: Examples,
    order: np.ndarray | Sequence[int],
    sizes: np.ndarray | Sequence[int],
    *,
    repeats: int,
    seed: int,
    classifier: BaseEstimator | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Accuracy on the first n features of `order` and on n random ones, one row a size.

    `order` names the features best first. A random order is drawn from *all* features for each of
    the `repeats`, and grown like `order`; `accuracy_random` is the mean over the repeats and
    `accuracy_random_sd` their standard deviation (NaN for a single repeat).
    """
    ranked = _checked(order, "order", train.n_features)
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
    orders = [ranked, *(rng.permutation(train.n_features) for _ in range(repeats))]
    jobs = [features[:size] for size in sizes for features in orders]
    accuracy = [
        subset_accuracy(train, test, features, classifier=classifier, seed=seed)
        for features in track(jobs, "retraining on subsets", len(jobs), enabled=progress)
    ]
    by_size = np.reshape(accuracy, (len(sizes), len(orders)))
    drawn = pd.DataFrame(by_size[:, 1:])
    return pd.DataFrame(
        {
            "n_features": list(sizes),
            "accuracy_significant": by_size[:, 0],
            "accuracy_random": drawn.mean(axis=1),
            "accuracy_random_sd": drawn.std(axis=1, ddof=1),
        }
    )


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
