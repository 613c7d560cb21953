"""Sets of exons against their definitions, read event by event."""

import math

import numpy as np
import pandas as pd
import pytest

from eigrad.cases.splicing.events import (
    CHANGES,
    SPREAD,
    Events,
    alternative_elsewhere,
    constitutive,
    differential,
    merge,
    non_changing,
    targets,
)
from eigrad.cases.splicing.events.table import Change, Triplet, build

TISSUES = ("brain", "heart", "liver", "lung")
PAIRS = [(a, b) for i, a in enumerate(TISSUES) for b in TISSUES[i + 1 :]]


def triplet(i):
    start = 1000 * i
    return Triplet(
        f"g{i}", f"G{i}", "chr1", "+", [start, start + 50, start + 200, start + 230, start + 400, start + 500]
    )


def events_of(psi, sure=0.99):
    """Events from PSI by tissue; every pair is compared, and every difference is sure."""
    psi = np.asarray(psi, float)
    changes = [
        Change(i, a, b, psi[i, TISSUES.index(b)] - psi[i, TISSUES.index(a)], sure, 1 - sure)
        for i in range(len(psi))
        for a, b in PAIRS
    ]
    return build([triplet(i) for i in range(len(psi))], {name: psi[:, k] for k, name in enumerate(TISSUES)}, changes)


RANDOM = np.random.default_rng(5).choice([0.02, 0.1, 0.5, 0.55, 0.9, 1.0], (60, 4))


def slow_differential(row, tissue, k, sign):
    own = row[TISSUES.index(tissue)]
    differences = [sign * (own - row[i]) for i in range(4) if TISSUES[i] != tissue]
    return sum(d >= 0.2 for d in differences) >= k and not any(d <= -0.2 for d in differences)


@pytest.mark.parametrize("tissue", TISSUES)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_differential_exons_are_those_of_the_definition(tissue, k):
    events = events_of(RANDOM)
    found = {
        way: differential(events, tissue, direction=way, min_others=k) for way in ("included", "excluded", "either")
    }
    for way, sign in (("included", 1), ("excluded", -1)):
        assert found[way].tolist() == [slow_differential(row, tissue, k, sign) for row in RANDOM]
        assert found[way].any() or k == 3
    assert np.array_equal(found["either"], found["included"] | found["excluded"])


def test_alternative_elsewhere_is_still_here_and_moves_there():
    events = events_of(RANDOM)
    found = alternative_elsewhere(events, "liver", min_pairs=1)
    for row, there in zip(RANDOM, found, strict=True):
        here = any(abs(row[2] - row[i]) >= 0.2 for i in (0, 1, 3))
        elsewhere = any(abs(row[i] - row[j]) >= 0.2 for i, j in ((0, 1), (0, 3), (1, 3)))
        assert there == (elsewhere and not here)
    psi = [[0.5, 0.35, 0.5, 0.6], [0.5, 0.5, 0.5, 0.5]]
    assert alternative_elsewhere(events_of(psi), "liver", min_pairs=1).tolist() == [True, False]


def test_constitutive_and_non_changing_exons():
    events = events_of([[1, 0.96, 0.99, 1], [1, 0.9, 1, 1], [math.nan] * 4, [math.nan, 1, 1, math.nan]])
    assert constitutive(events).tolist() == [True, False, False, True]
    assert constitutive(events, min_conditions=3).tolist() == [True, False, False, False]
    still = events_of([[0.5, 0.52, 0.5, 0.54], [0.5, 0.52, 0.5, 0.6]], sure=0.01)
    assert non_changing(still).tolist() == [True, False]
    assert non_changing(still, condition="brain").tolist() == [True, False]
    assert non_changing(still, condition="heart").tolist() == [True, False]
    assert non_changing(still, max_dpsi=0.11).tolist() == [True, True]
    assert non_changing(events_of([[0.5] * 4], sure=0.5), min_probability=0.9).tolist() == [False]
    assert non_changing(still, min_pairs=7).tolist() == [False, False]


def test_a_change_must_be_sure_by_probability_or_by_p():
    events = events_of([[0.9, 0.1, 0.1, 0.1]], sure=0.9)
    assert not differential(events, "brain").any()
    assert differential(events, "brain", min_probability=0.9).all()
    by_p = Events(events.exons, events.psi, events.changes.assign(probability_changing=np.nan, p_adjusted=0.04))
    assert differential(by_p, "brain").all()
    assert not differential(by_p, "brain", max_p=0.01).any()


def test_targets_turn_with_the_pair_and_small_changes_are_small(seed):
    events = events_of(RANDOM)
    there, back = targets(events, "liver", "brain", seed=seed), targets(events, "brain", "liver", seed=seed)
    assert np.array_equal(there["increased"], back["decreased"])
    assert np.array_equal(there["psi"], events.psi["liver"])
    change = (events.psi["liver"] - events.psi["brain"]).to_numpy()
    moved = np.abs(change) > 0.04
    assert np.allclose(there["increased"][moved & (change > 0)], change[moved & (change > 0)])
    assert np.allclose(there["decreased"][moved & (change < 0)], -change[moved & (change < 0)])
    low = there["increased"][change <= 0]
    assert low.between(0.01, 0.03).all()
    assert low.nunique() == len(low)
    assert not targets(events, "liver", "brain", seed=seed + 1).equals(there)


