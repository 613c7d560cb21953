"""Laws of the comparison of class and null."""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from eigrad.significance import (
    SignificanceWarning,
    null_calibration,
    null_p_values,
    recommended,
    significance,
)
from eigrad.significance.guards import observed

TRANSFORMS = ["abs", "share", "signed", "rank"]
ALTERNATIVE = {"abs": "greater", "share": "greater", "rank": "greater", "signed": "two-sided"}
N_CLASS, N_NULL, N_FEATURES = 29, 31, 7


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def pair(rng):
    """Class and null with features of unlike size, of which the first three differ."""
    scale = np.array([3.0, 1.0, 0.2, 1.0, 5.0, 0.3, 1.0])
    group = rng.standard_normal((N_CLASS, N_FEATURES)) * scale
    null = rng.standard_normal((N_NULL, N_FEATURES)) * scale
    group[:, :3] *= 2.5
    return group, null


def transformed(values, transform):
    """The transforms, one sample at a time."""
    rows = []
    for sample in values:
        size = np.abs(sample)
        rows.append(
            {
                "abs": size,
                "share": size / size.sum(),
                "signed": sample,
                "rank": stats.rankdata(size),
            }[transform]
        )
    return np.array(rows)


def welch_by_hand(x, y, alternative):
    """The textbook: t = (m1 - m2) / se, degrees of freedom after Welch and Satterthwaite."""
    first, second = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    t = (x.mean() - y.mean()) / np.sqrt(first + second)
    freedom = (first + second) ** 2 / (first**2 / (len(x) - 1) + second**2 / (len(y) - 1))
    if alternative == "greater":
        return t, stats.t.sf(t, freedom)
    return t, 2 * stats.t.sf(abs(t), freedom)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_welch_is_the_textbook_formula(pair, transform):
    group, null = pair
    table = significance(group, null, transform=transform)
    first, second = transformed(group, transform), transformed(null, transform)
    for row, x, y in zip(table.itertuples(), first.T, second.T, strict=True):
        t, p = welch_by_hand(x, y, ALTERNATIVE[transform])
        assert row.statistic == pytest.approx(t, rel=1e-12, abs=1e-12)
        assert row.p_value == pytest.approx(p, rel=1e-12, abs=1e-12)
        spread = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
        assert row.effect == pytest.approx((x.mean() - y.mean()) / spread, abs=1e-12)
        assert row.mean_class == pytest.approx(x.mean(), rel=1e-12)
        assert row.mean_null == pytest.approx(y.mean(), rel=1e-12)
    np.testing.assert_allclose(table.mean_attribution, group.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_mannwhitney_is_scipys_one_feature_at_a_time(pair, transform):
    group, null = pair
    group[:9, 3] = 0.0
    null[:4, 3] = 0.0
    table = significance(group, null, transform=transform, test="mannwhitney")
    first, second = (transformed(values, transform) for values in pair)
    if transform == "rank":
        first[:9, 3] = second[:4, 3] = 0.0
    for row, x, y in zip(table.itertuples(), first.T, second.T, strict=True):
        expected = stats.mannwhitneyu(x, y, alternative=ALTERNATIVE[transform], method="asymptotic")
        assert row.statistic == expected.statistic - N_CLASS * N_NULL / 2
        assert row.p_value == pytest.approx(expected.pvalue, rel=1e-12)


def test_small_values_of_heavy_tailed_features_keep_their_order(rng):
    """Features over four orders of magnitude, lognormal, a third of them zeros: none is rounding."""
    size = np.logspace(-4, 0, 60)
    first, second = (
        size * np.exp(1.5 * rng.standard_normal((n, 60))) * rng.random((n, 60)) * (rng.random((n, 60)) < 0.7)
        for n in (300, 301)
    )
    p = significance(first, second, test="mannwhitney").p_value
    expected = stats.mannwhitneyu(first, second, alternative="greater", method="asymptotic").pvalue
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    ranks = [np.where(v > 0, stats.rankdata(v, axis=1), 0.0) for v in (first, second)]
    p = significance(first, second, transform="rank").p_value
    expected = stats.ttest_ind(*ranks, equal_var=False, alternative="greater").pvalue
    np.testing.assert_allclose(p, expected, rtol=1e-10)


@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
def test_p_values_are_uniform_when_there_is_nothing_to_find(rng, test):
    pool = rng.standard_normal((240, 500))
    p = null_p_values(pool, 100, 60, test=test).to_numpy()
    assert 0.045 < np.mean(p <= 0.05) < 0.055
    for level in (0.25, 0.5, 0.75):
        assert np.mean(p <= level) == pytest.approx(level, abs=0.01)
    # Independent pools, not only redraws of one: each has its own features.
    fresh = [significance(*rng.standard_normal((2, 60, 2000)), test=test).p_value for _ in range(15)]
    assert 0.045 < np.mean(np.concatenate(fresh) <= 0.05) < 0.055


@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
def test_less_use_than_in_the_null_has_p_above_one_half(pair, test):
    group, null = pair
    table = significance(group, null, test=test)
    less = table[table.statistic < 0]
    assert len(less) > 0
    assert (less.p_value > 0.5).all()
    assert (table[table.statistic > 0].p_value < 0.5).any()


@pytest.mark.parametrize("transform", ["abs", "share", "rank"])
def test_exchanging_class_and_null_gives_one_minus_p(pair, transform):
    forward = significance(*pair, transform=transform)
    backward = significance(*pair[::-1], transform=transform)
    np.testing.assert_allclose(forward.p_value, 1 - backward.p_value, atol=1e-12)
    np.testing.assert_allclose(forward.effect, -backward.effect, rtol=1e-12)


def test_signed_is_two_sided(pair):
    forward = significance(*pair, transform="signed")
    backward = significance(*pair[::-1], transform="signed")
    np.testing.assert_allclose(forward.p_value, backward.p_value, atol=1e-12)
    group, null = pair
    group[:, 4] -= 20.0
    table = significance(group, null, transform="signed", min_effect=1.0)
    assert table.significant[4]
    assert table.effect[4] < -1.0


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
def test_permuted_features_are_permuted_rows(pair, rng, transform, test):
    order = rng.permutation(N_FEATURES)
    group, null = pair
    table = significance(group, null, transform=transform, test=test)
    permuted = significance(group[:, order], null[:, order], transform=transform, test=test, feature_names=order)
    expected = table.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(permuted, expected, rtol=1e-12, atol=1e-12, check_dtype=False)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e-30])
