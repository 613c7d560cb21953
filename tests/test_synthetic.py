"""Worlds: what is said to be true of them holds in the samples drawn."""

from dataclasses import replace

import numpy as np
import pytest

from eigrad.cases.synthetic import WORLDS, World

SMALL = World(n_groups=21, group_size=3, n_causes=4, n_proxies=2, n_pairs=1, n_shared=1, peaked=0.0, offset=3.0)
N_SAMPLES = 4000


@pytest.fixture(scope="module")
def small():
    return SMALL.draw(N_SAMPLES, seed=5)


def causes(drawn, label):
    return np.flatnonzero((drawn.truth["role"] == "cause") & drawn.truth["cause_of"].isin([label, -1]))


def test_the_same_seed_draws_the_same_world(small):
    again, other = SMALL.draw(N_SAMPLES, seed=5), SMALL.draw(N_SAMPLES, seed=6)
    assert (again.examples.values == small.examples.values).all()
    assert again.truth.equals(small.truth)
    assert not other.truth.equals(small.truth)


@pytest.mark.parametrize("pairs", ["product", "xor"])
def test_a_logit_is_decided_by_its_causes_alone(pairs):
    drawn = replace(SMALL, pairs=pairs, saturated=0.5).draw(N_SAMPLES, seed=1)
    values = drawn.examples.values - np.round(drawn.examples.values.mean(0) / 3) * 3
    for label in (1, 2):
        mine = drawn.truth.iloc[causes(drawn, label)]
        assert len(mine) == 5
        alone = values[:, mine.index[mine.partner == ""]]
        (first, second) = mine.index[mine.partner != ""]
        assert drawn.truth.feature[second] == drawn.truth.partner[first]
        product = values[:, first] * values[:, second]
        joint = np.sign(product) if pairs == "xor" else product
        design = np.column_stack([alone, np.tanh(3 * alone), joint, np.ones(N_SAMPLES)])
        logit = drawn.logits[:, label]
        left = logit - design @ np.linalg.lstsq(design, logit, rcond=None)[0]
        assert left.std() < 1e-2 * logit.std()
        assert logit.std() == pytest.approx(SMALL.spread)
        assert logit.mean() == pytest.approx(0, abs=1e-9)
    assert np.ptp(drawn.logits[:, 0]) == 0
    assert (drawn.examples.labels == 0).mean() == pytest.approx(SMALL.reference, abs=0.03)


def test_labels_are_drawn_by_the_softmax(small):
    odds = np.exp(small.logits)
    expected = (odds / odds.sum(1, keepdims=True)).sum(0)
    counts = np.bincount(small.examples.labels)
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_features_have_their_correlations_and_means(small):
    values, truth = small.examples.values, small.truth
    assert np.abs(np.abs(values.mean(0)) - 3).max() < 0.1
    assert np.abs(values.std(0) - 1).max() < 0.06
    r = np.corrcoef(values.T)
    group = truth["group"].to_numpy()
    proxies = (truth["role"] == "proxy").to_numpy()
    same = (group[:, None] == group) & ~np.eye(len(group), dtype=bool)
    plain = same & ~proxies[:, None] & ~proxies
    within = SMALL.common + (1 - SMALL.common) * SMALL.correlation
    assert r[plain].mean() == pytest.approx(within, abs=0.02)
    for place in np.flatnonzero(proxies):
        followed = truth.index[truth.feature == truth.follows[place]][0]
        assert r[place, followed] == pytest.approx(SMALL.proxy_correlation, abs=0.03)
    between = r[~same & ~proxies[:, None] & ~proxies & ~np.eye(len(group), dtype=bool)]
    # two groups share what two directions among the factors have in common: a tenth of the square, on average
    assert np.mean(between**2) == pytest.approx(SMALL.common**2 / SMALL.n_factors, rel=0.5)


def test_a_peaked_cause_is_owed_most_at_one_value_and_less_on_both_sides():
    drawn = World(n_groups=3, n_causes=1, n_classes=2, saturated=0.0, peaked=1.0).draw(N_SAMPLES, seed=4)
    (cause,) = causes(drawn, 1)
    values, logit = drawn.examples.values[:, cause], drawn.logits[:, 1] * np.sign(drawn.truth.weight[cause])
    logit = logit[np.argsort(values)]
    peak = int(logit.argmax())
    assert abs(np.sort(values)[peak]) <= 1
    assert (np.diff(logit[: peak + 1]) >= 0).all()
    assert (np.diff(logit[peak:]) <= 0).all()
    assert max(logit[0], logit[-1]) < logit.max() - drawn.logits[:, 1].std()


def test_shares_of_shapes_beyond_a_whole_are_refused():
    with pytest.raises(ValueError, match=r"0\.6 saturated and 0\.5 peaked are shares of a whole"):
        World(saturated=0.6, peaked=0.5)


def test_an_exclusive_or_has_no_marginal_signal():
    drawn = World(n_groups=9, n_causes=2, n_pairs=1, pairs="xor", n_classes=2, common=0.0).draw(N_SAMPLES, seed=2)
    values, logit = drawn.examples.values, drawn.logits[:, 1]
    assert np.abs(np.corrcoef(values.T, logit)[-1, :-1]).max() < 4 / np.sqrt(N_SAMPLES)
    first, second = causes(drawn, 1)
    assert abs(np.corrcoef(np.sign(values[:, first] * values[:, second]), logit)[0, 1]) > 1 - 1e-9


def test_roles_and_groups(small):
    truth = small.truth
    assert (truth["role"] == "cause").sum() == 2 * 4 + 1
    assert (truth["role"] == "proxy").sum() == 2 * 2
    assert (truth["role"] == "member").sum() == 2 * (2 * 4 + 1)
    assert (truth.weight != 0).sum() == 9
    assert small.causal(1).sum() == small.causal(2).sum() == 5
    assert (small.causal(1) & small.causal(2)).sum() == 1
    assert small.proxies().sum() == 4
    assert list(small.causal(1).index) == list(dict.fromkeys(small.groups))
    with_causes = truth.group[truth["role"] == "cause"]
    assert with_causes.is_unique


def test_shuffled_labels_have_no_cause():
    drawn = replace(SMALL, shuffled=True).draw(N_SAMPLES, seed=5)
    assert not drawn.causal(1).any()
    assert set(drawn.truth["role"]) == {"bystander"}
    by_class = [drawn.logits[drawn.examples.labels == label, 1].mean() for label in range(3)]
    assert np.ptp(by_class) < 0.2 * SMALL.spread


@pytest.mark.parametrize("name", WORLDS)
def test_the_named_worlds_can_be_drawn(name):
    drawn = WORLDS[name].draw(50, seed=0)
    assert drawn.examples.values.shape == (50, 1200)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_causes": 12, "n_groups": 20}, "causes and proxies take 29 groups, expected at most the 20"),
        ({"n_pairs": 3}, "3 pairs and 2 proxies for 4 causes"),
        ({"n_classes": 1}, "at least 2 classes"),
        ({"correlation": 1.5}, "correlation is 1.5"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **options)
