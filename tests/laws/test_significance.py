"""Laws of the tables that say which features are used more, of how nulls are drawn, and of meta-features."""

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.laws.strategies import LAYOUTS, NAMES, SEEDS, laid_out, law, tables

from eigrad import NullDraw, SignificanceWarning, null_calibration, patches, recommended, significance
from eigrad.significance import (
    by_prefix,
    correlated,
    familywise_error,
    members,
    null_p_values,
    planted_power,
    ranking,
    recommended_calibration,
)

TRANSFORMS = ("abs", "share", "signed", "rank")
CORRECTIONS = ("none", "fdr_bh", "holm", "bonferroni")  # from the most daring
TESTS = ("welch", "mannwhitney", "maxt")
HOW = {"transform": st.sampled_from(TRANSFORMS), "test": st.sampled_from(TESTS)}
UNITS = st.integers(-100, 100).map(lambda power: 2.0**power)
KEPT = ["mean_attribution", "statistic", "effect", "p_value", "p_adjusted", "superiority"]


@st.composite
def sets(draw, n_sets=2, least=2, most=7):
    """Sets of samples of the same features."""
    n_features = draw(st.integers(1, 5))
    return tuple(draw(tables(st.integers(least, most), st.just(n_features))) for _ in range(n_sets))


# Nothing differs, and statistics are zero up to rounding, in most arrangements of the samples.
TIED = np.array([[2.0, -1.32441592, 2.46915237e-14, -0.0], [-1.0, -2.37771572e-15, -3.0, -2.67470002]])


# A part in 1e16 of a sample's attribution: without it the shares of the first feature are tied.
RESIDUE = np.array([[2.0, 0.0], [2.0, 3e-16], [1.0, 1.0]])


def compared(group, null, test="welch", **options):
    """The table; at sizes this small a guard may speak, and max-T refuse."""
    if test == "maxt":
        options = {"n_permutations": 50, "alpha": 0.3, **options}
        mirrored = 2 if options.get("transform") == "signed" and len(group) == len(null) else 1
        assume(math.comb(len(group) + len(null), len(group)) >= mirrored / 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        return significance(group, null, test=test, progress=False, **{"n_resamples": 20, **options})


@law(64)
@given(pair=sets(), **HOW)
@example(pair=(np.zeros((2, 1)), np.zeros((3, 1))), transform="abs", test="maxt")
@example(pair=(np.zeros((3, 2)), np.ones((3, 2))), transform="share", test="welch")
def test_numbers_are_what_they_are_said_to_be(pair, transform, test):
    table = compared(*pair, test, transform=transform)
    assert len(table) == pair[0].shape[1]
    for name in ("p_value", "p_adjusted", "superiority", "superiority_low", "superiority_high"):
        assert table[name].between(0, 1).all(), name
    assert (table["p_adjusted"] >= table["p_value"] - 1e-12).all()
    assert (table["superiority_low"] <= table["superiority"] + 1e-9).all()
    assert (table["superiority"] <= table["superiority_high"] + 1e-9).all()
    assert (table["effect_low"] <= table["effect_high"]).all()
    assert np.isfinite(table[["statistic", "effect", "effect_low", "effect_high"]]).all(axis=None)
    assert (table["significant"] == (table["p_adjusted"] <= table.attrs["alpha"])).all()
    np.testing.assert_allclose(table["mean_attribution"], pair[0].mean(0), rtol=1e-9, atol=1e-9)
    difference = table["mean_class"] - table["mean_null"]
    told = np.abs(difference) > 1e-5 * max(table["mean_class"].abs().max(), table["mean_null"].abs().max())
    assert (np.sign(table["effect"]) == np.sign(difference))[told].all()
    if test != "mannwhitney":
        assert (np.sign(table["statistic"]) == np.sign(difference))[told].all()
    both = np.concatenate(pair)
    if transform in ("abs", "signed"):
        still = (np.abs(both) if transform == "abs" else both).std(0) == 0
        assert (table.loc[still, ["p_value", "p_adjusted"]] == 1).all(axis=None)
        assert (table.loc[still, ["statistic", "effect", "effect_low", "effect_high"]] == 0).all(axis=None)


@law(40)
@given(pair=sets(), order=SEEDS, **HOW)
def test_features_in_another_order_have_the_same_rows_in_that_order(pair, order, transform, test):
    order = np.random.default_rng(order).permutation(pair[0].shape[1])
    table = compared(*pair, test, transform=transform)
    shuffled = compared(*(each[:, order] for each in pair), test, transform=transform, feature_names=order)
    assert list(shuffled["feature"]) == list(order)
    same(shuffled, table.iloc[order])


def same(one, other, rtol=1e-7):
    for name in KEPT:
        np.testing.assert_allclose(one[name], other[name], rtol=rtol, atol=1e-9, err_msg=name)


@law(32)
@given(pair=sets(), order=SEEDS, transform=HOW["transform"], test=st.sampled_from(["welch", "mannwhitney"]))
def test_the_order_of_the_samples_does_not_matter(pair, order, transform, test):
    rng = np.random.default_rng(order)
    table = compared(*pair, test, transform=transform)
    same(compared(*(rng.permutation(each) for each in pair), test, transform=transform), table)


@law(48)
@given(pair=sets(), unit=UNITS, transform=HOW["transform"], test=HOW["test"], single=st.booleans())
@example(
    pair=(np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])),
    unit=2.0**-100,
    transform="signed",
    test="welch",
    single=True,
)
def test_the_unit_of_the_attributions_does_not_matter(pair, unit, transform, test, single):
    table = compared(*pair, test, transform=transform)
    kind = np.float32 if single else np.float64
    scaled = compared(*((each * unit).astype(kind) for each in pair), test, transform=transform)
    scaled["mean_attribution"] /= unit
    same(scaled, table)
    assert (scaled["significant"] == table["significant"]).all()