def test_the_unit_of_the_attributions_does_not_matter(pair, transform, test, unit):
    group, null = pair
    group[:, 6], null[:, 6] = 0.1, 0.1 + 1e-9
    table = significance(group, null, transform=transform, test=test)
    other = significance(group * unit, null * unit, transform=transform, test=test)
    np.testing.assert_allclose(other.p_value, table.p_value, atol=1e-12)
    assert (other.significant == table.significant).all()


@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
@pytest.mark.parametrize("transform", ["abs", "signed"])
def test_a_feature_without_variance_is_not_significant_but_counts(pair, rng, transform, test):
    group, null = pair
    group[:, 3] = null[:, 3] = 0.1
    group[:, 4] = null[:, 4] = 0.0
    group[:, 5], null[:, 5] = 1.0 + 1e-9, 1.0  # rounding beside the largest feature, of size 3
    group[:, 6] = 1e-9 * rng.random(N_CLASS) + 1e-9
    null[:, 6] = 1e-9 * rng.random(N_NULL)
    table = significance(group, null, transform=transform, test=test)
    still = table.loc[3:6]
    assert (still.p_value == 1.0).all()
    assert (still.statistic == 0.0).all()
    assert (still.effect == 0.0).all()
    assert not still.significant.any()
    first = table.loc[0]
    assert first.p_adjusted == pytest.approx(min(1.0, N_FEATURES * first.p_value), rel=1e-12)


def test_variance_by_rounding_alone_is_none():
    group, null = np.full((29, 3), 0.1), np.full((27, 3), 0.1)
    assert group[:, 0].var() > 0.0 or null[:, 0].var() > 0.0
    with pytest.warns(SignificanceWarning, match="29 of 29"):
        table = significance(group, null)
    assert (table.p_value == 1.0).all()


def test_rounding_about_zero_does_not_decide_ranks(rng):
    """Dust where the null has exact zeros, in a feature both sets rarely use."""
    group, null = rng.standard_normal((40, 2)), rng.standard_normal((40, 2))
    group[5:, 1], null[5:, 1] = 1e-10, 0.0
    assert significance(group, null, test="mannwhitney").p_value[1] > 0.05
    assert significance(group, null, transform="rank").p_value[1] > 0.05


