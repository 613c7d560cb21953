"""What the test says when there is nothing to find, random samples against random samples, and of what is planted."""

import warnings
from collections.abc import Hashable, Iterable, Iterator

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from eigrad.significance.compare import Comparison
from eigrad.significance.guards import SignificanceWarning
from eigrad.significance.prepare import ROUNDING, Attributed, Matrix, Rows, as_matrix, named_alike, table_rows
from eigrad.significance.recommended import recommended
from eigrad.significance.settings import Settings


def null_calibration(
    pool: Attributed,
    n: int,
    repeats: int,
    *,
    transform: str = "abs",
    test: str = "welch",
    correction: str | None = None,
    alpha: float = 0.05,
    groups: Iterable[Hashable] | None = None,
    min_effect: float = 0.0,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Test two disjoint random sets of `n` samples of the pool against each other, `repeats` times.

    One row a repeat. If the test holds, `any_significant` is true in at most a fraction `alpha` of
    the repeats (bonferroni, holm), and `false_positive_rate`, the fraction of the features that
    vary whose unadjusted p is at most `alpha`, is `alpha` on average. Features that depend on each
    other make a single repeat stray far from it: judge over many.
    """
    settings = Settings(transform, test, correction, alpha, min_effect, n_permutations)
    values = settings.apply(_prepare(pool, groups, None)[1])
    repeated = []
    for repeat, result in enumerate(_repeats(values, n, repeats, settings, seed)):
        significant = settings.decide(result)
        tested = result.p_value[result.varies]
        repeated.append(
            {
                "repeat": repeat,
                "n_significant": int(significant.sum()),
                "any_significant": bool(significant.any()),
                "false_positive_rate": (tested <= alpha).sum() / max(1, len(tested)),
                "min_p": result.p_value.min(),
            }
        )
    return pd.DataFrame(repeated)


def recommended_calibration(
    pool: Attributed,
    n: int,
    repeats: int,
    *,
    alpha: float = 0.05,
    test: str = "maxt",
    groups: Iterable[Hashable] | None = None,
    n_permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """The recommended mode on three disjoint random sets of `n` samples of the pool, `repeats` times.

    One row a repeat: repeat, n_significant, any_significant (for `familywise_error`). Class, null and
    reference are of one distribution, so that every significant feature is a false one.
    """
    values, rows = _prepare(pool, groups, None)[1], []
    for repeat, sets in enumerate(_disjoint(values, n, repeats, np.random.default_rng(seed), n_sets=3)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignificanceWarning)  # nothing is read from these but their number
            table = recommended(
                *sets, alpha=alpha, test=test, n_permutations=n_permutations, seed=seed + repeat,
                progress=False,
            )  # fmt: skip
        n_significant = int(table["significant"].sum())
        rows.append({"repeat": repeat, "n_significant": n_significant, "any_significant": n_significant > 0})
    return pd.DataFrame(rows)


def null_p_values(
    pool: Attributed,
    n: int,
    repeats: int,
    *,
    transform: str = "abs",
    test: str = "welch",
    groups: Iterable[Hashable] | None = None,
    feature_names: Iterable[Hashable] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """The unadjusted p-values behind null_calibration, a row a repeat and a column a feature."""
    settings = Settings(transform, test)
    rows, sums = _prepare(pool, groups, feature_names)
    results = _repeats(settings.apply(sums), n, repeats, settings, seed)
    p_values = np.stack([result.p_value for result in results])
    return pd.DataFrame(p_values, columns=rows.names).rename_axis("repeat")


def familywise_error(calibration: pd.DataFrame, confidence: float = 0.95) -> dict[str, float]:
    """How often null_calibration found anything: "error", with "low" and "high" of its exact interval."""
    hits, repeats = int(calibration["any_significant"].sum()), len(calibration)
    low, high = proportion_confint(hits, repeats, 1 - confidence, "beta")
    return {"error": hits / repeats, "low": float(low), "high": float(high)}


def planted_power(
    pool: Attributed,
    n: int,
    repeats: int,
    shifts: Iterable[float] = (0.1, 0.2, 0.3, 0.5, 0.8),
    *,
    n_shifted: int = 20,
    transform: str = "abs",
    test: str = "welch",
    correction: str | None = None,
    alpha: float = 0.05,
    groups: Iterable[Hashable] | None = None,
    min_effect: float = 0.0,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Which differences the test would find: null_calibration with some of them planted in the class.

    In each repeat `n_shifted` features, drawn from those that vary, are raised in the class by
    `shifts` standard deviations of what is tested. One row a shift: shift, `power` (the part of the
    planted features that is significant, and its standard deviation over repeats), `n_false` (other
    features that are significant, in the mean) and `any_false` (the part of repeats with any).
    """
    settings = Settings(transform, test, correction, alpha, min_effect, n_permutations)
    values = settings.apply(_prepare(pool, groups, None)[1])
    spread = values.std(axis=0, ddof=1)
    able = np.flatnonzero(spread > ROUNDING * np.abs(values).mean(axis=0).max())
    if not 1 <= n_shifted <= len(able):
        raise ValueError(f"n_shifted is {n_shifted}; expected 1 to {len(able)}, the number of features that vary.")
    rows = []
    for shift in shifts:
        found, false = np.empty(repeats), np.empty(repeats)
        rng = np.random.default_rng(seed)
        for repeat, (group, null) in enumerate(_disjoint(values, n, repeats, rng)):
            planted = rng.choice(able, n_shifted, replace=False)
            group[:, planted] += shift * spread[planted]
            significant = settings.decide(settings.compare(group, null, seed=seed + repeat))
            found[repeat] = significant[planted].mean()
            false[repeat] = significant.sum() - significant[planted].sum()
        rows.append((shift, found.mean(), found.std(ddof=min(1, repeats - 1)), false.mean(), (false > 0).mean()))
    return pd.DataFrame(rows, columns=["shift", "power", "power_sd", "n_false", "any_false"])


def _prepare(
    pool: Attributed, groups: Iterable[Hashable] | None, feature_names: Iterable[Hashable] | None
) -> tuple[Rows, np.ndarray]:
    values = as_matrix(pool, "the pool")
    rows = table_rows(values.shape[1], groups, named_alike({"the pool": pool}, feature_names))
    return rows, rows.sums(values)


def _repeats(values: Matrix, n: int, repeats: int, settings: Settings, seed: int) -> Iterator[Comparison]:
    """Draws from values already transformed, which each sample is by itself."""
    for repeat, (group, null) in enumerate(_disjoint(values, n, repeats, np.random.default_rng(seed))):
        yield settings.compare(group, null, seed=seed + repeat)


def _disjoint(
    values: Matrix, n: int, repeats: int, rng: np.random.Generator, n_sets: int = 2
) -> Iterator[tuple[Matrix, ...]]:
    """Disjoint random sets of n samples, in copies."""
    if not 2 <= n <= len(values) // n_sets:
        raise ValueError(
            f"{n_sets} disjoint sets of {n:,} were asked of a pool of {len(values):,} samples; "
            f"expected n from 2 to {len(values) // n_sets:,}."
        )
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; expected at least 1.")
    for _ in range(repeats):
        drawn = rng.choice(len(values), size=(n_sets, n), replace=False)
        yield tuple(values[drawn])
