"""Westfall and Young's max-T: what the largest of all statistics is where the labels mean nothing.

Which samples are of the class is drawn again and again; every draw gives all features' statistics at once, from sums
over the smaller set. Source: Westfall and Young, Resampling-Based Multiple Testing (1993), algorithm 2.8 (step-down).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64, Int
from scipy import sparse

from eigrad.progress import track
from eigrad.significance.prepare import Matrix

PerFeature = Float64[np.ndarray, " features"]
Picks = Int[np.ndarray, "draws samples"]

_TIED = 1e-9  # statistics of the same samples, summed in another order, differ by rounding: below one, absolutely
_CANCELED = 8 * np.finfo(float).eps  # of a variance from sums of squares, for each time the difference holds it squared
_STATISTICS_AT_ONCE, _FIRST_DRAWS, _MOST_DRAWS = 2**22, 256, 2048
_COLUMNS_AT_ONCE = 256
_DENSE = 1 / 16  # the part of all samples picked from which on a matrix of zeros and ones is multiplied faster


@dataclass(frozen=True)
class Permuted:
    """p-values from permutations, single and adjusted (step-down), and how many were drawn."""

    p_value: PerFeature
    p_adjusted: PerFeature
    n_permutations: int


@dataclass(frozen=True)
class Permuting:
    """How labels are permuted; with `early` only until nothing can reach `alpha` any more."""

    two_sided: bool
    alpha: float
    n_permutations: int
    early: bool
    seed: int
    progress: bool


def max_t(group: Matrix, null: Matrix, observed: PerFeature, floor: float, how: Permuting) -> Permuted:
    """Compare the observed Welch statistics, of features that all vary, with those of permuted labels.

    All arrangements are taken where there are no more than `n_permutations`, and the p-values are exact; else as many
    are drawn, and p = (1 + those at least as extreme) / (1 + drawn). With `early` the drawing ends where even the most
    extreme feature can no longer reach `alpha`, whatever the rest would give.
    """
    n_samples, n_picked = len(group) + len(null), min(len(group), len(null))
    statistics = partial(_Moments(group, null).statistics, floor=floor)
    sides = np.abs if how.two_sided else np.asarray
    extreme = sides(observed)
    order = np.argsort(-extreme, kind="stable")
    reached = extreme - np.minimum(np.maximum(_TIED, _CANCELED * extreme**2), 0.5) * np.maximum(np.abs(extreme), 1.0)
    exact = math.comb(n_samples, n_picked) <= how.n_permutations
    picks = _arrangements if exact else partial(_drawn, n_draws=how.n_permutations, seed=how.seed)
    hopeless = math.floor(how.alpha * (how.n_permutations + 1))
    single, joint, n_done = np.zeros(len(observed), np.int64), np.zeros(len(observed), np.int64), 0
    size = int(np.clip(_STATISTICS_AT_ONCE // max(1, len(observed)), 16, _MOST_DRAWS))
    batches = picks(n_samples, n_picked, size=size)
    for picked in track(batches, "permuting labels", enabled=how.progress):
        permuted = sides(statistics(picked))
        single += np.count_nonzero(permuted >= reached, axis=0)
        largest = np.maximum.accumulate(permuted[:, order[::-1]], axis=1)[:, ::-1]
        joint += np.count_nonzero(largest >= reached[order], axis=0)
        n_done += len(picked)
        if how.early and not exact and len(joint) and joint[0] >= hopeless:
            break
    p_value, ordered = (
        (np.maximum(counts, 1) if exact else counts + 1) / (n_done + (not exact)) for counts in (single, joint)
    )
    p_adjusted = np.empty_like(p_value)
    p_adjusted[order] = np.maximum.accumulate(ordered)
    return Permuted(p_value, p_adjusted, n_done)


def _arrangements(n_samples: int, n_picked: int, *, size: int) -> Iterator[Picks]:
    every = itertools.combinations(range(n_samples), n_picked)
    while batch := list(itertools.islice(every, size)):
        yield np.array(batch)


def _drawn(n_samples: int, n_picked: int, *, size: int, n_draws: int, seed: int) -> Iterator[Picks]:
    rng = np.random.default_rng(seed)
    done = 0
    while done < n_draws:
        more = min(n_draws - done, size if done else min(size, _FIRST_DRAWS))
        yield np.stack([rng.choice(n_samples, n_picked, replace=False, shuffle=False) for _ in range(more)])
        done += more


class _Moments:
    """Welch's statistics for any choice of samples, from sums and sums of squares over the smaller set."""

    def __init__(self, group: Matrix, null: Matrix) -> None:
        self.sets = (group, null)
        self.sign = 1.0 if len(group) <= len(null) else -1.0
        self.center = (group.sum(axis=0) + null.sum(axis=0)) / (len(group) + len(null))

    def statistics(self, picked: Picks, floor: float) -> Float64[np.ndarray, "draws features"]:
        found = np.empty((len(picked), self.center.size))
        chosen = self._as_matrices(picked)
        for first in range(0, found.shape[1], _COLUMNS_AT_ONCE):
            columns = slice(first, first + _COLUMNS_AT_ONCE)
            found[:, columns] = self._of_columns(chosen, picked.shape[1], columns, floor)
        return found

    def _as_matrices(self, picked: Picks) -> list[sparse.csr_array | np.ndarray]:
        """Ones where a sample is picked, in columns of the class and of the null."""
        n_samples, (n_draws, n_picked) = sum(map(len, self.sets)), picked.shape
        bounds = np.arange(0, picked.size + 1, n_picked)
        ones = sparse.csr_array((np.ones(picked.size), picked.ravel(), bounds), shape=(n_draws, n_samples))
        whole = ones.toarray() if n_picked > _DENSE * n_samples else ones
        return [whole[:, : len(self.sets[0])], whole[:, len(self.sets[0]) :]]

    def _of_columns(
        self, chosen: list[sparse.csr_array | np.ndarray], n_picked: int, columns: slice, floor: float
    ) -> Float64[np.ndarray, "draws columns"]:
        sums, squares, total = 0.0, 0.0, 0.0
        for ones, values in zip(chosen, self.sets, strict=True):
            centered = values[:, columns] - self.center[columns]
            sums = sums + ones @ centered
            np.square(centered, out=centered)
            squares = squares + ones @ centered
            total = total + centered.sum(axis=0)
        n_rest = sum(map(len, self.sets)) - n_picked
        first = np.maximum(squares - sums**2 / n_picked, 0.0) / (n_picked - 1)
        second = np.maximum(total - squares - sums**2 / n_rest, 0.0) / (n_rest - 1)
        still = np.maximum(first, second) <= floor**2
        first[still] = second[still] = floor**2 or 1.0
        # centered sums of the two sets are opposite
        difference = self.sign * sums * (1 / n_picked + 1 / n_rest)
        found: np.ndarray = difference / np.sqrt(first / n_picked + second / n_rest)
        return found
