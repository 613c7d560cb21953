"""Class against null, one row a feature."""

import warnings
from collections.abc import Hashable, Iterable
from dataclasses import asdict

import pandas as pd

from eigrad.significance.guards import SignificanceWarning, guard
from eigrad.significance.prepare import Attributed, as_matrix, table_rows
from eigrad.significance.settings import Settings


def significance(
    group: Attributed,
    null: Attributed,
    *,
    transform: str = "abs",
    test: str = "welch",
    correction: str = "bonferroni",
    alpha: float = 0.05,
    groups: Iterable[Hashable] | None = None,
    min_effect: float = 0.0,
    feature_names: Iterable[Hashable] | None = None,
    seed: int = 0,
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
    A feature is `significant` when `p_adjusted` is at most `alpha` and its effect (when two-sided,
    its size) at least `min_effect`. A feature that does not vary beyond rounding (1e-6 of the
    largest feature) has p = 1, statistic and effect 0, and counts in the correction.

    A comparison that may mislead raises a SignificanceWarning, kept in `attrs["warnings"]`.
    The number of significant features is no measure of a network's quality: a network trained on
    random labels has as many. Source: Jha et al., Genome Biology 21:149 (2020).
    """
    settings = Settings(transform, test, correction, alpha, min_effect)
    first, second = as_matrix(group, "the class"), as_matrix(null, "the null")
    n_features = first.shape[1]
    if second.shape[1] != n_features:
        raise ValueError(
            f"the null has {second.shape[1]:,} features and the class {n_features:,}; "
            "expected the same features in both."
        )
    rows = table_rows(n_features, groups, feature_names)
    messages = guard(first, second, seed)
    for message in messages:
        warnings.warn(message, SignificanceWarning, stacklevel=2)

    sums = rows.sums(first)
    mean_attribution = sums.mean(axis=0)
    result = settings.compare(settings.apply(sums), settings.apply(rows.sums(second)))
    table = pd.DataFrame(
        {
            "feature": rows.names,
            "mean_attribution": mean_attribution,
            "mean_class": result.group.mean,
            "mean_null": result.null.mean,
            "statistic": result.statistic,
            "effect": result.effect,
            "p_value": result.p_value,
            "p_adjusted": settings.adjust(result.p_value),
            "significant": settings.decide(result),
            "n_class": len(first),
            "n_null": len(second),
        }
    )
    table.attrs.update(asdict(settings), two_sided=settings.two_sided, warnings=messages)
    return table
