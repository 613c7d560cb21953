"""From attributions to the numbers that are tested, (samples, features or groups)."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64, Int
from scipy import stats

# Attributions come from float32 gradients. Measured against float64 on ReLU networks of 2 to 8
# layers, their error is 1e-7 (root mean square) to 2e-6 (worst) of the largest feature's mean
# attribution: whatever differs by less than this fraction cannot be told from rounding.
ROUNDING = 1e-6

# Where only the order of single values counts, those below this fraction of the largest are tied at
# zero. Far below ROUNDING on purpose: heavy-tailed features have true values down there, and tying
# those moved more than half of the p-values of 1,357 such features at 1e-6, and 1 in 100 at 1e-9.
DUST = 1e-9

_CANCELED = 1e-12
_ELEMENTS_AT_ONCE = 2**18

Matrix = Float64[np.ndarray, "_ features"]


@runtime_checkable
class HasNumpy(Protocol):
    """Anything that shows its samples as an array, such as Attributions or a tensor."""

    def numpy(self) -> np.ndarray: ...


Attributed = HasNumpy | np.ndarray | pd.DataFrame


def as_matrix(source: Attributed, name: str) -> np.ndarray:
    """The attributions as real numbers (samples, features), each sample flattened."""
    if isinstance(source, torch.Tensor):
        source = source.detach().cpu()
        source = source.float() if source.dtype == torch.bfloat16 else source
    if not isinstance(source, np.ndarray | pd.DataFrame | HasNumpy):
        raise ValueError(
            f"{name} is a {type(source).__name__}; expected Attributions, an array, a tensor or a DataFrame."
        )
    values = np.asarray(source.numpy() if isinstance(source, HasNumpy) else source)
    if values.ndim < 2 or values.size == 0 or values.dtype.kind not in "fiu":
        raise ValueError(
            f"{name} is {values.dtype} of shape {values.shape}; "
            "expected real numbers of shape (samples, features) or (samples, *shape)."
        )
    if len(values) < 2:
        raise ValueError(f"{name} has 1 sample; expected at least 2.")
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} has {np.count_nonzero(~np.isfinite(values)):,} values that are NaN or "
            "infinite; expected finite attributions."
        )
    return values


@dataclass(frozen=True)
class Rows:
    """What becomes a row of the table: each feature, or each group with its members in turn."""

    names: list[Hashable]
    members: Int[np.ndarray, " features"] | None
    starts: Int[np.ndarray, " groups"]

    def sums(self, values: np.ndarray) -> Matrix:
        """Each sample's attribution of each row, the sum over its members (a copy)."""
        if self.members is None:
            return values.astype(np.float64, order="C")
        sums = np.empty((len(values), len(self.names)))
        for part in blocks(*values.shape):
            block = values[part][:, self.members].astype(np.float64)
            sums[part] = np.add.reduceat(block, self.starts, axis=1)
            # Members that cancel leave the rounding of their sum; share and rank blow it up.
            total = np.add.reduceat(np.abs(block), self.starts, axis=1)
            sums[part][np.abs(sums[part]) <= _CANCELED * total] = 0.0
        return sums


def table_rows(
    n_features: int,
    groups: Iterable[Hashable] | None,
    feature_names: Iterable[Hashable] | None,
) -> Rows:
    """Features under their names or numbers, or groups in order of first appearance."""
    names = list(range(n_features) if feature_names is None else feature_names)
    if len(names) != n_features:
        raise ValueError(
            f"feature_names has {len(names):,} names; expected one for each of the {n_features:,} features."
        )
    if groups is None:
        return Rows(names, None, np.arange(n_features))
    labels = as_labels(groups)
    if len(labels) != n_features:
        raise ValueError(f"groups has {len(labels):,} labels; expected one for each of the {n_features:,} features.")
    codes, found = pd.factorize(labels)
    if (codes < 0).any():
        raise ValueError(f"groups lacks a label for {np.count_nonzero(codes < 0):,} features; expected one for each.")
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))[:-1]])
    return Rows(list(found), np.argsort(codes, kind="stable"), starts)


def as_labels(labels: Iterable[Hashable]) -> np.ndarray:
    """Labels as an array of objects, one each, tuples as well."""
    listed = list(labels.reshape(-1) if isinstance(labels, np.ndarray) else labels)
    found = np.empty(len(listed), dtype=object)
    for place, label in enumerate(listed):
        found[place] = label
    return found


def named_alike(sources: Mapping[str, Attributed], names: Iterable[Hashable] | None) -> list[Hashable] | None:
    """Names of features: those given, or those of the sources, which must name the same features in one order."""
    columns = {name: list(own) for name, source in sources.items() if (own := _own_names(source)) is not None}
    for name, found in columns.items():
        if found != (first := next(iter(columns.values()))):
            place = next((i for i, pair in enumerate(zip(found, first, strict=False)) if pair[0] != pair[1]), None)
            what = (
                f"{len(found):,} columns where another has {len(first):,}"
                if place is None
                else f"the column {found[place]!r} where another has {first[place]!r}"
            )
            raise ValueError(f"{name} has {what}; expected the same features in the same order.")
    return list(names) if names is not None else next(iter(columns.values()), None)


def _own_names(source: Attributed) -> Iterable[Hashable] | None:
    """The columns of a DataFrame, or what Attributions of one remember of them."""
    if isinstance(source, pd.DataFrame):
        return list(source.columns)
    names: Iterable[Hashable] | None = getattr(source, "feature_names", None)
    return names


def blocks(length: int, width: int) -> Iterator[slice]:
    """Slices along an axis whose entries are `width` numbers each, 2 MB at a time."""
    step = max(1, _ELEMENTS_AT_ONCE // width)
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


# The transforms may write over the matrix they are given. A zero stays zero in all of them, so a
# feature that is zero in every sample never varies, whatever the other features do.
def _absolute(values: Matrix) -> Matrix:
    np.abs(values, out=values)
    return values


def _signed(values: Matrix) -> Matrix:
    return values


def _share(values: Matrix) -> Matrix:
    magnitude = _absolute(values)
    total = magnitude.sum(axis=1, keepdims=True)
    np.divide(magnitude, total, out=magnitude, where=total > 0)
    return magnitude


def _rank(values: Matrix) -> Matrix:
    """Average ranks of |a| within each sample; what is zero, or dust beside the largest, has rank 0.

    Were zeros given their average rank, a class with more zeros than the null would raise all of
    its unused features above the null's, and they would become significant together.
    """
    magnitude = _absolute(values)
    for rows in blocks(*magnitude.shape):
        block = magnitude[rows]
        nothing = block <= DUST * block.max(axis=1, keepdims=True)
        block[nothing] = 0.0
        magnitude[rows] = stats.rankdata(block, axis=1)
        magnitude[rows][nothing] = 0.0
    return magnitude


TRANSFORMS: dict[str, Callable[[Matrix], Matrix]] = {
    "abs": _absolute,
    "share": _share,
    "signed": _signed,
    "rank": _rank,
}
