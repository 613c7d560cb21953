"""Meta-features: a label for each feature, ready for the `groups` of significance.

Features that say the same share their attribution in a way the training decides; what they have in all does not depend
on it.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from eigrad.significance.prepare import Attributed, as_labels, as_matrix

_MOST_FEATURES = 30_000  # whose distances fit in 4 GB


def patches(shape: tuple[int, ...], size: int) -> np.ndarray:
    """A label for each pixel: the patch of `size` x `size` pixels it lies in, as "r03-05 c06-08".

    `shape` is (height, width) or (channels, height, width); the channels of a pixel share its
    patch. Where `size` does not divide the image the last patches are smaller. Labels are in the
    order of the flattened image, ready for the `groups` of significance.
    """
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"shape is {tuple(shape)}; expected (height, width) or (channels, height, width).")
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1 pixel.")
    rows, columns = (_spans(letter, length, size) for letter, length in zip("rc", shape[-2:], strict=True))
    image = [f"{row} {column}" for row in rows for column in columns]
    return np.tile(np.array(image, dtype=object), shape[0] if len(shape) == 3 else 1)


def _spans(letter: str, length: int, size: int) -> list[str]:
    """The span of pixels, both ends included, that each row or column belongs to."""
    digits = len(str(length - 1))
    starts = [position // size * size for position in range(length)]
    return [f"{letter}{start:0{digits}}-{min(start + size, length) - 1:0{digits}}" for start in starts]


def correlated(
    values: Attributed,
    threshold: float = 0.7,
    *,
    feature_names: Iterable[Hashable] | None = None,
    method: str = "pearson",
) -> np.ndarray:
    """Group features whose values (samples, features), of inputs say, are correlated.

    Average linkage: two groups are joined while the mean |correlation| between their members is at least `threshold`.
    `method` is "pearson" or "spearman" (of ranks). A group is named after its most central member, as "gc_content +3"
    where it has three others; a feature on its own, and one that does not vary, keeps its name.
    """
    matrix = as_matrix(values, "values").astype(np.float64)
    n_features = matrix.shape[1]
    names = list(range(n_features) if feature_names is None else feature_names)
    if len(names) != n_features:
        raise ValueError(f"feature_names has {len(names):,} names; expected one for each of {n_features:,} features.")
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"feature_names has {twice!r} twice; expected a name of its own for every feature.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}; expected a correlation above 0, at most 1.")
    if method not in ("pearson", "spearman"):
        raise ValueError(f"method is {method!r}; expected 'pearson' or 'spearman'.")
    if n_features > _MOST_FEATURES:
        raise ValueError(f"values has {n_features:,} features; expected at most {_MOST_FEATURES:,}, or groups by name.")
    alike = np.abs(_correlations(rankdata(matrix, axis=0) if method == "spearman" else matrix))
    if n_features == 1:
        return as_labels(names)
    joined = hierarchy.linkage(squareform(1 - alike, checks=False), "average")
    codes = hierarchy.fcluster(joined, 1 - threshold + 1e-12, "distance")
    return _named(codes, alike, names)


def _correlations(values: np.ndarray) -> np.ndarray:
    """Pearson's; what does not vary is correlated with itself alone."""
    centered = values - values.mean(axis=0)
    length = np.linalg.norm(centered, axis=0)
    still = length <= 1e-12 * np.abs(values).max(axis=0, initial=0.0) * np.sqrt(len(values))
    centered /= np.where(still, 1.0, length)
    centered[:, still] = 0.0
    found: np.ndarray = np.clip(centered.T @ centered, -1, 1)
    np.fill_diagonal(found, 1.0)
    return found


def _named(codes: np.ndarray, alike: np.ndarray, names: Sequence[Hashable]) -> np.ndarray:
    labels, taken = list(names), set(names)
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        if len(members) == 1:
            continue
        name = f"{names[members[alike[np.ix_(members, members)].sum(axis=0).argmax()]]} +{len(members) - 1}"
        while name in taken:  # a feature is called so
            name += "'"
        taken.add(name)
        for place in members:
            labels[place] = name
    return as_labels(labels)


def by_prefix(feature_names: Iterable[str], separator: str = "_", depth: int = 1) -> np.ndarray:
    """Group features by the first `depth` parts of their names: "exon_gc" and "exon_length" are "exon"."""
    names = list(feature_names)
    if depth < 1 or not separator:
        raise ValueError(f"depth is {depth} and separator {separator!r}; expected at least 1 part, and a separator.")
    return np.array([separator.join(str(name).split(separator)[:depth]) for name in names], dtype=object)


def members(groups: Iterable[Hashable], feature_names: Iterable[Hashable] | None = None) -> pd.DataFrame:
    """Who is in which group: group, feature, position (of the feature), n_members; groups as they first appear."""
    labels = list(groups)
    names = list(range(len(labels)) if feature_names is None else feature_names)
    if len(names) != len(labels):
        raise ValueError(
            f"feature_names has {len(names):,} names; expected one for each of the {len(labels):,} labels."
        )
    codes, found = pd.factorize(pd.Series(labels, dtype=object))
    order = np.argsort(codes, kind="stable")
    return pd.DataFrame(
        {
            "group": pd.Series([found[code] for code in codes[order]], dtype=object),
            "feature": pd.Series([names[place] for place in order], dtype=object),
            "position": order,
            "n_members": np.bincount(codes, minlength=len(found))[codes[order]],
        }
    )
