"""Class against null, one row a feature."""

import warnings
from collections.abc import Hashable, Iterable
from dataclasses import asdict

import pandas as pd

from eigrad.significance.effects import effects
from eigrad.significance.guards import SignificanceWarning, guard
from eigrad.significance.prepare import Attributed, as_matrix, table_rows
from eigrad.significance.settings import Settings


def significance(
    group: Attributed,
    null: Attributed,
    *,
    transform: str = "abs",
    test: str = "welch",
    correction: str | None = None,
    alpha: float = 0.05,
    groups: Iterable[Hashable] | None = None,
    min_effect: float = 0.0,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    feature_names: Iterable[Hashable] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Test which features are used more for the class than for the null samples.

    `group` and `null` hold signed attributions, (samples, features) or (samples, *shape). With
    `groups`, a label for each feature, the members of a group are summed first and the sums are
    tested, one row a group in order of first appearance. `transform` says what is compared:

    - "abs": |a|, as in the paper's Algorithm 1.
    - "share": |a| over the sample's sum of |a|, blind to how much a sample has in all.
    - "rank": the average rank of |a| within its sample, where zeros have rank 0.
    - "signed": a itself. It is tested two-sided, for a class may get less from a feature (or the
      opposite) as well as more; the others are magnitudes of use, tested one-sided (greater).

    In the table `mean_attribution` is the class's mean signed attribution, whereas `mean_class`,
    `mean_null` and `effect` (their difference over the root of the mean of the two variances) are
    of the transformed values; `statistic` is Welch's t, or Mann-Whitney's U less its expectation.

    `test` says how the two are compared: "welch", "mannwhitney", or "maxt". The last permutes which
    samples are of the class, `n_permutations` times (all arrangements where there are fewer), and
    sees how large the largest Welch's t of all features becomes: Westfall and Young's step-down
    procedure, which holds the family-wise error however features depend on each other, and at
    unequal or small sizes. It corrects for the number of features itself; `correction` is for the
    other tests (by default "bonferroni"; or "holm", "fdr_bh", "none"). Where nothing can be
    significant any more the permutations end early.

    Effects come with intervals at `confidence`: `effect` by bootstrap (percentiles of `n_resamples`
    resampled classes and nulls), `superiority`, the chance that a sample of the class has a larger
    value than one of the null (ties count half), by Newcombe's score method (2006, method 5).

    A feature is `significant` when `p_adjusted` is at most `alpha` and its effect (when two-sided,
    its size) at least `min_effect`. A feature that does not vary beyond rounding (1e-6 of the
    largest feature) has p = 1, statistic and effect 0, and counts in the correction.

    A comparison that may mislead raises a SignificanceWarning, kept in `attrs["warnings"]`.
    The number of significant features is no measure of a network's quality: a network trained on
    random labels has as many. Source: Jha et al., Genome Biology 21:149 (2020).
    """
    settings = Settings(transform, test, correction, alpha, min_effect, n_permutations)
    first, second = as_matrix(group, "the class"), as_matrix(null, "the null")
    n_features = first.shape[1]
    if second.shape[1] != n_features:
        raise ValueError(
            f"the null has {second.shape[1]:,} features and the class {n_features:,}; "
            "expected the same features in both."
        )
    rows = table_rows(n_features, groups, feature_names)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected a level between 0 and 1.")
    if n_resamples < 2:
        raise ValueError(f"n_resamples is {n_resamples}; expected at least 2.")
    messages = guard(first, second, settings, seed)
    for message in messages:
        warnings.warn(message, SignificanceWarning, stacklevel=2)

    sums = rows.sums(first)
    mean_attribution = sums.mean(axis=0)
    result = settings.compare(settings.apply(sums), settings.apply(rows.sums(second)), seed, progress)
    sizes = effects(result, confidence=confidence, n_resamples=n_resamples, seed=seed)
    table = pd.DataFrame(
        {
            "feature": rows.names,
            "mean_attribution": mean_attribution,
            "mean_class": result.group.mean,
            "mean_null": result.null.mean,
            "statistic": result.statistic,
            "effect": result.effect,
            "effect_low": sizes.difference[0],
            "effect_high": sizes.difference[1],
            "superiority": sizes.superiority,
            "superiority_low": sizes.superiority_bounds[0],
            "superiority_high": sizes.superiority_bounds[1],
            "p_value": result.p_value,
            "p_adjusted": settings.adjust(result),
            "significant": settings.decide(result),
            "n_class": len(first),
            "n_null": len(second),
        }
    )
    said = {
        **asdict(settings),
        "confidence": confidence,
        "n_permutations": result.n_permutations,
        "two_sided": settings.two_sided,
    }
    table.attrs.update(said, warnings=messages)
    return table
