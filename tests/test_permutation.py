"""Laws of the test by permutation: it counts as a slow second implementation does, and holds its level."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from eigrad.significance import null_calibration, permutation, significance

N_FEATURES = 6


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def welch(x, y):
    return (x.mean() - y.mean()) / math.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))


def by_hand(group, null, picks, two_sided, added):
    """Step-down p-values as in the book, one arrangement and one feature after another."""
    pooled, n_class = np.concatenate([group, null]), len(group)
    smaller = min(n_class, len(null))
    side = abs if two_sided else float
    observed = [side(welch(group[:, j], null[:, j])) for j in range(group.shape[1])]
    order = sorted(range(len(observed)), key=lambda j: -observed[j])
    single, joint = [added] * len(observed), [added] * len(observed)
    for picked in picks:
        rest = np.setdiff1d(np.arange(len(pooled)), picked)
        mine, others = (picked, rest) if smaller == n_class else (rest, picked)
        found = [side(welch(pooled[mine, j], pooled[others, j])) for j in range(len(observed))]
        for place, j in enumerate(order):
            single[j] += found[j] >= observed[j] - 1e-9
            joint[j] += max(found[i] for i in order[place:]) >= observed[j] - 1e-9
    total = len(picks) + added
    adjusted, highest = [0.0] * len(observed), 0.0
    for j in order:
        highest = max(highest, joint[j] / total)
        adjusted[j] = highest
    return [count / total for count in single], adjusted


@pytest.mark.parametrize("sizes", [(4, 5), (6, 3), (2, 7)])
@pytest.mark.parametrize("transform", ["abs", "signed"])
def test_all_arrangements_give_exact_p_values(rng, sizes, transform):
    group, null = (rng.standard_normal((n, N_FEATURES)) for n in sizes)
    group[:, :2] += 1.5
    table = significance(group, null, transform=transform, test="maxt", alpha=0.2, progress=False)
    picks = [np.array(each) for each in itertools.combinations(range(sum(sizes)), min(sizes))]
    values = (group, null) if transform == "signed" else (np.abs(group), np.abs(null))
    p_value, p_adjusted = by_hand(*values, picks, transform == "signed", added=0)
    assert table.attrs["n_permutations"] == len(picks)
    np.testing.assert_allclose(table.p_value, p_value, rtol=0, atol=1e-10)
    np.testing.assert_allclose(table.p_adjusted, p_adjusted, rtol=0, atol=1e-10)
    library = stats.permutation_test(
        values, lambda x, y, axis: stats.ttest_ind(x, y, axis=axis, equal_var=False).statistic, axis=0,
        alternative="two-sided" if transform == "signed" else "greater", n_resamples=np.inf,
    )  # fmt: skip
    # SciPy doubles the smaller tail, which is the same where the arrangements are symmetrical
    if transform == "abs":
        np.testing.assert_allclose(table.p_value, library.pvalue, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:.* features are spread at least")  # by chance, so few are they
@pytest.mark.parametrize("sizes", [(11, 13), (13, 11), (5, 120), (120, 5)])
@pytest.mark.parametrize("transform", ["share", "signed"])
def test_drawn_arrangements_are_counted_as_by_hand(rng, sizes, transform):
    n_permutations = 300
    group, null = (rng.standard_normal((n, N_FEATURES)) ** 3 for n in sizes)
    group[:, 1:3] *= 2.5
    table = significance(
        group, null, transform=transform, test="maxt", n_permutations=n_permutations, seed=4, progress=False, alpha=0.9
    )
    batches = permutation._drawn(sum(sizes), min(sizes), size=97, n_draws=n_permutations, seed=4)
    if transform == "share":
        group, null = (np.abs(x) / np.abs(x).sum(1, keepdims=True) for x in (group, null))
    p_value, p_adjusted = by_hand(group, null, np.concatenate(list(batches)), transform == "signed", added=1)
    np.testing.assert_allclose(table.p_value, p_value, rtol=0, atol=1e-10)
    np.testing.assert_allclose(table.p_adjusted, p_adjusted, rtol=0, atol=1e-10)


def test_permuted_features_and_samples_change_nothing(rng):
    group, null = rng.standard_normal((4, N_FEATURES)) + 0.8, rng.standard_normal((5, N_FEATURES))
    columns = rng.permutation(N_FEATURES)
    first = significance(group, null, test="maxt", progress=False)
    again = significance(group[::-1, columns], null[rng.permutation(5)][:, columns], test="maxt", progress=False)
    np.testing.assert_allclose(again.p_adjusted, first.p_adjusted[columns], rtol=0, atol=1e-12)


def test_what_depends_costs_nothing(rng):
    """Copies of a feature leave its adjusted p as it is; Bonferroni multiplies it."""
    group, null = rng.standard_normal((30, 2)) + 0.7, rng.standard_normal((30, 2))
    alone, copied = (
        significance(np.repeat(group, n, 1), np.repeat(null, n, 1), test="maxt", transform="signed", progress=False)
        for n in (1, 20)
    )
    np.testing.assert_allclose(copied.p_adjusted[::20], alone.p_adjusted, rtol=0, atol=1e-12)


def test_a_feature_without_variance_is_left_out(rng):
    group, null = rng.standard_normal((9, 4)) + 1, rng.standard_normal((8, 4))
    group[:, 2] = null[:, 2] = 3.0
    table = significance(group, null, transform="signed", test="maxt", progress=False)
    alone = significance(group[:, [0, 1, 3]], null[:, [0, 1, 3]], transform="signed", test="maxt", progress=False)
    assert table.p_adjusted[2] == table.p_value[2] == 1
    np.testing.assert_allclose(table.p_adjusted[[0, 1, 3]], alone.p_adjusted, rtol=0, atol=1e-12)
    nothing = significance(np.zeros((9, 4)), np.zeros((8, 4)), test="maxt", progress=False)
    assert (nothing.p_adjusted == 1).all()


def test_the_permutations_end_where_nothing_can_be_significant(rng):
    group, null = rng.standard_normal((2, 30, 50))
    settings = {"test": "maxt", "transform": "signed", "n_permutations": 5000, "progress": False}
    short = significance(group, null, **settings)
    whole = significance(group, null, correction="none", **settings)
    assert 0 < short.attrs["n_permutations"] < 2600
    assert whole.attrs["n_permutations"] == 5000
    assert not short.significant.any()
    group[:, 7] += 2
    assert significance(group, null, **settings).attrs["n_permutations"] == 5000


def test_the_family_wise_error_holds_at_unequal_sizes_on_skewed_attributions():
    rng = np.random.default_rng(5)
    repeats, hits = 200, 0
    for repeat in range(repeats):
        group, null = np.exp(2 * rng.standard_normal((60, 40))), np.exp(2 * rng.standard_normal((12, 40)))
        table = significance(group, null, test="maxt", n_permutations=199, seed=repeat, progress=False)
        hits += table.significant.any()
    assert stats.binomtest(hits, repeats, 0.05, alternative="greater").pvalue > 1e-3


def test_calibration_takes_the_test(rng):
    pool = rng.standard_normal((60, 9))
    found = null_calibration(pool, 20, 40, test="maxt", n_permutations=199)
    assert found.any_significant.sum() <= 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_permutations": 18}, r"n_permutations is 18: .* at least 19\."),
        ({"correction": "bonferroni", "n_permutations": 110}, "at least 119, or no correction besides"),
        ({"n_permutations": 0}, "n_permutations is 0"),
        ({"correction": "sidak"}, "expected one of bonferroni, holm, fdr_bh, none, westfall-young"),
    ],
)
def test_permutations_that_cannot_succeed_are_refused(rng, options, message):
    group, null = rng.standard_normal((2, 12, N_FEATURES))
    with pytest.raises(ValueError, match=message):
        significance(group, null, test="maxt", progress=False, **options)


def test_samples_that_cannot_succeed_are_refused(rng):
    with pytest.raises(ValueError, match="2 class and 3 null samples can be arranged in 10 ways"):
        significance(rng.standard_normal((2, 3)), rng.standard_normal((3, 3)), test="maxt", progress=False)
    with pytest.raises(ValueError, match="westfall-young"):
        significance(rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), correction="westfall-young")


@pytest.mark.filterwarnings("ignore::eigrad.significance.SignificanceWarning")
@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-5])
def test_exact_p_values_are_no_smaller_than_arrangements_allow(spread):
    rng = np.random.default_rng(3)
    group, null = (spread * rng.standard_normal((4, 50)) for _ in range(2))
    group += 1.0
    table = significance(group, null, transform="signed", test="maxt", progress=False)
    assert (table["p_value"] == 2 / 70).all()


def test_too_few_samples_are_not_mended_by_fewer_permutations():
    rng = np.random.default_rng(4)
    with pytest.raises(ValueError, match=r"can be arranged in 20 ways: .* expected more samples"):
        significance(*rng.standard_normal((2, 3, 4)), transform="signed", test="maxt")
