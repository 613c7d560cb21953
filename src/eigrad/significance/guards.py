"""Warnings about comparisons whose p-values do not mean what they seem to mean."""

import numpy as np
from jaxtyping import Bool
from scipy.spatial import KDTree

from eigrad.significance.compare import Comparison
from eigrad.significance.prepare import ROUNDING, blocks
from eigrad.significance.settings import Settings

_N_PROJECTIONS = 6
_FEWEST = 3  # numbers other than zero that tell one sample's row from another's

# Family-wise error at a nominal 0.05, on 400 skewed, sparse, dependent attributions: near it at equal sizes, but 1.0
# for Welch's test at 300 class against 20 null samples, 0.1 to 0.2 on shares for a class twice the null, and 0.25 to
# 0.3 for Mann-Whitney's normal approximation at 20 against 300.
_LARGEST_RATIO = 1.1

# What explains a bounded output of a confident class has more attribution in all, and nearly all features with it:
# where none mattered more and totals were 1.25 (1.5) times the null's, |a| made 24 % (94 %) of 400 features significant
# (benchmarks/traps.py).
# Of a few features most may well matter.
_LARGEST_TOTALS, _MOST_SIGNIFICANT, _MANY = 1.25, 0.5, 50
_SHARES = "Compare shares (transform='share'), or explain the logit"

# Signed log-normal attributions of equal means, one side spread twice as widely as the other: max-T found something in
# 0.41 of draws at 20 against 20, in 0.25 at 60 against 300, in 0.16 at 300 against 300; at equal spreads in 0.05
# (benchmarks/traps.py). With hundreds of samples a warning would come with nearly every class explained for itself.
_LARGEST_SPREADS, _FEW = 2.0, 100


class SignificanceWarning(UserWarning):
    """The comparison was made, but its p-values may not hold."""


def _said(seen: str, advice: str) -> str:
    return f"{seen}. {advice}."


def observed(message: str) -> str:
    """What a warning saw, without its advice: studies have no arguments to follow that by."""
    seen, advised, _ = message.partition(". ")
    return f"{seen}." if advised else message


def guard(group: np.ndarray, null: np.ndarray, settings: Settings, seed: int) -> list[str]:
    """What is wrong with testing these attributions (samples, features) against each other."""
    found = [_shared_samples(group, null, seed)]
    if not settings.permutes:
        found.append(_unequal_sizes(len(group), len(null)))
    if settings.transform == "abs":
        found.append(_unlike_totals(group, null))
    return [message for message in found if message is not None]


def guard_result(result: Comparison, settings: Settings) -> list[str]:
    """What is wrong with reading the significant features as the ones that matter."""
    significant = settings.decide(result)
    found = [_most_significant(significant, result.varies, settings)]
    if settings.two_sided:
        found.append(_unlike_spreads(significant, result))
    return [message for message in found if message is not None]


def _unlike_spreads(significant: Bool[np.ndarray, " _"], result: Comparison) -> str | None:
    """Whether features of few samples are significant whose values are spread far more widely in one of the two."""
    if min(len(result.group), len(result.null)) >= _FEW:
        return None
    first, second = result.group.variance[significant], result.null.variance[significant]
    unlike = np.count_nonzero(np.maximum(first, second) >= _LARGEST_SPREADS**2 * np.minimum(first, second))
    if not unlike:
        return None
    return _said(
        f"{unlike:,} of {len(first):,} significant features are spread at least {_LARGEST_SPREADS:g} times as widely "
        "in the class as in the null, or the reverse: where attributions are skewed as well, that alone makes some "
        "significant",
        "Compare more samples before reading a difference of means in them",
    )


def _most_significant(
    significant: Bool[np.ndarray, " _"], varies: Bool[np.ndarray, " _"], settings: Settings
) -> str | None:
    n_significant, n_tested = np.count_nonzero(significant), np.count_nonzero(varies)
    if n_tested < _MANY or n_significant <= _MOST_SIGNIFICANT * n_tested:
        return None
    cause, advice = (
        ("the class has more attribution in all, and every feature has its part of that", _SHARES)
        if settings.transform == "abs"
        else (
            "with this many samples small differences show",
            "Order by effect, and ask for one that matters (min_effect)",
        )
    )
    return _said(f"{n_significant:,} of {n_tested:,} features are significant: {cause}", advice)


def _unlike_totals(group: np.ndarray, null: np.ndarray) -> str | None:
    """Whether a sample of the class has far more, or less, |attribution| in all than one of the null."""
    first, second = (_usual_total(values) for values in (group, null))
    if group.shape[1] < _MANY or not min(first, second):
        return None
    if max(first, second) <= _LARGEST_TOTALS * min(first, second):
        return None
    return _said(
        f"|attribution| sums to {first:.3g} in the median sample of the class and to {second:.3g} in that of the "
        "null: what raises all features together makes each significant, or hides it",
        _SHARES,
    )


def _usual_total(values: np.ndarray) -> float:
    totals = [np.abs(values[rows], dtype=np.float64).sum(axis=1) for rows in blocks(*values.shape)]
    return float(np.median(np.concatenate(totals)))


def _unequal_sizes(n_class: int, n_null: int) -> str | None:
    smaller, larger = sorted([n_class, n_null])
    if larger <= _LARGEST_RATIO * smaller:
        return None
    return _said(
        f"{n_class:,} class samples are tested against {n_null:,} null samples: attributions are skewed, and at sizes "
        "this unequal the error rate is not the nominal one",
        f"Draw {smaller:,} of the larger set at random, or permute (test='maxt')",
    )


def _shared_samples(group: np.ndarray, null: np.ndarray, seed: int) -> str | None:
    """Rows in both sets, up to rounding: a sample explained twice may differ in its last digit."""
    directions = np.random.default_rng(seed).standard_normal((group.shape[1], _N_PROJECTIONS))
    first, second = _sketch(group, directions), _sketch(null, directions)
    if not len(first) or not len(second):
        return None
    distance, _ = KDTree(second).query(first, distance_upper_bound=10 * ROUNDING)
    n_shared = np.count_nonzero(np.isfinite(distance))
    if not n_shared:
        return None
    return _said(
        f"{n_shared:,} of {len(group):,} class samples have the attributions of a null sample",
        "Leave the samples of the class out of the null, or they are compared with themselves",
    )


def _sketch(values: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """A few numbers a row, near each other for equal rows: its direction and the log of its length.

    Rows of fewer than three numbers other than zero say too little of which sample they are, and are left out.
    """
    rows = []
    for part in blocks(*values.shape):
        block = values[part].astype(np.float64)
        length = np.sqrt(np.vecdot(block, block))[:, None]
        some = np.count_nonzero(block, axis=1) >= _FEWEST
        rows.append(np.hstack([(block @ directions)[some] / length[some], np.log(length[some])]))
    return np.concatenate(rows)
