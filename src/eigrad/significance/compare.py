"""One test a feature: the transformed attributions of the class against those of the null."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64
from scipy import stats

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
    """What the test says of each feature; `varies` is False where there was nothing to test."""

    group: Sample
    null: Sample
    varies: Bool[np.ndarray, " features"]
    statistic: PerFeature
    effect: PerFeature
    p_value: PerFeature


def welch(group: Sample, null: Sample, alternative: Alternative, floor: float) -> tuple[PerFeature, PerFeature]:
    """Welch's t and its p-value."""
    first, second = _deviations(group, null, floor)
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
    floor = ROUNDING * max(first.magnitude.max(), second.magnitude.max())
    varies = np.maximum(first.high, second.high) - np.minimum(first.low, second.low) > floor
    statistic, p_value = TESTS[test](first, second, "two-sided" if two_sided else "greater", floor)
    spread = np.sqrt(np.mean(np.square(_deviations(first, second, floor)), axis=0))
    effect = (first.mean - second.mean) / spread
    return Comparison(
        group=first,
        null=second,
        varies=varies,
        statistic=np.where(varies, statistic, 0.0),
        effect=np.where(varies, effect, 0.0),
        p_value=np.where(varies, p_value, 1.0),
    )


def _deviations(group: Sample, null: Sample, floor: float) -> tuple[PerFeature, PerFeature]:
    """Standard deviations; where neither set varies above rounding, rounding is their spread.

    A feature that is one constant in the class and another in the null then has a large, finite t.
    """
    first, second = np.sqrt(group.variance), np.sqrt(null.variance)
    still = np.maximum(first, second) <= floor
    # Where all is zero anything will do: such features do not vary, and are not tested.
    rounding = floor or 1.0
    return np.where(still, rounding, first), np.where(still, rounding, second)
