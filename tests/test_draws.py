"""Null draws: their sizes, their strata, and what repeated draws say of a feature."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from eigrad.significance import NullDraw, significance

LABELS = np.repeat(["a", "b", "c"], [30, 50, 20])


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def counted(places):
    return {label: int((LABELS[places] == label).sum()) for label in "abc"}


def test_a_draw_has_as_many_as_the_class_and_none_twice():
    draws = list(NullDraw(repeats=4)(100, 17, seed=3))
    assert [len(set(places)) for places in draws] == [17] * 4
    assert all((np.diff(places) > 0).all() for places in draws)
    assert len({tuple(places) for places in draws}) == 4
    assert all((a == b).all() for a, b in zip(draws, NullDraw(repeats=4)(100, 17, seed=3), strict=True))
    assert len(next(NullDraw(n=41)(100, 17))) == 41


@pytest.mark.parametrize(
    ("n", "proportions", "expected"),
    [
        (20, None, {"a": 6, "b": 10, "c": 4}),
        (21, None, {"a": 6, "b": 11, "c": 4}),
        (30, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, {"a": 10, "b": 10, "c": 10}),
        (31, {"c": 0.25, "b": 0.75}, {"a": 0, "b": 23, "c": 8}),
    ],
)
def test_strata_have_the_proportions_asked_for(n, proportions, expected):
    draw = NullDraw(n=n, strata=LABELS, proportions=proportions)
    assert counted(next(draw(100, 5))) == expected


def test_a_draw_is_the_null_of_the_table(rng):
    group, pool = rng.standard_normal((17, 5)) * [3, 1, 1, 1, 1], rng.standard_normal((100, 5))
    table = significance(group, pool, draw=NullDraw(), seed=6)
    places = next(NullDraw()(100, 17, seed=6))
    assert table.equals(significance(group, pool[places], seed=6))


def test_stability_is_the_share_of_draws_in_which_a_feature_is_significant(rng):
    group, pool = rng.normal([1.5, 0.5, 0.4, 0, 0], 1, (40, 5)), rng.standard_normal((300, 5))
    draw = NullDraw(repeats=12)
    table = significance(group, pool, transform="signed", draw=draw)
    found = [significance(group, pool[places], transform="signed").significant for places in draw(300, 40, 0)]
    assert (table.stability == np.mean(found, axis=0)).all()
    assert (table.significant == found[0]).all()
    assert table.stability[0] == 1
    assert 0 < table.stability[1] < 1
    assert table.attrs["n_draws"] == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "n is 1; expected at least 2"),
        ({"repeats": 0}, "repeats is 0"),
        ({"proportions": {"a": 1.0}}, "proportions were given without strata"),
        ({"strata": LABELS, "proportions": {"a": 0.5}}, "proportions sum to 0.5"),
        ({"strata": LABELS, "proportions": {"a": 1.5, "b": -0.5}}, "expected shares of at least 0"),
        ({"strata": LABELS, "proportions": {"d": 1.0}}, "proportions names 'd', which no sample"),
        ({"strata": LABELS, "proportions": {"c": 1.0}, "n": 21}, "takes 21 samples of c; expected at most the 20"),
        ({"strata": LABELS[:-1]}, "strata has 99 labels; expected one for each of the 100"),
        ({"n": 101}, "takes 101 samples of the pool; expected at most the 100"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        next(NullDraw(**options)(100, 9))


WRONG_TYPES = """
import numpy as np
from eigrad.significance import NullDraw, significance
for call in (
    lambda: significance(np.ones((4, 3)), np.zeros((5, 3)), draw=3),
    lambda: significance("a", np.zeros((5, 3))),
    lambda: NullDraw(repeats=2.5),
    lambda: NullDraw(n=2.5),
):
    try:
        call()
    except ValueError as error:
        print(error)
"""


def test_wrong_types_are_refused_in_a_sentence():
    # in a process of its own: here every function checks its types before its body runs
    run = subprocess.run([sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "draw is 3; expected how null samples are drawn, such as NullDraw(n=300, repeats=20).",
        "the class is a str; expected Attributions, an array, a tensor or a DataFrame.",
        "repeats is 2.5; expected a whole number of at least 1.",
        "n is 2.5; expected at least 2 samples in a null draw, a whole number.",
    ]


def test_data_frames_are_taken_as_arrays_are(rng):
    group, null = rng.normal(1, 1, (7, 3)), rng.normal(0, 1, (9, 3))
    options = {"test": "maxt", "n_permutations": 99, "n_resamples": 2, "progress": False}
    assert significance(pd.DataFrame(group), pd.DataFrame(null), **options).equals(significance(group, null, **options))