def test_targets_of_an_event_do_not_depend_on_the_others(seed):
    """The noise is drawn by place among the events, whatever pair is asked for."""
    events = events_of(RANDOM)
    first, second = (targets(events, "liver", other, seed=seed) for other in ("brain", "heart"))
    both = (first["increased"] < 0.03) & (second["increased"] < 0.03)
    assert both.any()
    assert np.array_equal(first["increased"][both], second["increased"][both])


def test_tables_of_pairs_merge_into_one(seed):
    whole = events_of(RANDOM)

    def part(a, b, rows):
        psi = {name: RANDOM[rows, TISSUES.index(name)] for name in (a, b)}
        chosen = [Change(k, a, b, psi[b][k] - psi[a][k], 0.99, 0.01) for k in range(len(rows))]
        return build([triplet(i) for i in rows], psi, chosen)

    parts = [part(a, b, range(60)) for a, b in PAIRS]
    merged = merge(parts)
    pd.testing.assert_frame_equal(merged.exons, whole.exons)
    pd.testing.assert_frame_equal(merged.psi[list(TISSUES)], whole.psi, check_names=False)
    order = ["event_id", "condition_1", "condition_2"]
    pd.testing.assert_frame_equal(
        merged.changes.sort_values(order).reset_index(drop=True),
        whole.changes.sort_values(order).reset_index(drop=True),
    )
    halves = merge([part("brain", "heart", range(40)), part("brain", "liver", range(20, 60))])
    assert len(halves) == 60
    assert halves.psi["heart"].isna().sum() == halves.psi["liver"].isna().sum() == 20
    assert not halves.psi["brain"].isna().any()
    with pytest.raises(ValueError, match="brain and heart are compared in two tables"):
        merge([parts[0], part("heart", "brain", range(3))])
    with pytest.raises(ValueError, match="got no tables"):
        merge([])


def test_the_psi_of_a_condition_is_its_mean_over_tables():
    one, other = (
        build([triplet(1)], {"brain": np.array([value]), name: np.array([0.5])})
        for value, name in ((0.2, "heart"), (0.6, "lung"))
    )
    merged = merge([one, other])
    assert merged.psi.iloc[0].to_dict() == pytest.approx({"brain": 0.4, "heart": 0.5, "lung": 0.5})


def test_rows_of_one_event_are_joined_and_the_better_known_ends_kept():
    known = triplet(1)
    vague = known._replace(coordinates=[None, *known.coordinates[1:]])
    changes = [Change(0, "a", "b", 0.2, 0.9, 0.1, 0.01), Change(1, "a", "b", 0.4, 0.8, 0.0, 0.03)]
    events = build([vague, known], {"a": np.array([0.2, 0.4]), "b": np.array([np.nan, 0.7])}, changes)
    assert len(events) == 1
    assert events.exons.loc[0, "upstream_start"] == 1000
    assert events.psi.iloc[0].tolist() == pytest.approx([0.3, 0.7])
    (change,) = events.changes.itertuples(index=False)
    assert change[3:] == pytest.approx((0.3, 0.8, 0.0, 0.03, 0.2, 0.4))


def test_taking_events_takes_their_changes():
    events = events_of(RANDOM)
    mask = differential(events, "liver")
    some = events.take(mask)
    assert len(some) == mask.sum() > 0
    assert set(some.changes["event_id"]) == set(some.exons["event_id"])
    assert some.psi.equals(events.psi[mask])
    pd.testing.assert_frame_equal(events.take(np.flatnonzero(mask)).exons, some.exons)


def test_events_that_disagree_with_themselves_are_refused():
    events = events_of(RANDOM[:3])
    with pytest.raises(ValueError, match="stands there twice"):
        Events(pd.concat([events.exons, events.exons[:1]]), events.psi, events.changes)
    with pytest.raises(ValueError, match="rows of psi are not the events"):
        Events(events.exons, events.psi[::-1], events.changes)
    with pytest.raises(ValueError, match="PSI outside 0 to 1"):
        Events(events.exons, events.psi + 1, events.changes)
    with pytest.raises(ValueError, match="changes but is no event"):
        Events(events.exons[:2], events.psi[:2], events.changes)
    with pytest.raises(ValueError, match="exons has no column 'strand'"):
        Events(events.exons.drop(columns="strand"), events.psi, events.changes)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda events: differential(events, "kidney"),
            "got 'kidney', expected one that is compared .brain, heart, liver, lung",
        ),
        (lambda events: differential(events, "liver", direction="up"), "direction: got 'up'"),
        (lambda events: differential(events, "liver", min_others=0), "min_others: got 0"),
        (lambda events: targets(events, "liver", "kidney"), "no comparison of 'liver' with 'kidney'"),
        (lambda events: differential(Events(events.exons, events.psi, events.changes[:0]), "liver"), "none is"),
    ],
)
def test_what_cannot_be_asked_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call(events_of(RANDOM[:4]))


def test_the_columns_are_those_documented():
    assert tuple(events_of(RANDOM[:2]).changes.columns) == (*CHANGES, *SPREAD)
