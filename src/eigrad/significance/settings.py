"""What is tested, how, and at which level it counts as significant."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from statsmodels.stats.multitest import multipletests

from eigrad.significance.compare import TESTS, Comparison, PerFeature, compare
from eigrad.significance.prepare import TRANSFORMS, Matrix

_CORRECTIONS = ("bonferroni", "holm", "fdr_bh", "none")


@dataclass(frozen=True)
class Settings:
    """A transform, a test, and what makes a feature significant; unknown ones are refused."""

    transform: str
    test: str
    correction: str = "bonferroni"
    alpha: float = 0.05
    min_effect: float = 0.0

    def __post_init__(self) -> None:
        _expect_one_of("transform", self.transform, TRANSFORMS)
        _expect_one_of("test", self.test, TESTS)
        _expect_one_of("correction", self.correction, _CORRECTIONS)
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a level between 0 and 1.")
        if not 0 <= self.min_effect < np.inf:
            raise ValueError(f"min_effect is {self.min_effect}; expected 0 (no floor) or a positive effect.")

    @property
    def two_sided(self) -> bool:
        return self.transform == "signed"

    def apply(self, sums: Matrix) -> Matrix:
        """The transformed values; `sums` may be overwritten."""
        return TRANSFORMS[self.transform](sums)

    def compare(self, group: Matrix, null: Matrix) -> Comparison:
        return compare(group, null, self.test, two_sided=self.two_sided)

    def adjust(self, p_value: PerFeature) -> PerFeature:
        if self.correction == "none":
            return p_value
        return np.asarray(multipletests(p_value, self.alpha, self.correction)[1])

    def decide(self, comparison: Comparison) -> Bool[np.ndarray, " features"]:
        passed = self.adjust(comparison.p_value) <= self.alpha
        if self.min_effect == 0:
            return passed
        size = np.abs(comparison.effect) if self.two_sided else comparison.effect
        return passed & (size >= self.min_effect)


def _expect_one_of(name: str, got: str, known: Iterable[str]) -> None:
    if got not in known:
        raise ValueError(f"{name} is {got!r}; expected one of {', '.join(known)}.")
