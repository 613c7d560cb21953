"""Whether another seed, architecture or sample of the data would have said the same."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import pdist

from eigrad.evaluate.overlap import jaccard

_MOST_SAMPLES = 5000  # whose 12.5 million distances are ranked in seconds


def distance_agreement(spaces: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Spearman correlations of the pairwise (Euclidean) distances between the same samples in several spaces.

    `spaces` are arrays (samples, dimensions), of as many dimensions each as they like: latent codes of autoencoders of
    other seeds, architectures or training samples, and the features themselves. 1 where two spaces order pairs alike.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in spaces.items()}
    sizes = {name: values.shape for name, values in arrays.items()}
    if (
        not arrays
        or any(len(shape) != 2 for shape in sizes.values())
        or len({shape[0] for shape in sizes.values()}) > 1
    ):
        raise ValueError(
            f"distance_agreement: got spaces of shapes {sizes}, expected (samples, dimensions) of the same samples"
        )
    n_samples = next(iter(sizes.values()))[0]
    if not 3 <= n_samples <= _MOST_SAMPLES:
        raise ValueError(f"distance_agreement: got {n_samples:,} samples, expected 3 to {_MOST_SAMPLES:,}: draw some")
    ranks = _ranks({name: pdist(values) for name, values in arrays.items()}, "distance_agreement: the distances in")
    return pd.DataFrame(np.atleast_2d(np.corrcoef(ranks)), index=list(arrays), columns=list(arrays))


def seed_agreement(scores: Mapping[str, np.ndarray], first: int = 30) -> dict[str, float]:
    """How alike several orders of the same features are, such as those of networks of other seeds: means over pairs.

    "jaccard": the mean overlap of their `first` features, the largest scores that are not zero; "spearman": the mean
    correlation of all.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in scores.items()}
    lengths = {len(values) for values in arrays.values()}
    if len(arrays) < 2 or len(lengths) > 1 or not 1 <= first <= min(lengths):
        raise ValueError(
            f"seed_agreement: got {len(arrays)} orders of {sorted(lengths)} features and their first {first}, expected "
            "two or more of the same features, and no more than there are"
        )
    above = np.triu_indices(len(arrays), 1)
    if not all(np.isfinite(values).all() for values in arrays.values()):
        raise ValueError("seed_agreement: got scores that are NaN or infinite, expected finite ones")
    overlap = jaccard({name: _largest(values, first) for name, values in arrays.items()})
    ranks = _ranks(arrays, "seed_agreement: the scores of")
    return {
        "jaccard": float(overlap.to_numpy()[above].mean()),
        "spearman": float(np.corrcoef(ranks)[above].mean()),
    }


def _ranks(arrays: Mapping[str, np.ndarray], what: str) -> np.ndarray:
    """Ranks of every array's values; ValueError where one puts them in no order."""
    for name, values in arrays.items():
        if np.ptp(values) == 0:
            raise ValueError(f"{what} {name!r} are all the same, expected some that differ")
    return np.stack([stats.rankdata(values) for values in arrays.values()])


def _largest(values: np.ndarray, n: int) -> list[int]:
    """The places of the n largest values, but zeros: what is not used at all is in no order."""
    order = np.argsort(-values, kind="stable")[:n]
    return [int(place) for place in order if values[place] != 0]
