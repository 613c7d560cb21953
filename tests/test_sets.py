"""Who is explained: sets that share nothing they should not, of the sizes that were asked for."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eigrad import draw_sets


@settings(max_examples=100, deadline=None)
@given(
    kinds=st.lists(st.integers(0, 2), min_size=40, max_size=200),
    n_samples=st.integers(4, 120),
    seed=st.integers(0, 99),
)
def test_no_sample_is_compared_with_itself(kinds, n_samples, seed):
    kind = np.array([0] * 4 + [1] * 8 + kinds)
    group, reference = kind == 0, kind == 1
    sets = draw_sets(group, reference, n_samples=n_samples, seed=seed)
    of = {name: set(places.tolist()) for name, places in {**sets.explained, "points": sets.points}.items()}
    for name, places in {**sets.explained, "points": sets.points}.items():
        assert len(of[name]) == len(places)
        assert np.array_equal(places, np.sort(places))
    assert group[sets.group].all()
    assert reference[[*sets.reference, *sets.points]].all()
    assert not of["class"] & (of["null"] | of["reference"] | of["points"])
    assert not of["points"] & (of["null"] | of["reference"])
    assert of["points"]
    assert len(sets.group) == min(n_samples, max(4, group.sum() * 3 // 4))
    assert len(sets.reference) == min(n_samples, reference.sum() // 2)
    left = reference.sum() - len(sets.reference)
    assert left - len(sets.null) <= len(sets.points) <= left
    assert len(sets.points) >= left // 2
    assert group[sets.null].mean() <= 0.5
    assert len(sets.null) <= len(sets.group)


def test_a_seed_gives_the_same_sets_and_another_gives_others():
    kind = np.repeat([0, 1, 2], 50)
    first, again, other = (draw_sets(kind == 0, kind == 1, n_samples=20, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first.explained[name], again.explained[name]) for name in first.explained)
    assert not np.array_equal(first.group, other.group)
    flags = pd.Series(kind == 0), pd.Series(kind == 1)
    assert np.array_equal(draw_sets(*flags, n_samples=20, seed=3).null, first.null)


@pytest.mark.parametrize(
    ("sizes", "n_samples", "expected"),
    [
        ((400, 200, 200), 80, (40, 20, 20)),  # in the proportions of the data
        ((1000, 1000, 0), 300, (150, 150, 0)),
        ((900, 100, 100), 90, (45, 22, 23)),  # no more than half of the class
        ((50, 400, 550), 300, (2, 15, 20)),  # of whom 37 are explained
        ((500, 500, 0), 500, (125, 250, 0)),  # where few of the class are left
    ],
)
def test_the_null_is_of_everyone(sizes, n_samples, expected):
    kind = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], sizes))
    sets = draw_sets(kind == 0, kind == 1, n_samples=n_samples)
    counts = np.bincount(kind[sets.null], minlength=3)
    assert abs(counts - expected).max() <= 1
    assert counts.sum() == len(sets.group)


def test_sets_are_drawn_from_everywhere():
    kind = np.repeat([0, 1, 2], 400)
    sets = draw_sets(kind == 0, kind == 1, n_samples=100)
    for places in (*sets.explained.values(), sets.points):
        for label in np.unique(kind[places]):
            own = places[kind[places] == label] - 400 * label
            assert abs(own.mean() - 199.5) < 5 * 115 / len(own) ** 0.5


def test_points_are_no_more_than_are_of_use():
    kind = np.repeat([0, 1], [10, 5000])
    assert len(draw_sets(kind == 0, kind == 1, n_samples=20).points) == 2000


def flags(n, n_true):
    return np.arange(n) < n_true


@pytest.mark.parametrize(
    ("group", "reference", "options", "said"),
    [
        (flags(30, 10), flags(30, 20), {}, "reference: 10 samples are of the class as well"),
        (flags(30, 3), ~flags(30, 10), {}, "group: got 3 samples, expected at least 4"),
        (flags(30, 10), ~flags(30, 23), {}, "reference: got 7 samples, expected at least 8"),
        (flags(30, 10), ~flags(31, 10), {}, "reference: got 31 flags, expected 30"),
        (np.arange(30), ~flags(30, 10), {}, "group: got int64 of shape (30,), expected a flag"),
        (np.array("liver"), ~flags(30, 10), {}, "group: got <U5 of shape (), expected a flag"),
        (flags(30, 10), ~flags(30, 10), {"seed": -1}, "seed: got -1, expected a whole number of at least 0"),
        (flags(30, 10), ~flags(30, 10), {"n_samples": 3}, "n_samples: got 3, expected a whole number of at least 4"),
    ],
)
def test_what_are_no_sets_is_said(group, reference, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        draw_sets(group, reference, **options)
