"""The recommended mode: both nulls, both directions, and no feature that is tiny."""

import numpy as np
import pandas as pd
import pytest

from eigrad.significance import SignificanceWarning, ranking, recommended, recommended_calibration, significance

N_CLASS, N_NULL, N_REFERENCE = 40, 41, 42


@pytest.fixture
def rng():
    return np.random.default_rng(12)


@pytest.fixture
def sets(rng):
    """0 differs from both nulls, 1 from one, 2 from both but oppositely, 3 from both but is tiny, 4 from none."""
    noise = np.array([1.0, 1.0, 1.0, 1e-3, 1.0])
    group, null, reference = (rng.normal(0, noise, (n, 5)) for n in (N_CLASS, N_NULL, N_REFERENCE))
    group += [-2.0, 2.0, 0.0, 2e-3, 0.0]
    null += [0.0, 2.0, -2.0, 0.0, 0.0]
    reference += [0.0, 0.0, 2.0, 0.0, 0.0]
    return group, null, reference


@pytest.mark.parametrize("test", ["welch", "maxt"])
def test_what_differs_from_both_nulls_and_is_not_tiny_is_significant(sets, test):
    table = recommended(*sets, test=test, n_permutations=2000, progress=False)
    assert table.significant.tolist() == [True, False, False, False, False]
    assert recommended(*sets, test=test, min_share=0.0, n_permutations=2000).significant[3]


def test_the_columns_are_those_of_the_two_comparisons(sets):
    group, null, reference = sets
    table = recommended(*sets, test="welch", feature_names=list("abcde"))
    first, second = (significance(group, each, transform="signed") for each in (null, reference))
    assert (table.t_null == first.statistic).all()
    assert (table.p_reference == second.p_adjusted).all()
    np.testing.assert_allclose(table.p_adjusted, np.minimum(1, 2 * np.maximum(first.p_adjusted, second.p_adjusted)))
    np.testing.assert_allclose(table.magnitude, np.abs(group).mean(0))
    for j in range(5):
        a, b = first.statistic[j], second.statistic[j]
        assert table.t[j] == (min(a, b, key=abs) if a * b > 0 else 0)
        a, b = first.effect[j], second.effect[j]
        assert table.effect[j] == (min(a, b, key=abs) if a * b > 0 else 0)
    assert table["product"].tolist() == (table.magnitude * table.t).tolist()
    assert table.feature.tolist() == list("abcde")


def test_groups_are_summed_first(sets):
    labels = ["x", "y", "x", "z", "y"]
    summed = [np.column_stack([v[:, [0, 2]].sum(1), v[:, [1, 4]].sum(1), v[:, 3]]) for v in sets]
    table, plain = recommended(*sets, test="welch", groups=iter(labels)), recommended(*summed, test="welch")
    pd.testing.assert_frame_equal(table.drop(columns="feature"), plain.drop(columns="feature"), atol=1e-12)


@pytest.mark.parametrize("order", ["magnitude", "t", "product"])
def test_the_orders_are_by_size(sets, order):
    table = recommended(*sets, test="welch")
    sizes = table[order].abs().to_numpy()[ranking(table, order)]
    assert (np.diff(sizes) <= 0).all()


def test_refusals(sets):
    with pytest.raises(ValueError, match="min_share is 1"):
        recommended(*sets, min_share=1.0)
    with pytest.raises(ValueError, match="order is 'p'; expected one of magnitude, t, product"):
        ranking(recommended(*sets, test="welch"), "p")
    with pytest.raises(ValueError, match="the same features in both"):
        recommended(sets[0], sets[1], sets[2][:, :4], test="welch")


def test_calibration_repeats_the_mode_on_disjoint_thirds_of_a_pool(rng):
    pool = rng.normal(0, [1.0, 2.0, 3.0, 1.0], (31, 4))
    table = recommended_calibration(pool, 9, 3, test="welch", alpha=0.5, groups=list("aabc"), seed=7)
    draws, sums = np.random.default_rng(7), np.column_stack([pool[:, :2].sum(1), pool[:, 2:]])
    for row in table.itertuples():
        group, null, reference = sums[draws.choice(31, (3, 9), replace=False)]
        again = recommended(group, null, reference, test="welch", alpha=0.5, progress=False)
        assert row.n_significant == again["significant"].sum()
        assert row.any_significant == (row.n_significant > 0)
    assert list(table["repeat"]) == [0, 1, 2]
    with pytest.raises(ValueError, match="3 disjoint sets of 11 were asked of a pool of 31 samples; expected n from 2"):
        recommended_calibration(pool, 11, 3)


def test_a_warning_names_the_set_it_is_of(sets):
    group, null, reference = sets
    with pytest.warns(SignificanceWarning, match=r"^against the reference: 2 of 40 class samples") as caught:
        table = recommended(group, null, np.concatenate([reference, group[:2]]), test="maxt", n_permutations=99)
    assert table.attrs["warnings"] == [str(each.message) for each in caught]
