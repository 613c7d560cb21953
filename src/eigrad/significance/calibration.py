"""What the test says when there is nothing to find: random samples against random samples."""

from collections.abc import Hashable, Iterable, Iterator

import numpy as np
import pandas as pd

from eigrad.significance.compare import Comparison
from eigrad.significance.prepare import Attributed, Rows, as_matrix, table_rows
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


def _prepare(
    pool: Attributed, groups: Iterable[Hashable] | None, feature_names: Iterable[Hashable] | None
) -> tuple[Rows, np.ndarray]:
    values = as_matrix(pool, "the pool")
    rows = table_rows(values.shape[1], groups, feature_names)
    return rows, rows.sums(values)


def _repeats(values: np.ndarray, n: int, repeats: int, settings: Settings, seed: int) -> Iterator[Comparison]:
    """Draws from values already transformed, which each sample is by itself."""
    if not 2 <= n <= len(values) // 2:
        raise ValueError(
            f"two disjoint sets of {n:,} were asked of a pool of {len(values):,} samples; "
            f"expected n from 2 to {len(values) // 2:,}."
        )
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; expected at least 1.")
    rng = np.random.default_rng(seed)
    for repeat in range(repeats):
        drawn = rng.choice(len(values), size=2 * n, replace=False)
        yield settings.compare(values[drawn[:n]], values[drawn[n:]], seed=seed + repeat)
