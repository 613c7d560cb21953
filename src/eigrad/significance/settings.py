"""What is tested, how, and at which level it counts as significant."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy import stats

from eigrad.significance.compare import TESTS, Comparison, PerFeature, compare, compare_permuted
from eigrad.significance.permutation import Permuting
from eigrad.significance.prepare import TRANSFORMS, Matrix

_MAX_T, _WESTFALL_YOUNG = "maxt", "westfall-young"


def _bonferroni(p_values: PerFeature) -> PerFeature:
    adjusted: PerFeature = np.minimum(p_values * len(p_values), 1.0)
    return adjusted


def _holm(p_values: PerFeature) -> PerFeature:
    """Holm's step-down (1979)."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    return np.minimum(stepped, 1.0)[np.argsort(order)]


# statsmodels', which has Holm's too, stops for the garbage collector at every call: most of the time of a calibration.
_CORRECTIONS: dict[str, Callable[[PerFeature], PerFeature]] = {
    "bonferroni": _bonferroni, "holm": _holm, "fdr_bh": stats.false_discovery_control, "none": np.asarray,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """A transform, a test, and what makes a feature significant; unknown ones are refused.

    Without a correction "maxt" makes its own, and the other tests Bonferroni's.
    """

    transform: str
    test: str
    correction: str | None = None
    alpha: float = 0.05
    min_effect: float = 0.0
    n_permutations: int = 10_000

    def __post_init__(self) -> None:
        if self.correction is None:
            object.__setattr__(self, "correction", _WESTFALL_YOUNG if self.permutes else "bonferroni")
        _expect_one_of("transform", self.transform, TRANSFORMS)
        _expect_one_of("test", self.test, [*TESTS, _MAX_T])
        _expect_one_of("correction", self.correction, [*_CORRECTIONS, *[_WESTFALL_YOUNG] * self.permutes])
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a level between 0 and 1.")
        if not 0 <= self.min_effect < np.inf:
            raise ValueError(f"min_effect is {self.min_effect}; expected 0 (no floor) or a positive effect.")
        if self.n_permutations < 1:
            raise ValueError(f"n_permutations is {self.n_permutations}; expected at least 1.")

    @property
    def permutes(self) -> bool:
        return self.test == _MAX_T

    @property
    def two_sided(self) -> bool:
        return self.transform == "signed"

    def apply(self, sums: Matrix) -> Matrix:
        """The transformed values; `sums` may be overwritten."""
        return TRANSFORMS[self.transform](sums)

    def compare(self, group: Matrix, null: Matrix, seed: int = 0, progress: bool = False) -> Comparison:
        if not self.permutes:
            return compare(group, null, self.test, two_sided=self.two_sided)
        self._require_power(len(group), len(null), group.shape[1])
        early = self.correction == _WESTFALL_YOUNG
        how = Permuting(self.two_sided, self.alpha, self.n_permutations, early, seed, progress)
        return compare_permuted(group, null, how)

    def _require_power(self, n_class: int, n_null: int, n_features: int) -> None:
        """Refuse permutations so few that nothing could be significant."""
        arrangements = math.comb(n_class + n_null, n_class)
        mirrored = 2 if self.two_sided and n_class == n_null else 1  # class and null exchanged are as extreme
        least = mirrored / arrangements if arrangements <= self.n_permutations else 1 / (self.n_permutations + 1)
        tests = n_features if self.correction in ("bonferroni", "holm") else 1
        if least * tests <= self.alpha:
            return
        needed = math.ceil(tests / self.alpha) - 1
        if arrangements <= max(self.n_permutations, mirrored * needed):
            raise ValueError(
                f"{n_class:,} class and {n_null:,} null samples can be arranged in {arrangements:,} ways: no feature "
                f"could have a p-value that is significant at {self.alpha:g}; expected more samples."
            )
        raise ValueError(
            f"n_permutations is {self.n_permutations:,}: no feature could be significant at {self.alpha:g}; expected "
            f"at least {needed:,}{', or no correction besides what maxt does itself' if tests > 1 else ''}."
        )

    def adjust(self, comparison: Comparison) -> PerFeature:
        if self.correction == _WESTFALL_YOUNG:
            assert comparison.p_adjusted is not None
            return comparison.p_adjusted
        return _CORRECTIONS[str(self.correction)](comparison.p_value)

    def decide(self, comparison: Comparison) -> Bool[np.ndarray, " features"]:
        passed = self.adjust(comparison) <= self.alpha
        if self.min_effect == 0:
            return passed
        size = np.abs(comparison.effect) if self.two_sided else comparison.effect
        return passed & (size >= self.min_effect)


def _expect_one_of(name: str, got: str | None, known: Collection[str]) -> None:
    if got not in known:
        raise ValueError(f"{name} is {got!r}; expected one of {', '.join(known)}.")
