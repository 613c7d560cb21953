"""One test a feature: the transformed attributions of the class against those of the null."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64
from scipy import stats

from eigrad.significance.permutation import Permuting, max_t
from eigrad.significance.prepare import DUST, ROUNDING, Matrix, blocks

PerFeature = Float64[np.ndarray, " features"]
Alternative = Literal["greater", "two-sided"]


@dataclass(frozen=True)
class Sample:
    """Transformed values and what is known of each feature: moments, range, mean |value|."""

    values: Matrix
    mean: PerFeature
    variance: PerFeature
    low: PerFeature
    high: PerFeature
    magnitude: PerFeature

    @classmethod
    def of(cls, values: Matrix) -> "Sample":
        mean = values.mean(axis=0)
        squares, magnitude = np.zeros_like(mean), np.zeros_like(mean)
        for rows in blocks(*values.shape):
            squares += np.square(values[rows] - mean).sum(axis=0)
            magnitude += np.abs(values[rows]).sum(axis=0)
        return cls(
            values,
            mean=mean,
            variance=squares / (len(values) - 1),
            low=values.min(axis=0),
            high=values.max(axis=0),
            magnitude=magnitude / len(values),
        )

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Comparison:
    """What the test says of each feature; `varies` is False where there was nothing to test.

    `p_adjusted` is there where the test itself accounts for all features at once.
    """

    group: Sample
    null: Sample
    varies: Bool[np.ndarray, " features"]
    statistic: PerFeature
    effect: PerFeature
    p_value: PerFeature
    p_adjusted: PerFeature | None = None
    n_permutations: int = 0


def welch(group: Sample, null: Sample, alternative: Alternative, floor: float) -> tuple[PerFeature, PerFeature]:
    """Welch's t and its p-value."""
    first, second = above_rounding(np.sqrt(group.variance), np.sqrt(null.variance), floor)
    t, p = stats.ttest_ind_from_stats(
        group.mean,
        first,
        len(group),
        null.mean,
        second,
        len(null),
        equal_var=False,
        alternative=alternative,
    )
    return np.asarray(t), np.asarray(p)


def mannwhitney(group: Sample, null: Sample, alternative: Alternative, floor: float) -> tuple[PerFeature, PerFeature]:
    """Mann-Whitney's U less its expectation, and the asymptotic, tie-corrected p-value.

    Values below `DUST` of the largest feature are tied at zero: ranks would make much of them.
    """
    dust = floor * DUST / ROUNDING
    u, p = np.empty_like(group.mean), np.empty_like(group.mean)
    for columns in blocks(len(u), len(group) + len(null)):
        first, second = (
            np.where(np.abs(values) <= dust, 0.0, values)
            for values in (group.values[:, columns], null.values[:, columns])
        )
        u[columns], p[columns] = stats.mannwhitneyu(first, second, alternative=alternative, axis=0, method="asymptotic")
    return u - len(group) * len(null) / 2, p


Test = Callable[[Sample, Sample, Alternative, float], tuple[PerFeature, PerFeature]]
TESTS: dict[str, Test] = {"welch": welch, "mannwhitney": mannwhitney}


def compare(group: Matrix, null: Matrix, test: str, *, two_sided: bool) -> Comparison:
    """Test every feature; one whose values differ by no more than rounding gets p = 1.

    Rounding is `ROUNDING` times the mean magnitude of the largest feature, so that the answer
    does not depend on the unit of the attributions.
    """
    first, second = Sample.of(group), Sample.of(null)
    floor = rounding(first, second)
    varies = np.maximum(first.high, second.high) - np.minimum(first.low, second.low) > floor
    statistic, p_value = TESTS[test](first, second, "two-sided" if two_sided else "greater", floor)
    effect = (first.mean - second.mean) / spread_of(np.sqrt(first.variance), np.sqrt(second.variance), floor)
    return Comparison(
        group=first,
        null=second,
        varies=varies,
        statistic=np.where(varies, statistic, 0.0),
        effect=np.where(varies, effect, 0.0),
        p_value=np.where(varies, p_value, 1.0),
    )


def compare_permuted(group: Matrix, null: Matrix, how: Permuting) -> Comparison:
    """Welch's statistics with p-values from permuted labels; a feature that does not vary has p = 1."""
    found = compare(group, null, "welch", two_sided=how.two_sided)
    varies = found.varies
    if not varies.all():
        group, null = (np.compress(varies, values, axis=1) for values in (group, null))
    permuted = max_t(group, null, found.statistic[varies], rounding(found.group, found.null), how)
    p_value, p_adjusted = np.ones_like(found.p_value), np.ones_like(found.p_value)
    p_value[varies], p_adjusted[varies] = permuted.p_value, permuted.p_adjusted
    return replace(found, p_value=p_value, p_adjusted=p_adjusted, n_permutations=permuted.n_permutations)


def rounding(group: Sample, null: Sample) -> float:
    """What of a difference rounding may explain."""
    return float(ROUNDING * max(group.magnitude.max(), null.magnitude.max()))


def spread_of(first: np.ndarray, second: np.ndarray, floor: float) -> np.ndarray:
    """What effects are measured in: the root of the mean of two variances, of these standard deviations."""
    spread: np.ndarray = np.sqrt(np.mean(np.square(above_rounding(first, second, floor)), axis=0))
    return spread


def above_rounding(first: np.ndarray, second: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations; where neither set varies above rounding, rounding is their spread.

    A feature that is one constant in the class and another in the null then has a large, finite t.
    """
    still = np.maximum(first, second) <= floor
    # Where all is zero anything will do: such features do not vary, and are not tested.
    spread = floor or 1.0
    return np.where(still, spread, first), np.where(still, spread, second)
