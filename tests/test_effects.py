"""Effects are what they say, and their intervals hold what they should as often as they should."""

import math

import numpy as np
import pytest
from scipy import stats

from eigrad.significance import significance
from eigrad.significance.effects import score_interval


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_superiority_is_the_part_of_pairs_won(rng):
    group, null = rng.integers(1, 5, (13, 4)).astype(float), rng.integers(0, 4, (17, 4)).astype(float)
    group[:, 3], null[:, 3] = rng.random(13), rng.random(17)  # no sample is in both
    table = significance(group, null, test="maxt", n_permutations=20)
    for j in range(4):
        won = [(x > y) + 0.5 * (x == y) for x in group[:, j] for y in null[:, j]]
        assert table.superiority[j] == pytest.approx(np.mean(won), abs=1e-12)


def test_the_score_interval_is_the_papers():
    """Every bound is the chance whose standard error puts the one observed z errors away."""
    chance = np.array([0.0, 0.31, 0.5, 0.97, 1.0])
    m, n = 12, 31
    low, high = score_interval(chance, m, n, 0.95)
    for bound, inner in ((low, chance > 0), (high, chance < 1)):
        error = [
            math.sqrt(t * (1 - t) / (m * n) * (1 + ((m + n) / 2 - 1) * ((1 - t) / (2 - t) + t / (1 + t))))
            for t in bound
        ]
        np.testing.assert_allclose(np.abs(bound - chance)[inner], 1.959964 * np.array(error)[inner], atol=1e-6)
    assert low[0] == 0
    assert high[-1] == 1
    assert 0 < high[0] < 0.2
    np.testing.assert_allclose(1 - high[::-1], score_interval(1 - chance[::-1], m, n, 0.95)[0], atol=1e-12)


@pytest.mark.parametrize("sizes", [(40, 40), (60, 1500)])
def test_intervals_cover(rng, sizes):
    """On features that do not depend on each other each is a trial of its own."""
    n_features, shift = 400, 0.6
    group = rng.standard_normal((sizes[0], n_features)) + shift
    null = rng.standard_normal((sizes[1], n_features))
    table = significance(group, null, transform="signed", test="maxt", n_permutations=20, min_effect=1.0)
    covered = (table.effect_low <= shift) & (shift <= table.effect_high)
    chance = stats.norm.cdf(shift / math.sqrt(2))
    held = (table.superiority_low <= chance) & (chance <= table.superiority_high)
    for hits in (covered.sum(), held.sum()):
        assert stats.binomtest(int(hits), n_features, 0.95).pvalue > 1e-3
    assert (table.effect_low <= table.effect).all()
    assert (table.effect <= table.effect_high).all()


@pytest.mark.filterwarnings("ignore:.* features are spread at least")
def test_a_large_null_is_resampled_in_bags_as_if_one_by_one(rng):
    group, null = rng.standard_normal((50, 30)), rng.standard_normal((4000, 30)) ** 3
    table = significance(group, null, transform="signed", test="maxt", n_permutations=20, n_resamples=4000)
    for j in range(3):
        reference = stats.bootstrap(
            (group[:, j], null[:, j]),
            lambda x, y: (x.mean(-1) - y.mean(-1)) / np.sqrt((x.var(-1, ddof=1) + y.var(-1, ddof=1)) / 2),
            method="percentile",
            n_resamples=4000,
            rng=rng,
            vectorized=False,
        ).confidence_interval
        width = reference.high - reference.low
        assert table.effect_low[j] == pytest.approx(reference.low, abs=0.08 * width)
        assert table.effect_high[j] == pytest.approx(reference.high, abs=0.08 * width)


def test_a_feature_that_does_not_vary_has_no_effect_for_certain(rng):
    group, null = rng.standard_normal((9, 3)), rng.standard_normal((9, 3))
    group[:, 1] = null[:, 1] = 0
    row = significance(group, null).loc[1]
    assert (row.effect_low, row.effect_high, row.superiority, row.superiority_low) == (0, 0, 0.5, 0.5)


@pytest.mark.parametrize("options", [{"confidence": 1.0}, {"confidence": 0.0}, {"n_resamples": 1}])
def test_refusals(rng, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} is .*; expected"):
        significance(*rng.standard_normal((2, 9, 3)), **options)
