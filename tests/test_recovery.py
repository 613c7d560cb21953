"""Recovery, enrichment and overlap against their definitions, counted one by one."""

from math import comb

import numpy as np
import pytest

from eigrad.evaluate import enrichment, jaccard, known_features, recovery


@pytest.fixture
def rng():
    return np.random.default_rng(31)


def average_precision_by_hand(scores, truth):
    """The mean, over features that matter, of the precision down to each."""
    order = sorted(range(len(scores)), key=lambda j: -scores[j])
    hits, precisions = 0, []
    for place, j in enumerate(order, 1):
        if truth[j]:
            hits += 1
            precisions.append(hits / place)
    return sum(precisions) / len(precisions)


def test_recovery_is_its_definition(rng):
    scores, truth = rng.standard_normal(23), rng.random(23) < 0.3
    found = recovery(scores, truth, at=(3, 7))
    assert found["average_precision"] == pytest.approx(average_precision_by_hand(scores, truth), abs=1e-12)
    pairs = [(a > b) for a in scores[truth] for b in scores[~truth]]
    assert found["roc_auc"] == pytest.approx(np.mean(pairs), abs=1e-12)
    order = np.argsort(-scores)
    assert found["precision_at_7"] == pytest.approx(truth[order[:7]].mean())
    assert found["chance"] == truth.mean()


def test_what_is_left_out_counts_neither_way(rng):
    scores, truth, proxies = rng.standard_normal(23), np.arange(23) < 6, (np.arange(23) >= 6) & (np.arange(23) < 11)
    whole, without = recovery(scores, truth, at=(5,)), recovery(scores, truth, left_out=proxies, at=(5,))
    assert without == recovery(scores[~proxies], truth[~proxies], at=(5,))
    assert without != whole


def test_ties_at_the_limit_count_as_in_the_mean_of_their_orders():
    scores, truth = np.array([3.0, 1.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False, True])
    assert recovery(scores, truth, at=(2,))["precision_at_2"] == pytest.approx((1 + 1 / 3) / 2)


def test_a_random_order_has_precision_by_chance(rng):
    truth = np.arange(2000) < 100
    found = [recovery(rng.random(2000), truth)["average_precision"] for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.01)


def tail(n, n_known, n_drawn, hits):
    """So many known features or more among those drawn, counted over all draws."""
    return sum(comb(n_known, k) * comb(n - n_known, n_drawn - k) for k in range(hits, n_drawn + 1)) / comb(n, n_drawn)


def test_enrichment_is_its_definition(rng):
    order, known = rng.permutation(15), np.arange(15) < 4
    table = enrichment(order, known, [1, 5, 15])
    for row in table.itertuples():
        hits = sum(known[j] for j in order[: row.n_features])
        assert row.n_known == hits
        assert row.expected == pytest.approx(row.n_features * 4 / 15)
        assert row.fold == pytest.approx(hits / row.expected)
        assert row.p_value == pytest.approx(tail(15, 4, row.n_features, hits), rel=1e-9)


def test_known_features_are_found_by_class(rng):
    n_samples = 60
    mine = np.arange(n_samples) < 25
    present = rng.random((n_samples, 5)) < 0.4
    present[:, 1], present[:, 3] = mine, ~mine
    table = known_features(present, mine)
    assert table.known.tolist() == [False, True, False, True, False]
    assert table.direction[1] == "enriched"
    assert table.direction[3] == "depleted"
    for j in range(5):
        n_all, n_class = present[:, j].sum(), present[mine, j].sum()
        more = tail(n_samples, n_all, 25, n_class)
        fewer = 1 - tail(n_samples, n_all, 25, n_class + 1)
        assert table.p_value[j] == pytest.approx(min(1, 2 * min(more, fewer)), rel=1e-6)


def test_a_group_is_as_known_as_its_best_member(rng):
    mine = np.arange(60) < 25
    present = rng.random((60, 5)) < 0.4
    present[:, 3] = ~mine
    single, grouped = known_features(present, mine), known_features(present, mine, groups=list("babab"))
    assert grouped.feature.tolist() == ["b", "a"]
    assert grouped.p_value.tolist() == [single.p_value[[0, 2, 4]].min(), single.p_value[[1, 3]].min()]
    assert grouped.known.tolist() == [False, True]


def test_overlap_is_shared_over_either():
    table = jaccard({"x": ["a", "b", "c"], "y": ["b", "c", "d", "e"], "z": [], "none": []})
    assert table.loc["x", "y"] == table.loc["y", "x"] == 2 / 5
    assert table.loc["x", "x"] == table.loc["z", "none"] == 1
    assert table.loc["x", "z"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recovery([1.0, 2.0], [True]), r"got \(2,\) scores, \(1,\) truths"),
        (lambda: recovery([1.0, np.nan], [True, False]), "1 scores are not finite"),
        (lambda: recovery([1.0, 2.0], [True, True]), "2 of 2 features matter"),
        (lambda: recovery([1.0, 2.0], [True, False], at=(3,)), "precision at 3, expected 1 to 2"),
        (lambda: enrichment([0, 0], [True, False], [1]), "an order of 2 features, expected each of 0 to 1 once"),
        (lambda: enrichment([0, 1], [True, False], [3]), "expected numbers from 1 to 2"),
        (lambda: known_features(np.ones((3, 2), bool), [True]), r"classes of shape \(1,\)"),
        (lambda: known_features(np.ones((2, 2), bool), [True, False], groups="a"), "got 1 groups"),
        (lambda: jaccard({}), "got no methods"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_yes_and_no_are_not_guessed():
    with pytest.raises(ValueError, match="recovery: truth: got values other than 0 and 1"):
        recovery([1.0, 2.0, 3.0], np.array([1.0, np.nan, 0.0]), at=())
    with pytest.raises(ValueError, match="known_features: present: got values other than 0 and 1"):
        known_features(np.full((4, 3), np.nan), [True, True, False, False])
    with pytest.raises(ValueError, match="1 features lack a group"):
        known_features(np.ones((4, 2)), [True, True, False, False], groups=["a", None])
