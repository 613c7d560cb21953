"""Laws of what found features are worth: bounds, symmetries, and what does not depend on names or order."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB
from tests.laws.strategies import KINDS, LAYOUTS, NAMES, SEEDS, drawn, laid_out, law, network, of_kind, shapes, tables

from eigrad import Explainer
from eigrad.data import Examples
from eigrad.evaluate import (
    Ensemble,
    areas,
    binary_problem,
    deletion_insertion,
    distance_agreement,
    enrichment,
    growing_subsets,
    jaccard,
    known_features,
    randomized,
    recovery,
    seed_agreement,
    subset_score,
)

WHOLE = st.integers(-3, 3)


@st.composite
def judged(draw, least=2, most=12):
    """Scores with ties, and which of them matter: some do and some do not."""
    n = draw(st.integers(least, most))
    scores = draw(st.lists(WHOLE | st.floats(-(2.0**100), 2.0**100, width=32), min_size=n, max_size=n))
    truth = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    truth[0], truth[1] = True, False
    order = draw(st.permutations(range(n)))
    return np.array(scores, float)[order], np.array(truth)[order]


# known truth and names


@law(56)
@given(pair=judged(), order=SEEDS)
def test_recovery_knows_neither_order_nor_scale(pair, order):
    scores, truth = pair
    sizes = range(1, len(scores) + 1)
    found = recovery(scores, truth, at=sizes)
    assert all(0 <= value <= 1 for value in found.values())
    assert found["chance"] == truth.mean()
    assert found[f"precision_at_{len(scores)}"] == pytest.approx(truth.mean())
    hits = np.array([found[f"precision_at_{n}"] * n for n in sizes])
    assert (np.diff(hits, prepend=0.0) >= -1e-9).all()
    assert (np.diff(hits, prepend=0.0) <= 1 + 1e-9).all()
    order = np.random.default_rng(order).permutation(len(scores))
    ranks = np.unique(scores, return_inverse=True)[1]
    for other in (recovery(scores[order], truth[order], at=sizes), recovery(ranks, truth.astype(int), at=sizes)):
        assert other == pytest.approx(found)
    assert recovery(-scores, truth, at=[1])["roc_auc"] == pytest.approx(1 - found["roc_auc"])
    assert recovery(scores, ~truth, at=[1])["roc_auc"] == pytest.approx(1 - found["roc_auc"])


@law(28)
@given(pair=judged(3), left_out=st.lists(st.booleans(), min_size=12, max_size=12))
def test_what_is_left_out_counts_neither_way(pair, left_out):
    scores, truth = pair
    left_out = np.array(left_out[: len(scores)])
    assume(truth[~left_out].any() and not truth[~left_out].all())
    assert recovery(scores, truth, left_out=left_out, at=[1]) == recovery(scores[~left_out], truth[~left_out], at=[1])
    perfect = recovery(truth.astype(float), truth, at=[int(truth.sum())])
    assert {perfect["average_precision"], perfect["roc_auc"], perfect[f"precision_at_{truth.sum()}"]} == {1.0}


@law(42)
@given(known=st.lists(st.booleans(), min_size=1, max_size=12), order=SEEDS, whole=st.booleans())
def test_enrichment_of_everything_is_no_enrichment(known, order, whole):
    ranked, sizes = np.random.default_rng(order).permutation(len(known)), np.arange(1, len(known) + 1)
    table = enrichment(ranked, np.array(known, dtype=int) if whole else known, sizes)
    assert table["p_value"].between(0, 1 + 1e-12).all()
    assert (table["n_known"].diff().dropna().isin([0, 1])).all()
    assert (table["n_known"] <= np.minimum(table["n_features"], sum(known))).all()
    last = table.iloc[-1]
    assert last["n_known"] == sum(known)
    assert last["p_value"] == pytest.approx(1)
    assert last["fold"] == pytest.approx(1) if any(known) else math.isnan(last["fold"])
    best = enrichment(np.argsort(~np.array(known), kind="stable"), known, sizes)
    assert (best["p_value"] <= table["p_value"] + 1e-12).all()
    assert (best["n_known"] >= table["n_known"]).all()
    renamed = enrichment(np.arange(len(known)), np.array(known)[ranked], sizes)
    pd.testing.assert_frame_equal(renamed, table)


@law(28)
@given(present=tables(st.integers(1, 12), st.integers(1, 5)), split=SEEDS, threshold=st.sampled_from([0.5, 2.0, 20.0]))
def test_known_features_of_a_class_and_of_the_rest_are_opposite(present, split, threshold):
    rng = np.random.default_rng(split)
    there, mine = present > 0, rng.random(len(present)) < 0.5
    table, rest = (known_features(there, flags, threshold=threshold) for flags in (mine, ~mine))
    assert table["p_value"].between(0, 1).all()
    assert (table["n_class"] + rest["n_class"] == table["n_all"]).all()
    np.testing.assert_allclose(rest["p_value"], table["p_value"], rtol=1e-9)
    assert (table["known"] == (table["p_value"] < math.exp(-threshold))).all()
    known = table["known"] & (table["p_value"] < 1)
    assert (table["direction"] != rest["direction"])[known].all()
    order = rng.permutation(len(present))
    pd.testing.assert_frame_equal(known_features(there[order].astype(int), mine[order], threshold=threshold), table)
    labels = [("g", i % 2) for i in range(there.shape[1])]
    grouped = known_features(there, mine, threshold=threshold, groups=labels)
    assert list(grouped["feature"]) == list(dict.fromkeys(labels))
    for label, p_value in zip(grouped["feature"], grouped["p_value"], strict=True):
        assert p_value == table["p_value"][[each == label for each in labels]].min()


@law(42)
@given(found=st.dictionaries(st.text(max_size=4), st.lists(NAMES, max_size=6), min_size=1, max_size=5))
def test_jaccard_is_one_less_a_distance(found):
    table = jaccard(found)
    values = table.to_numpy()
    assert list(table.index) == list(table.columns) == list(found)
    assert np.array_equal(values, values.T)
    assert (np.diag(values) == 1).all()
    assert ((values >= 0) & (values <= 1)).all()
    away = 1 - values
    assert (away[:, None, :] <= away[:, :, None] + away[None] + 1e-12).all()
    for i, one in enumerate(found.values()):
        for j, other in enumerate(found.values()):
            assert (values[i, j] == 1) == (set(one) == set(other))


# curves


@law(21)
@given(
    shape=shapes(), n=st.integers(1, 5), seed=SEEDS, shared=st.booleans(), repeats=st.integers(1, 3),
    fractions=st.lists(st.floats(0, 1), max_size=4),
)  # fmt: skip
def test_deletion_and_insertion_meet_at_the_ends_and_the_best_order_is_the_best(
    shape, n, seed, shared, repeats, fractions
):
    samples, start = drawn(seed, n, *shape), drawn(seed + 1, *(() if shared else (n,)), *shape)
    weights = drawn(seed + 2, math.prod(shape))

    def model(x):
        return x.flatten(1) @ weights

    attributions = (samples - start) * weights.view(shape)
    fractions = [0.0, *fractions, 1.0]
    curve = deletion_insertion(
        model, samples, attributions, start, fractions=fractions, repeats=repeats, seed=seed % 99
    )
    top, bottom = float(model(samples).mean()), float(model(start.expand_as(samples)).mean())
    for name in ("deletion", "deletion_random"):
        np.testing.assert_allclose(curve[name].iloc[[0, -1]], [top, bottom], atol=1e-9)
    for name in ("insertion", "insertion_random"):
        np.testing.assert_allclose(curve[name].iloc[[0, -1]], [bottom, top], atol=1e-9)
    assert (curve["deletion"] <= curve["deletion_random"] + 1e-9).all()
    assert (curve["insertion"] >= curve["insertion_random"] - 1e-9).all()
    np.testing.assert_allclose(curve["deletion"] + curve["insertion"], top + bottom, atol=1e-9)  # of a sum
    assert (curve["deletion_random_sd"].isna() if repeats == 1 else curve["deletion_random_sd"] >= 0).all()
    found = areas(curve)
    assert list(found.index) == ["deletion", "insertion", "deletion_random", "insertion_random"]
    for name, area in found.items():
        assert curve[name].min() - 1e-9 <= area <= curve[name].max() + 1e-9
    pd.testing.assert_series_equal(areas(curve.iloc[::-1]), found)
    alone = [
        deletion_insertion(
            model, samples[i : i + 1], attributions[i : i + 1], start if shared else start[i],
            fractions=fractions, repeats=1, batch_size=1,
        )
        for i in range(n)
    ]  # fmt: skip
    np.testing.assert_allclose(np.mean([each["deletion"] for each in alone], axis=0), curve["deletion"], atol=1e-9)


@law(14)
@given(
    n=st.integers(1, 4),
    n_features=st.integers(1, 5),
    seed=SEEDS,
    kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS),
)
@example(n=3, n_features=2, seed=0, kind="float64", layout="backwards")
def test_the_same_numbers_have_the_same_curves_however_they_come(n, n_features, seed, kind, layout):
    values = of_kind(seed, kind, n, n_features)
    model, own = network(seed, n_features, 3), np.random.default_rng(seed).integers(0, 3, n)
    assume(layout != "table" or kind != "float16")
    plain = values.astype(np.float64)
    target = own if layout == "table" else laid_out(own, layout)
    found = deletion_insertion(
        model, laid_out(values, layout), laid_out(values, layout), laid_out(values, layout), target
    )
    expected = deletion_insertion(model, plain, plain, plain, own)
    pd.testing.assert_frame_equal(found, expected)


# retraining


@st.composite
def examples(draw):
    n_features, seed = draw(st.integers(2, 5)), draw(SEEDS)
    rng = np.random.default_rng(seed)
    labels = np.arange(draw(st.integers(9, 24))) % 3
    values = rng.normal(size=(len(labels), 1, n_features)).astype(np.float32)
    values[:, 0, 0] += labels
    return Examples(values, rng.permutation(labels), tuple(f"f{i}" for i in range(n_features)))


@law(14)
@given(given=examples(), seed=SEEDS, metric=st.sampled_from(["accuracy", "auc"]), repeats=st.integers(1, 2))
def test_scores_of_subsets_are_scores_and_of_all_features_the_same(given, seed, metric, repeats):
    rng = np.random.default_rng(seed)
    two = binary_problem(given, 0, 2)
    assert len(two) == np.isin(given.labels, (0, 2)).sum()
    assert np.array_equal(two.labels, given.labels[np.isin(given.labels, (0, 2))])
    order, sizes = rng.permutation(two.n_features), list(range(1, two.n_features + 1))
    options = {"classifier": GaussianNB(), "metric": metric}
    curve = growing_subsets(two, two, order, sizes, repeats=repeats, seed=1, progress=False, **options)
    for name in ("significant", "random"):
        assert curve[f"{metric}_{name}"].between(0, 1).all()
    last = curve.iloc[-1]  # all of them, whatever the order
    assert last[f"{metric}_random"] == pytest.approx(last[f"{metric}_significant"])
    for size in sizes:
        found = subset_score(two, two, order[:size], **options)
        assert curve[f"{metric}_significant"][size - 1] == pytest.approx(found)
        assert subset_score(two, two, rng.permutation(order[:size]), **options) == pytest.approx(found)


# networks


@law(14)
@given(seed=SEEDS, n_features=st.integers(1, 5), drawn_by=st.integers(0, 99))
def test_a_randomized_network_has_its_shape_and_nothing_else_of_it(seed, n_features, drawn_by):
    model = network(seed, n_features, 2)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    one, again, other = (randomized(model, each) for each in (drawn_by, drawn_by, drawn_by + 1))
    assert torch.equal(torch.get_rng_state(), state)
    for name, weight in model.state_dict().items():
        first, second, third = (each.state_dict()[name] for each in (one, again, other))
        assert torch.equal(weight, before[name])
        assert first.shape == weight.shape
        assert torch.equal(first, second)
        assert not torch.equal(first, weight)
        assert not torch.equal(first, third)


@law(14)
@given(seed=SEEDS, shape=shapes(), n=st.integers(1, 4), n_networks=st.integers(1, 3))
def test_attributions_of_an_ensemble_are_the_mean_of_its_networks(seed, shape, n, n_networks):
    networks = [network(seed + 9 * at, math.prod(shape), 2) for at in range(n_networks)]
    samples = drawn(seed, n, *shape)
    given = {"target": 1, "rule": "trapezoid", "n_points": 9, "progress": False}
    together = Explainer(Ensemble(networks), **given)(samples)
    alone = [Explainer(each, **given)(samples) for each in networks]
    for name in ("values", "score", "change", "gap"):
        expected = torch.stack([getattr(each, name) for each in alone]).mean(0)
        torch.testing.assert_close(getattr(together, name), expected, rtol=1e-9, atol=1e-11)


@law(21)
@given(
    seed=SEEDS,
    n=st.integers(3, 8),
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    unit=st.sampled_from([2.0**-60, 1.0, 2.0**60]),
)
def test_spaces_agree_with_themselves_turned_moved_and_scaled(seed, n, sizes, unit):
    spaces = {f"space {i}": drawn(seed + i, n, size).numpy() for i, size in enumerate(sizes)}
    first = spaces["space 0"]
    turned = first @ np.linalg.qr(drawn(seed + 9, first.shape[1], first.shape[1]).numpy())[0]
    table = distance_agreement(spaces | {"turned": turned * unit, "moved": first + 3})
    values = table.to_numpy()
    np.testing.assert_allclose(values, values.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(values), 1)
    assert (np.abs(values) <= 1 + 1e-12).all()
    assert table.loc["space 0", "moved"] == pytest.approx(1)
    assert table.loc["space 0", "turned"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"distance_agreement: the distances in 'point' are all the same"):
        distance_agreement(spaces | {"point": first * 0})


@law(28)
@given(
    scores=tables(st.integers(2, 4), st.integers(1, 6)), first=st.integers(1, 6), order=SEEDS,
)  # fmt: skip
@example(scores=np.array([[1.0, 2.0], [0.0, 0.0]]), first=1, order=0)
@example(scores=np.array([[1.0], [2.0]]), first=1, order=0)
def test_seeds_agree_whatever_their_names_and_the_order_of_features(scores, first, order):
    first = min(first, scores.shape[1])
    named = {f"seed {i}": row for i, row in enumerate(scores)}
    if (np.ptp(scores, axis=1) == 0).any():
        with pytest.raises(ValueError, match=r"seed_agreement: .* all the same"):
            seed_agreement(named, first)
        return
    found = seed_agreement(named, first)
    assert 0 <= found["jaccard"] <= 1
    assert -1 - 1e-12 <= found["spearman"] <= 1 + 1e-12
    order = np.random.default_rng(order).permutation(len(scores))
    again = seed_agreement({f"other {i}": scores[i] * 4 for i in order}, first)
    assert again == pytest.approx(found)
    columns = order[0] % scores.shape[1]
    shuffled = seed_agreement({name: np.roll(row, columns) for name, row in named.items()}, scores.shape[1])
    assert shuffled == pytest.approx(seed_agreement(named, scores.shape[1]))
    assert seed_agreement({"one": scores[0], "other": scores[0]}, first) == pytest.approx({"jaccard": 1, "spearman": 1})