@law(40)
@given(pair=sets(), test=HOW["test"], negative=st.booleans())
def test_exchanging_class_and_null_turns_the_effect_round(pair, test, negative):
    first, second = pair
    assume(test != "maxt" or math.comb(len(first) + len(second), len(first)) <= 50)  # all arrangements
    there, back = compared(first, second, test, transform="signed"), compared(second, first, test, transform="signed")
    if negative:
        back = compared(-first, -second, test, transform="signed")
        np.testing.assert_allclose(back["mean_attribution"], -there["mean_attribution"], rtol=1e-9, atol=1e-12)
    for name in ("statistic", "effect"):
        np.testing.assert_allclose(back[name], -there[name], rtol=1e-9, atol=1e-9)
    for name in ("p_value", "p_adjusted"):
        np.testing.assert_allclose(back[name], there[name], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(back["superiority"], 1 - there["superiority"], rtol=0, atol=1e-12)
    for low, high in (("superiority_low", "superiority_high"), ("superiority_high", "superiority_low")):
        np.testing.assert_allclose(back[low], 1 - there[high], rtol=0, atol=1e-6)


@law(32)
@given(
    pair=sets(),
    value=st.sampled_from([0.0, 1.0, -3.0, 1e-3]),
    transform=st.sampled_from(["abs", "signed"]),
    test=HOW["test"],
)
def test_a_constant_feature_has_p_1_and_counts_in_the_correction(pair, value, transform, test):
    more = [np.hstack([each, np.full((len(each), 1), value)]) for each in pair]
    least = max(np.abs(each).mean(0).max() for each in pair) * 1e-6
    assume(abs(value) * 1e-6 <= least)  # else rounding, by which what varies is judged, is another
    assume(all(not 0 < np.ptp(column) < 1e-4 for column in np.concatenate(pair).T))
    without, table = (compared(*each, test, transform=transform) for each in (pair, more))
    last = table.iloc[-1]
    assert (last["p_value"], last["p_adjusted"], last["statistic"], last["effect"]) == (1, 1, 0, 0)
    assert not last["significant"]
    n = len(without)
    np.testing.assert_allclose(table["p_value"].head(n), without["p_value"], rtol=1e-7, atol=1e-9)
    if test != "maxt":  # Bonferroni
        np.testing.assert_allclose(table["p_adjusted"].head(n), np.minimum(1, without["p_value"] * (n + 1)), rtol=1e-7)


@law(32)
@given(pair=sets(), names=st.lists(NAMES, min_size=5, max_size=5, unique=True), **HOW)
@example(pair=(np.ones((2, 2)), np.zeros((3, 2))), names=["a", "b", 1, 2, 3], transform="share", test="welch")
@example(pair=(RESIDUE, RESIDUE * 0.75), names=["a", "b", 1, 2, 3], transform="share", test="welch")
@example(pair=(TIED, TIED), names=["a", "b", 1, 2, 3], transform="abs", test="maxt")
def test_groups_of_one_feature_are_the_features(pair, names, transform, test):
    labels = names[: pair[0].shape[1]]
    table = compared(*pair, test, transform=transform, feature_names=labels)
    grouped = compared(*pair, test, transform=transform, groups=labels)
    pd.testing.assert_frame_equal(grouped, table)
    assert list(table["feature"]) == labels


@law(32)
@given(
    pair=sets(),
    labels=st.lists(st.sampled_from(["a", ("b", 1), 2, None.__class__.__name__]), min_size=5, max_size=5),
    **HOW,
)
def test_groups_are_the_sums_of_their_members(pair, labels, transform, test):
    labels = labels[: pair[0].shape[1]]
    found = list(dict.fromkeys(labels))

    def sums(each):
        return np.stack([sum(each[:, i] for i, label in enumerate(labels) if label == name) for name in found], 1)

    summed = [sums(each) for each in pair]
    for each, whole in zip(summed, pair, strict=True):
        each[np.abs(each) <= 1e-12 * sums(np.abs(whole))] = 0  # what members that cancel leave
    table = compared(*pair, test, transform=transform, groups=labels)
    same(table, compared(*summed, test, transform=transform))
    assert list(table["feature"]) == found


@law(32)
@given(pair=sets(), transform=HOW["transform"], test=st.sampled_from(["welch", "mannwhitney"]))
def test_corrections_stand_in_order(pair, transform, test):
    adjusted = [compared(*pair, test, transform=transform, correction=each)["p_adjusted"] for each in CORRECTIONS]
    for daring, careful in itertools.pairwise(adjusted):
        assert (daring <= careful + 1e-12).all()
    p_values, n = adjusted[0], len(adjusted[0])
    false = [min(p * n / (p_values <= p).sum() for p in p_values[p_values >= own]) for own in p_values]
    np.testing.assert_allclose(adjusted[1], np.minimum(false, 1), rtol=1e-12)
    holm = [max(p * (p_values >= p).sum() for p in p_values[p_values <= own]) for own in p_values]
    np.testing.assert_allclose(adjusted[2], np.minimum(holm, 1), rtol=1e-12)
    np.testing.assert_allclose(adjusted[3], np.minimum(p_values * n, 1), rtol=1e-12)


@law(24)
@given(
    pair=sets(),
    kind=st.sampled_from(["float64", "float32", "float16", "int64", "int8", "uint8"]),
    layout=st.sampled_from(LAYOUTS),
    transform=HOW["transform"],
)
@example(pair=(np.full((2, 60), -128.0), np.full((2, 60), 3.0)), kind="int8", layout="plain", transform="abs")
def test_the_same_numbers_have_the_same_table_however_they_come(pair, kind, layout, transform):
    values = [np.abs(np.round(each)) if kind == "uint8" else np.round(each) for each in pair]
    assume(layout != "big endian" or kind != "float16")
    given = [laid_out(each.astype(kind), layout) for each in values]
    found = compared(*given, transform=transform)
    expected = compared(*values, transform=transform)
    assert found.attrs["warnings"] == expected.attrs["warnings"]
    names = [f"f{i}" for i in range(len(found))] if layout == "table" else list(range(len(found)))
    assert list(found["feature"]) == names
    pd.testing.assert_frame_equal(found.drop(columns="feature"), expected.drop(columns="feature"))


@law(24)
@given(pair=sets(), floor=st.floats(0, 2), transform=HOW["transform"], alpha=st.sampled_from([0.01, 0.3, 0.9]))
def test_a_floor_only_takes_away(pair, floor, transform, alpha):
    all_of, some = (compared(*pair, transform=transform, alpha=alpha, min_effect=least) for least in (0.0, floor))
    size = some["effect"].abs() if transform == "signed" else some["effect"]
    assert (some["significant"] == (all_of["significant"] & ((size >= floor) | (floor == 0)))).all()


# recommended

MIDDLE = np.array([[0.0], [0.5], [-0.5]])


@law(40)
@given(three=sets(3, 3, 7), min_share=st.sampled_from([0.0, 0.05, 0.6]), test=st.sampled_from(["welch", "maxt"]))
@example(three=(MIDDLE, MIDDLE + 9, MIDDLE - 9), min_share=0.05, test="welch")
def test_recommended_features_differ_from_both_nulls_and_are_not_tiny(three, min_share, test):
    table, (first, second) = advised(three, min_share, test)
    magnitude = np.abs(three[0]).mean(0)
    np.testing.assert_allclose(table["magnitude"], magnitude, rtol=1e-9, atol=1e-12)
    both = np.maximum(first["p_adjusted"], second["p_adjusted"])
    np.testing.assert_allclose(table["p_adjusted"], np.minimum(1, 2 * both), rtol=1e-12)
    chosen = table[table["significant"]]
    assert (chosen["p_null"] <= 0.2).all()
    assert (chosen["p_reference"] <= 0.2).all()
    assert (np.sign(chosen["t_null"]) == np.sign(chosen["t_reference"])).all()
    assert (chosen["magnitude"] >= min_share * magnitude.max()).all()
    rest = table[~table["significant"]]
    apart = np.sign(rest["t_null"]) * np.sign(rest["t_reference"]) <= 0
    assert (apart | (rest["p_adjusted"] > 0.4) | (rest["magnitude"] < min_share * magnitude.max())).all()
    assert (table["t"].abs() <= np.minimum(table["t_null"].abs(), table["t_reference"].abs())).all()
    for order in ("magnitude", "t", "product"):
        places = ranking(table, order)
        assert sorted(places) == list(range(len(table)))
        assert (table[order].abs().to_numpy()[places][:-1] >= table[order].abs().to_numpy()[places][1:]).all()


def advised(three, min_share, test):
    options = {"test": test, "n_permutations": 60, "progress": False}
    if test == "maxt":
        assume(all(2 / math.comb(len(three[0]) + len(each), len(each)) <= 0.2 for each in three[1:]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        table = recommended(*three, alpha=0.4, min_share=min_share, **options)
        each = [significance(three[0], null, transform="signed", alpha=0.2, **options) for null in three[1:]]
    return table, each


@law(24)
@given(three=sets(3, 3, 7), unit=UNITS, order=SEEDS)
def test_recommended_features_depend_on_neither_order_nor_unit_nor_which_null_is_which(three, unit, order):
    order = np.random.default_rng(order).permutation(three[0].shape[1])
    table, _ = advised(three, 0.05, "welch")
    shuffled, _ = advised([each[:, order] * unit for each in three], 0.05, "welch")
    exchanged, _ = advised([three[0], three[2], three[1]], 0.05, "welch")
    for name in ("t", "effect", "p_adjusted", "p_null", "t_reference"):
        np.testing.assert_allclose(shuffled[name], table[name].iloc[order], rtol=1e-7, atol=1e-9)
    assert (shuffled["significant"].to_numpy() == table["significant"].to_numpy()[order]).all()
    for name, other in (("t", "t"), ("p_adjusted", "p_adjusted"), ("p_null", "p_reference"), ("product", "product")):
        np.testing.assert_allclose(exchanged[name], table[other], rtol=1e-12, atol=1e-12)


# nulls


@law(48)
@given(
    labels=st.lists(st.sampled_from(["a", "b", ("c", 1), 4]), min_size=2, max_size=40),
    n=st.integers(2, 40),
    repeats=st.integers(1, 4),
    seed=SEEDS,
)
def test_draws_are_without_replacement_and_keep_the_strata(labels, n, repeats, seed):
    n = min(n, len(labels))
    draws = list(NullDraw(n, repeats, labels)(len(labels), 3, seed))
    plain = list(NullDraw(repeats=repeats)(len(labels), n, seed))
    assert len(draws) == len(plain) == repeats
    for places in (*draws, *plain):
        assert len(set(places.tolist())) == len(places) == n
        assert np.array_equal(np.sort(places), places)
        assert places[0] >= 0
        assert places[-1] < len(labels)
    for places in draws:
        for label in set(labels):
            drawn = sum(labels[place] == label for place in places)
            assert abs(drawn - n * labels.count(label) / len(labels)) < 1
    again = list(NullDraw(n, repeats, labels)(len(labels), 3, seed))
    assert all(np.array_equal(*pair) for pair in zip(draws, again, strict=True))


@law(32)
@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    wanted=st.lists(st.integers(0, 6), min_size=4, max_size=4),
)
def test_draws_have_the_proportions_that_were_asked_for(counts, wanted):
    wanted = wanted[: len(counts)]
    assume(sum(wanted) >= 2)
    labels = np.repeat(np.arange(len(counts)), counts)
    shares = {label: n / sum(wanted) for label, n in enumerate(wanted) if n or label % 2}
    draw = NullDraw(sum(wanted), 1, labels, shares)
    if any(n > most for n, most in zip(wanted, counts, strict=True)):
        with pytest.raises(ValueError, match=r"a null draw of .* takes .* samples of"):
            next(iter(draw(len(labels), 2)))
        return
    (places,) = draw(len(labels), 2)
    assert np.bincount(labels[places], minlength=len(counts)).tolist() == wanted


@law(16)
@given(pair=sets(2, 4, 9), repeats=st.integers(2, 4), transform=HOW["transform"])
def test_a_table_of_draws_is_that_of_the_first(pair, repeats, transform):
    group, pool = pair[0][:3], pair[1]
    table = compared(group, pool, transform=transform, alpha=0.3, draw=NullDraw(repeats=repeats), seed=2)
    draws = [pool[places] for places in NullDraw(repeats=repeats)(len(pool), len(group), 2)]
    single = [compared(group, each, transform=transform, alpha=0.3, seed=2) for each in draws]
    pd.testing.assert_frame_equal(table.drop(columns="stability"), single[0])
    np.testing.assert_allclose(table["stability"], np.mean([each["significant"] for each in single], axis=0))


# calibration


@law(12)
@given(
    pool=tables(st.integers(6, 12), st.integers(1, 4)),
    n=st.integers(2, 3),
    repeats=st.integers(1, 3),
    seed=SEEDS,
    transform=HOW["transform"],
)
def test_calibration_counts_what_p_values_say(pool, n, repeats, seed, transform):
    options = {"transform": transform, "seed": seed}
    table = null_calibration(pool, n, repeats, alpha=0.2, **options)
    p_values = null_p_values(pool, n, repeats, **options, feature_names=list("abcd")[: pool.shape[1]])
    assert p_values.shape == (repeats, pool.shape[1])
    assert list(p_values.columns) == list("abcd")[: pool.shape[1]]
    np.testing.assert_array_equal(table["min_p"], p_values.min(axis=1))
    found = (p_values * pool.shape[1] <= 0.2).sum(axis=1)  # Bonferroni
    assert (table["n_significant"] == found.to_numpy()).all()
    assert (table["any_significant"] == (table["n_significant"] > 0)).all()
    assert table["false_positive_rate"].between(0, 1).all()
    error = familywise_error(table)
    assert 0 <= error["low"] <= error["error"] <= error["high"] <= 1
    assert error["error"] == pytest.approx(table["any_significant"].mean())


@law(5)
@given(seed=SEEDS, n=st.integers(5, 6), repeats=st.integers(1, 2))
def test_planted_and_recommended_calibrations_are_parts_of_a_whole(seed, n, repeats):
    pool = np.random.default_rng(seed).normal(size=(19, 6))
    power = planted_power(pool, n, repeats, (0.0, 50.0), n_shifted=2, seed=seed, transform="signed")
    assert power[["power", "any_false"]].stack().between(0, 1).all()
    assert (power["n_false"] <= 4).all()
    assert power["power"].iloc[1] == 1  # nobody misses fifty standard deviations
    table = recommended_calibration(pool, n, repeats, n_permutations=79, seed=seed)
    assert (table["any_significant"] == (table["n_significant"] > 0)).all()
    assert len(table) == repeats


# meta-features


@law(48)
@given(height=st.integers(1, 13), width=st.integers(1, 13), channels=st.integers(0, 3), size=st.integers(1, 14))
def test_patches_are_a_partition_into_squares(height, width, channels, size):
    shape = (channels, height, width) if channels else (height, width)
    labels = patches(shape, size)
    assert len(labels) == math.prod(shape)
    assert len(set(labels)) == -(-height // size) * -(-width // size)
    of = labels.reshape(max(channels, 1), height, width)
    assert (of == of[:1]).all()
    rows, columns = np.indices((height, width))
    numbers = (rows // size) * 100 + columns // size
    assert len(set(zip(of[0].ravel().tolist(), numbers.ravel().tolist(), strict=True))) == len(set(labels))


@law(32)
@given(
    values=tables(st.integers(3, 9), st.integers(1, 5)),
    threshold=st.sampled_from([0.2, 0.7, 1.0]),
    method=st.sampled_from(["pearson", "spearman"]),
    unit=UNITS,
    seed=SEEDS,
)
def test_correlated_features_are_told_apart_by_neither_unit_nor_sign_nor_order_of_samples(
    values, threshold, method, unit, seed
):
    rng = np.random.default_rng(seed)
    labels = correlated(values, threshold, method=method)
    assert len(labels) == values.shape[1]
    signs = rng.choice([-1, 1], values.shape[1]) * np.where(rng.random(values.shape[1]) < 0.5, unit, 1.0)
    assert list(correlated(values * signs, threshold, method=method)) == list(labels)
    twice = correlated(np.hstack([values, -2 * values]), threshold, method=method)
    for i in np.flatnonzero(np.ptp(values, axis=0) > 1e-6):
        assert twice[i] == twice[i + values.shape[1]]
    for i in np.flatnonzero(np.ptp(values, axis=0) == 0):
        assert labels[i] == i
    sizes = pd.Series(labels, dtype=object).value_counts()
    for label, n in sizes.items():
        assert isinstance(label, str) == (n > 1)
        assert n == 1 or label.endswith(f" +{n - 1}")


@law(32)
@given(
    names=st.lists(st.text("ab_1é", max_size=7), min_size=1, max_size=8),
    depth=st.integers(1, 3),
    separator=st.sampled_from(["_", "a", "__"]),
)
def test_prefixes_are_what_names_begin_with(names, depth, separator):
    labels = by_prefix(names, separator, depth)
    assert len(labels) == len(names)
    for name, label in zip(names, labels, strict=True):
        assert name.startswith(label)
        assert label.count(separator) < depth
        rest = name[len(label) :]
        assert not rest or rest.startswith(separator)
    assert list(by_prefix(labels, separator, depth)) == list(labels)


@law(32)
@given(labels=st.lists(st.sampled_from(["a", ("b", 1), 2, 2.5, True]), min_size=1, max_size=9))
def test_members_are_everyone_once(labels):
    table = members(labels)
    assert sorted(table["position"]) == list(range(len(labels)))
    assert list(table["feature"]) == list(table["position"])
    assert [labels[place] for place in table["position"]] == list(table["group"])
    assert list(dict.fromkeys(table["group"])) == list(dict.fromkeys(labels))
    assert [labels.count(label) for label in table["group"]] == list(table["n_members"])
    assert (table.groupby("group", sort=False)["position"].diff().dropna() > 0).all()


def test_a_tensor_on_its_own_is_attributions():
    first, second = np.random.default_rng(0).normal(size=(2, 9, 4))
    pd.testing.assert_frame_equal(compared(torch.from_numpy(first), torch.from_numpy(second)), compared(first, second))