def test_two_different_constants_are_told_apart(pair):
    group, null = pair
    group[:, 3], null[:, 3] = 1.0, 0.0
    table = significance(group, null)
    assert table.significant[3]
    assert np.isfinite(table[["statistic", "effect"]]).all(axis=None)


@pytest.mark.parametrize("test", ["welch", "mannwhitney"])
def test_features_that_are_zero_do_not_become_significant_by_their_ranks(rng, test):
    """The class has more zeros than the null, so that average ranks of zeros are higher in it."""
    group, null = rng.standard_normal((60, 40)), rng.standard_normal((61, 40))
    group[:, :10] *= rng.random((60, 10)) < 0.3
    group[:, 20:] = null[:, 20:] = 0.0
    null[7, 39] = 1e-3
    for first, second in [(group, null), (null, group)]:
        table = significance(first, second, transform="rank", test=test)
        assert not table.significant[20:].any()
        assert (table.p_value[20:39] == 1.0).all()


def test_ties_share_their_average_rank():
    group = np.array([[2.0, -2.0, 1.0, 0.0], [5.0, 5.0, -5.0, 0.0]])
    table = significance(group, group[::-1] * 2 + [0, 0, 0, 1], transform="rank")
    np.testing.assert_array_equal(table.mean_class, [(3.5 + 3) / 2, (3.5 + 3) / 2, (2 + 3) / 2, 0])


def test_share_of_a_sample_without_attributions_is_zero(pair):
    group, null = pair
    group[0] = 0.0
    table = significance(group, null, transform="share")
    assert table.mean_class.sum() == pytest.approx((N_CLASS - 1) / N_CLASS)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_groups_are_summed_before_the_transform(pair, transform):
    group, null = pair
    labels = ["b", "a", "b", "c", "a", "b", "c"]
    members = {"b": [0, 2, 5], "a": [1, 4], "c": [3, 6]}
    summed = [np.stack([v[:, m].sum(axis=1) for m in members.values()], axis=1) for v in pair]
    table = significance(group, null, groups=labels, transform=transform)
    expected = significance(*summed, feature_names=list(members), transform=transform)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-12, atol=1e-12)
    assert list(table.feature) == ["b", "a", "c"]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_opposite_members_cancel(rng, transform):
    """0.1 + 0.2 - 0.3 is not zero in binary, and the whole of its sample's attribution."""
    unit = rng.random((19, 1)) + 0.5
    group = unit * np.array([0.1, 0.2, -0.3, 0.1, -0.1])
    null = group[:18] * 1.7
    table = significance(group, null, groups=list("xxxyy"), transform=transform)
    assert (table.p_value == 1.0).all()
    assert (table.mean_class == 0.0).all()


def test_images_are_flattened_and_any_source_is_read(pair):
    group, null = (values[:, :6].astype(np.float32) for values in pair)

    class Source:
        def numpy(self):
            return group

    expected = significance(group, null)
    image = torch.tensor(group.reshape(N_CLASS, 2, 3), requires_grad=True)
    for first in (Source(), image, np.asfortranarray(group)):
        pd.testing.assert_frame_equal(significance(first, torch.tensor(null)), expected)
    coarse = significance(torch.tensor(group).bfloat16(), null)
    assert np.isfinite(coarse.p_value).all()


