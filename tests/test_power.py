"""What is planted is found as often as it should be, and nothing else is."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eigrad.significance import familywise_error, planted_power, significance


@pytest.fixture
def rng():
    return np.random.default_rng(6)


@pytest.mark.parametrize("test", ["welch", "maxt"])
def test_half_a_standard_deviation_in_twenty_of_784_features_is_found(rng, test):
    """By the normal approximation Bonferroni's Welch finds a shift of 0.5 at n = 300 with a power of 0.976."""
    pool = rng.standard_normal((700, 784))
    table = planted_power(pool, 300, 3, [0.0, 0.5], transform="signed", test=test, n_permutations=2000)
    threshold = stats.norm.isf(0.05 / 784 / 2)
    expected = stats.norm.sf(threshold - 0.5 / np.sqrt(2 / 300))
    assert table.power[1] == pytest.approx(expected, abs=0.06)
    assert table.power[1] >= 0.9
    assert table.power[0] <= 0.05
    assert (table.n_false <= 0.4).all()


def test_max_t_finds_as_many_as_bonferroni(rng):
    group, null = rng.standard_normal((2, 300, 784))
    group[:, :20] += 0.5
    found = [
        significance(group, null, transform="signed", test=test, progress=False).significant
        for test in ("welch", "maxt")
    ]
    assert found[1][:20].sum() >= 18
    assert abs(int(found[0].sum()) - int(found[1].sum())) <= 3


def test_features_that_do_not_vary_are_not_raised(rng):
    pool = rng.standard_normal((60, 8))
    pool[:, 5:] = 0
    table = planted_power(pool, 25, 4, [30.0], n_shifted=5, transform="signed")
    assert table.power[0] == 1
    assert table.n_false[0] == 0
    with pytest.raises(ValueError, match="n_shifted is 6; expected 1 to 5, the number of features that vary"):
        planted_power(pool, 25, 4, n_shifted=6, transform="signed")


def test_the_error_has_its_exact_interval():
    table = pd.DataFrame({"any_significant": [True] * 3 + [False] * 37})
    found = familywise_error(table)
    exact = stats.binomtest(3, 40).proportion_ci(0.95, "exact")
    assert found["error"] == 3 / 40
    assert found["low"] == pytest.approx(exact.low)
    assert found["high"] == pytest.approx(exact.high)
