"""Agreement between seeds is what it says: 1 for the same order, about 0 for unrelated ones."""

import itertools

import numpy as np
import pytest
from scipy import stats

from eigrad.evaluate import distance_agreement, seed_agreement


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_distances_are_compared_pair_by_pair(rng):
    spaces = {"a": rng.standard_normal((12, 3)), "b": rng.standard_normal((12, 5))}
    pairs = list(itertools.combinations(range(12), 2))
    distances = {name: [np.linalg.norm(x[i] - x[j]) for i, j in pairs] for name, x in spaces.items()}
    expected = stats.spearmanr(distances["a"], distances["b"]).statistic
    table = distance_agreement(spaces)
    assert table.loc["a", "b"] == pytest.approx(expected, abs=1e-12)
    assert table.loc["b", "a"] == table.loc["a", "b"]
    assert table.loc["a", "a"] == pytest.approx(1)


def test_turned_and_scaled_spaces_agree(rng):
    x = rng.standard_normal((40, 4))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    other = rng.standard_normal((40, 4))
    table = distance_agreement({"x": x, "turned": 3 * x @ turn + 1, "other": other})
    assert table.loc["x", "turned"] == pytest.approx(1)
    assert abs(table.loc["x", "other"]) < 0.3
    assert distance_agreement({"x": x}).loc["x", "x"] == pytest.approx(1)


def test_orders_of_several_seeds(rng):
    scores = rng.standard_normal(200)
    same = seed_agreement({"a": scores, "b": 2 * scores + 1, "c": scores})
    assert same == {"jaccard": 1.0, "spearman": pytest.approx(1)}
    pair = {"a": scores, "b": rng.standard_normal(200)}
    found = seed_agreement(pair, first=20)
    first, second = (set(np.argsort(-values)[:20].tolist()) for values in pair.values())
    assert found["jaccard"] == pytest.approx(len(first & second) / len(first | second))
    assert found["spearman"] == pytest.approx(stats.spearmanr(*pair.values()).statistic)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distance_agreement({"a": np.ones((4, 2)), "b": np.ones((5, 2))}), "of the same samples"),
        (lambda: distance_agreement({"a": np.ones(4)}), "expected \\(samples, dimensions\\)"),
        (lambda: distance_agreement({"a": np.ones((2, 2))}), "got 2 samples, expected 3 to 5,000"),
        (lambda: seed_agreement({"a": np.ones(40)}), "got 1 orders"),
        (lambda: seed_agreement({"a": np.ones(9), "b": np.ones(9)}), "their first 30"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_not_used_does_not_agree():
    first, second = np.zeros((2, 100))
    first[:5] = 1.0
    second[50:55] = 1.0
    assert seed_agreement({"a": first, "b": second}, first=30)["jaccard"] == 0.0
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="got scores that are NaN or infinite, expected finite"):
            seed_agreement({"a": first, "b": np.full(100, bad)})