def test_the_inputs_are_left_alone(pair):
    before = [values.copy() for values in pair]
    for transform in TRANSFORMS:
        significance(*pair, transform=transform)
    for values, kept in zip(pair, before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_the_table(pair):
    table = significance(*pair, alpha=0.01, feature_names=[f"f{i}" for i in range(N_FEATURES)])
    assert list(table) == [
        "feature",
        "mean_attribution",
        "mean_class",
        "mean_null",
        "statistic",
        "effect",
        "effect_low",
        "effect_high",
        "superiority",
        "superiority_low",
        "superiority_high",
        "p_value",
        "p_adjusted",
        "significant",
        "n_class",
        "n_null",
    ]
    assert list(table.feature) == [f"f{i}" for i in range(N_FEATURES)]
    assert table.significant.dtype == bool
    assert set(table.n_class) == {N_CLASS}
    assert set(table.n_null) == {N_NULL}
    assert table.attrs["alpha"] == 0.01
    assert table.attrs["warnings"] == []


def adjusted_by_hand(p, correction):
    """Holm and Benjamini-Hochberg as they are defined, one ordered p-value at a time."""
    n, order = len(p), np.argsort(p)
    result = np.empty(n)
    if correction == "bonferroni":
        return np.minimum(1.0, n * p)
    if correction == "holm":
        for place, feature in enumerate(order):
            result[feature] = min(1.0, max((n - k) * p[order[k]] for k in range(place + 1)))
    else:
        for place, feature in enumerate(order):
            result[feature] = min(1.0, min(n / (k + 1) * p[order[k]] for k in range(place, n)))
    return result


@pytest.mark.parametrize("correction", ["bonferroni", "holm", "fdr_bh"])
def test_corrections_are_their_definitions(pair, correction):
    table = significance(*pair, correction=correction)
    by_hand = adjusted_by_hand(table.p_value.to_numpy(), correction)
    np.testing.assert_allclose(table.p_adjusted, by_hand, rtol=1e-12)
    assert (table.significant == (by_hand <= 0.05)).all()
    assert table.significant.any()


def test_corrections_are_ordered_by_their_strictness(pair):
    adjusted = [significance(*pair, correction=name).p_adjusted for name in ("bonferroni", "holm", "fdr_bh", "none")]
    for stricter, milder in pairwise(adjusted):
        assert (stricter >= milder).all()
        assert (stricter > milder).any()
    np.testing.assert_array_equal(adjusted[-1], significance(*pair).p_value)


def test_alpha_and_the_effect_floor_decide(pair):
    table = significance(*pair)
    chosen = table[table.significant]
    assert len(chosen) >= 2
    smallest = chosen.effect.min()
    floored = significance(*pair, min_effect=smallest + 1e-9)
    assert floored.significant.sum() == len(chosen) - 1
    strict = significance(*pair, alpha=chosen.p_adjusted.max() * 0.999)
    assert strict.significant.sum() == len(chosen) - 1


def test_shared_samples_are_warned_of(pair, rng):
    group, null = (values.astype(np.float32) for values in pair)
    again = np.concatenate([null[3:], group[4:7] * np.float32(1 + 1e-7)])
    with pytest.warns(SignificanceWarning, match=r"3 of 29 class samples"):
        table = significance(group, again)
    assert len(table.attrs["warnings"]) == 1
    with pytest.warns(SignificanceWarning, match=r"1 of 29 class samples"):
        significance(group * 1e-30, np.concatenate([null[1:], group[:1]]) * 1e-30)


def test_samples_of_zeros_or_alike_in_part_are_not_shared(pair):
    group, null = pair
    group[3] = null[5] = null[6] = 0.0
    null[0] = group[0] * 1.001
    null[1] = group[1]
    null[1, 2] *= 1.001
    null[2] = -group[2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = significance(group, null)
        significance(np.zeros((11, 3)), null[:12, :3])
    assert table.attrs["warnings"] == []


def test_unequal_sizes_are_warned_of(rng):
    values = rng.standard_normal((60, 5))
    for n_class, n_null, test in [(12, 25, "welch"), (25, 12, "welch"), (12, 25, "mannwhitney")]:
        with pytest.warns(SignificanceWarning, match=r"Draw 12 of the larger"):
            table = significance(values[:n_class], values[30 : 30 + n_null], test=test)
        assert len(table.attrs["warnings"]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = significance(values[:12], values[30:43])
    assert table.attrs["warnings"] == []


def test_unlike_totals_are_warned_of_where_they_matter(rng):
    group, null = 2.5 * rng.standard_normal((40, 60)), rng.standard_normal((40, 60))
    with pytest.warns(SignificanceWarning) as caught:
        table = significance(group, null)
    assert [str(each.message) for each in caught] == table.attrs["warnings"]
    total, nearly_all = table.attrs["warnings"]
    sums = [np.median(np.abs(x).sum(1)) for x in (group, null)]
    assert f"sums to {sums[0]:.3g} in the median sample of the class and to {sums[1]:.3g} in that of" in total
    assert (
        f"{table.significant.sum()} of 60 features are significant: the class has more attribution in all" in nearly_all
    )
    for transform in ("share", "rank", "signed"):
        assert significance(group, null, transform=transform).attrs["warnings"] == []
    assert significance(np.zeros((4, 60)), np.zeros((4, 60))).attrs["warnings"] == []
    few = significance(group[:, :40], null[:, :40])
    assert few.significant.mean() > 0.5
    assert few.attrs["warnings"] == []


def test_a_majority_of_significant_features_is_warned_of(rng):
    group, null = rng.standard_normal((400, 60)) + 1.0, rng.standard_normal((400, 60))
    with pytest.warns(SignificanceWarning, match=r"60 of 60 features are significant: with this many samples"):
        significance(group, null, transform="signed")
    assert significance(group, null, transform="signed", min_effect=2.0).attrs["warnings"] == []


@pytest.mark.parametrize("test", ["welch", "maxt"])
def test_a_wider_spread_of_what_is_significant_is_warned_about(rng, test):
    group, null = rng.normal(0, 1, (30, 5)), rng.normal(0, 1, (30, 5))
    group[:, :2] += 4
    options = {"transform": "signed", "test": test, "n_permutations": 999, "progress": False}
    assert significance(group, null, **options).attrs["warnings"] == []
    group[:, [0, 3]] = 4 * (group[:, [0, 3]] - group[:, [0, 3]].mean(0)) + [8, 0]
    with pytest.warns(SignificanceWarning, match=r"1 of 2 significant features are spread at least 2 times as widely"):
        table = significance(group, null, **options)
    assert list(table["significant"]) == [True, True, False, False, False]


def test_every_warning_is_what_was_seen_and_then_what_to_do(rng):
    one, other = 2.5 * rng.standard_normal((40, 60)), rng.standard_normal((30, 60))
    shared = np.concatenate([rng.standard_normal((29, 60)), one[:1]])
    wide = rng.normal(0, 1, (30, 5)) * 4 + [8, 0, 0, 0, 0]
    found = []
    for group, null, transform in [
        (one, shared, "abs"), (one + 9, other, "signed"), (wide, rng.normal(0, 1, (30, 5)), "signed")
    ]:  # fmt: skip
        with pytest.warns(SignificanceWarning):
            found += significance(group, null, transform=transform).attrs["warnings"]
    advice = {message: message.removeprefix(observed(message)) for message in found}
    assert {words.split()[0] for words in advice.values()} == {"Compare", "Draw", "Leave", "Order"}
    assert len({words.split()[1] for words in advice.values()}) == 5  # two of them compare, shares or samples
    assert all(message.count(". ") == 1 and message.endswith(".") for message in found)
    assert observed("of an older run; compare shares.") == "of an older run; compare shares."


def test_null_calibration_repeats_the_test_on_disjoint_draws(rng):
    pool = rng.standard_normal((20, 6))
    pool[:, 5] = 0.0
    options = {"transform": "share", "test": "mannwhitney", "seed": 3}
    table = null_calibration(pool, 10, 4, alpha=0.2, correction="none", **options)
    p = null_p_values(pool, 10, 4, **options)
    assert p.shape == (4, 6)
    assert list(table.repeat) == [0, 1, 2, 3]
    np.testing.assert_array_equal(table.min_p, p.min(axis=1))
    np.testing.assert_array_equal(table.n_significant, (p <= 0.2).sum(axis=1))
    np.testing.assert_array_equal(table.any_significant, (p <= 0.2).any(axis=1))
    np.testing.assert_allclose(table.false_positive_rate, (p[list(range(5))] <= 0.2).mean(axis=1))
    assert (p[5] == 1.0).all()
    again = null_p_values(pool, 10, 4, **options)
    pd.testing.assert_frame_equal(p, again)
    assert not p.equals(null_p_values(pool, 10, 4, **{**options, "seed": 4}))


def test_null_calibration_draws_no_sample_twice():
    """Feature i is sample i's alone: each draw of all samples puts it in one half, once."""
    p = null_p_values(np.eye(12) + 1.0, 6, 20, transform="signed", test="welch")
    _, alone = welch_by_hand(np.array([1.0] * 5 + [2.0]), np.ones(6), "two-sided")
    np.testing.assert_allclose(p, alone, rtol=1e-12)
    halves = null_p_values(np.eye(12) + 1.0, 6, 20, test="welch") < 0.5
    assert (halves.sum(axis=1) == 6).all()
    assert halves.drop_duplicates().shape[0] > 10


def test_null_calibration_sums_groups(rng):
    pool = rng.standard_normal((30, 6))
    summed = pool.reshape(30, 3, 2).sum(axis=2)
    p = null_p_values(pool, 9, 3, groups=list("aabbcc"))
    np.testing.assert_allclose(p, null_p_values(summed, 9, 3), atol=1e-12)
    assert list(p) == ["a", "b", "c"]
    table = null_calibration(pool, 9, 3, groups=list("aabbcc"))
    np.testing.assert_allclose(table.min_p, p.min(axis=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"null": np.ones((5, 3))}, r"3 features and the class 7.*same features"),
        ({"group": np.full((4, 7), np.nan)}, r"class has 28 values that are NaN"),
        ({"null": np.full((4, 7), np.inf)}, r"null has 28 values .* infinite"),
        ({"group": np.ones((1, 7))}, r"class has 1 sample; expected at least 2"),
        ({"group": np.ones(7)}, r"shape \(7,\); expected .*\(samples, features\)"),
        ({"group": np.ones((4, 0))}, r"shape \(4, 0\)"),
        ({"group": np.ones((4, 7), dtype=complex)}, r"complex128.*expected real"),
        ({"groups": list("aab")}, r"groups has 3 labels; expected one for each of the 7"),
        ({"groups": [None, *"abcdef"]}, r"lacks a label for 1 features"),
        ({"feature_names": ["a"]}, r"feature_names has 1 names; .* 7 features"),
        ({"transform": "square"}, r"transform is 'square'; expected one of abs, share"),
        ({"test": "median"}, r"test is 'median'; expected one of welch, mannwhitney, maxt"),
        ({"correction": "sidak"}, r"correction is 'sidak'; expected one of bonferroni"),
        ({"alpha": 0.0}, r"alpha is 0.0; expected a level between 0 and 1"),
        ({"alpha": 1.0}, r"alpha is 1.0"),
        ({"alpha": float("nan")}, r"alpha is nan"),
        ({"min_effect": -0.1}, r"min_effect is -0.1; expected 0"),
    ],
)
def test_refusals(pair, change, message):
    arguments = {"group": pair[0], "null": pair[1], **change}
    with pytest.raises(ValueError, match=message):
        significance(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: null_calibration(v, 16, 2), r"disjoint sets of 16 .* pool of 31 .*from 2 to 15"),
        (lambda v: null_calibration(v, 1, 2), r"disjoint sets of 1 "),
        (lambda v: null_p_values(v, 5, 0), r"repeats is 0; expected at least 1"),
        (lambda v: null_calibration(v, 5, 1, test="z"), r"test is 'z'"),
    ],
)
def test_refusals_of_calibration(pair, call, message):
    with pytest.raises(ValueError, match=message):
        call(pair[1])


def test_columns_of_tables_name_features_and_must_agree():
    rng = np.random.default_rng(5)
    group, null = (pd.DataFrame(rng.standard_normal((30, 4)), columns=list("abcd")) for _ in range(2))
    assert significance(group, null)["feature"].tolist() == list("abcd")
    assert significance(group, null.to_numpy())["feature"].tolist() == list("abcd")
    assert significance(group, null, feature_names=range(4))["feature"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="the null has the column 'd' where another has 'a'; expected the same"):
        significance(group, null[list("dcba")])
    with pytest.raises(ValueError, match="the null has 3 columns where another has 4"):
        significance(group, null[list("abc")])
    with pytest.raises(ValueError, match="the reference has the column 'd'"):
        recommended(group, null, null[list("dcba")], test="welch")


@pytest.mark.parametrize("nonzero", [1, 2])
def test_few_numbers_do_not_make_samples_the_same(nonzero):
    rng = np.random.default_rng(6)
    group, null = (np.zeros((300, 5)) for _ in range(2))
    group[:, :nonzero], null[:, :nonzero] = rng.standard_normal((2, 300, nonzero))
    table = significance(group, null)
    assert not [message for message in table.attrs["warnings"] if "attributions of a null sample" in message]
