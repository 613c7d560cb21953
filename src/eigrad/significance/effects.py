"""How large a difference is, beside whether it is there: in standard deviations, and as a chance to be larger."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64
from scipy import sparse

from eigrad.significance.compare import Comparison, rounding, spread_of
from eigrad.significance.prepare import DUST, ROUNDING, Matrix, blocks

PerFeature = Float64[np.ndarray, " features"]
Bounds = Float64[np.ndarray, "2 features"]

_BAGS = 1000  # larger sets are resampled in so many bags of samples: as many terms as a bootstrap needs
_MOST_RANKED = 10_000  # samples of a set that chances are taken from: their standard error is then at most 0.005
_HALVINGS = 50


@dataclass(frozen=True)
class Effects:
    """Bounds on the standardized difference; the chance to be larger, with its bounds."""

    difference: Bounds
    superiority: PerFeature
    superiority_bounds: Bounds


@dataclass(frozen=True)
class Intervals:
    """How sure intervals are to hold the effect, and how many resampled sets they are taken from."""

    confidence: float = 0.95
    n_resamples: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; expected a level between 0 and 1.")
        if self.n_resamples < 2:
            raise ValueError(f"n_resamples is {self.n_resamples}; expected at least 2.")

    def of(self, comparison: Comparison, seed: int) -> Effects:
        """The effects of a comparison; a feature that does not vary has 0 and 1/2 for certain."""
        group, null, varies = comparison.group, comparison.null, comparison.varies
        rng = np.random.default_rng(seed)
        floor = rounding(group, null)
        bounds = _resampled(group.values, null.values, floor, self, rng)
        first, second = (_some(values, rng) for values in (group.values, null.values))
        chance = _superiority(first, second, floor * DUST / ROUNDING)
        chances = score_interval(chance, len(first), len(second), self.confidence)
        return Effects(
            np.where(varies, bounds, 0.0), np.where(varies, chance, 0.5), np.where(varies, chances, [[0.5], [0.5]])
        )


def _resampled(group: Matrix, null: Matrix, floor: float, how: Intervals, rng: np.random.Generator) -> Bounds:
    """Percentiles of the standardized difference over resampled sets (bootstrap)."""
    resampled = [_Resampled.of(values, how.n_resamples, rng) for values in (group, null)]
    tails = [(1 - how.confidence) / 2, (1 + how.confidence) / 2]
    bounds = np.empty((2, group.shape[1]))
    for columns in blocks(group.shape[1], how.n_resamples):
        center = group[:, columns].mean(axis=0)
        (mean, variance), (other, other_variance) = (each.moments(columns, center) for each in resampled)
        difference = (mean - other) / spread_of(np.sqrt(variance), np.sqrt(other_variance), floor)
        bounds[:, columns] = np.quantile(difference, tails, axis=0)
    return bounds


@dataclass(frozen=True)
class _Resampled:
    """Which bag each sample lies in, one of its own where the set is small, and how often each bag is drawn."""

    values: Matrix
    bags: sparse.csr_array
    counts: Float64[np.ndarray, "resamples bags"]

    @classmethod
    def of(cls, values: Matrix, n_resamples: int, rng: np.random.Generator) -> "_Resampled":
        n = len(values)
        n_bags = min(_BAGS, n)
        bounds = np.linspace(0, n, n_bags + 1).astype(int)
        bags = sparse.csr_array((np.ones(n), rng.permutation(n), bounds), shape=(n_bags, n))
        bags.sort_indices()  # samples are read in the order they lie in
        counts = rng.multinomial(n_bags, np.full(n_bags, 1 / n_bags), size=n_resamples).astype(float)
        return cls(values, bags, counts)

    def moments(self, columns: slice, center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of every resample, (resamples, columns); `center` keeps rounding small."""
        values = self.values[:, columns] - center
        n = (self.counts @ self.bags.sum(axis=1))[:, None]
        mean = self.counts @ (self.bags @ values) / n
        square = self.counts @ (self.bags @ np.square(values, out=values)) / n
        return mean, np.maximum(square - mean**2, 0.0) * n / (n - 1)


def _some(values: Matrix, rng: np.random.Generator) -> Matrix:
    if len(values) <= _MOST_RANKED:
        return values
    return values[np.sort(rng.choice(len(values), _MOST_RANKED, replace=False))]


def _superiority(group: Matrix, null: Matrix, dust: float) -> PerFeature:
    """The part of all pairs in which the class has the larger value, ties counting half; dust is tied at zero."""
    chance = np.empty(group.shape[1])
    for columns in blocks(group.shape[1], len(group) + len(null)):
        first, second = (values[:, columns].T.copy() for values in (group, null))
        for values in (first, second):
            values[np.abs(values) <= dust] = 0.0
        second.sort(axis=1)
        for at, (mine, others) in enumerate(zip(first, second, strict=True), columns.start):
            below = sum(np.searchsorted(others, mine, side).sum() for side in ("left", "right"))
            chance[at] = below / 2 / first.shape[1] / second.shape[1]
    return chance


def score_interval(chance: PerFeature, n_class: int, n_null: int, confidence: float) -> Bounds:
    """Where the chance may lie. Source: Newcombe, Statistics in Medicine 25:559 (2006), method 5.

    The chances whose standard error, by Hanley and McNeil's formula, puts the one observed just within reach.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    more = (n_class + n_null) / 2 - 1
    outer = np.stack([np.zeros_like(chance), np.ones_like(chance)])
    inner = np.stack([chance, chance])
    for _ in range(_HALVINGS):
        middle = (outer + inner) / 2
        kin = (1 - middle) / (2 - middle) + middle / (1 + middle)
        error = np.sqrt(middle * (1 - middle) * (1 + more * kin) / (n_class * n_null))
        within = np.abs(middle - chance) <= z * error
        inner, outer = np.where(within, middle, inner), np.where(within, outer, middle)
    return inner
