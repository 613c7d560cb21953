"""A chunk gives the same whichever came before it, in this process or in another."""

import json

import pytest
import torch
from torch import nn

from eigrad import Explainer, baselines
from eigrad.attribute import TENSORS, Settled
from eigrad.attribute.result import joined

N, D, B, PAIRS = 11, 5, 2, 6


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", PAIRS)


@pytest.fixture
def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D, 9), nn.ReLU(), nn.Linear(9, 3))


@pytest.fixture
def points(generator):
    return torch.randn(N + 4, D, generator=generator)


@pytest.fixture
def explainer(network, points):
    return Explainer(network, 1, baseline=baselines.Median(points[N:], n=B), progress=False)


def same(one, other):
    facts = {"rule", "reason", "n_evaluations", "path", "baseline", "precision", "precision_error", "feature_names"}
    assert all(getattr(one, name) == getattr(other, name) for name in facts)
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS)


def test_chunks_come_out_alike_in_any_order(explainer, points):
    whole = explainer(points[:N])
    session = explainer.session(points[:N])
    assert [rows.stop - rows.start for rows in session.chunks] == [3, 3, 3, 2]
    parts = {i: session(i) for i in (2, 0, 3, 1)}
    same(joined([parts[i] for i in range(4)]).output(0), whole)
    same(session(0), parts[0])  # and again, though it was held from the beginning


def test_what_one_process_settled_holds_in_another(explainer, points):
    first = explainer.session(points[:N])
    kept = json.loads(json.dumps(first.settled.as_json()))
    second = explainer.session(points[:N], settled=Settled.from_json(kept))
    for i in range(len(first)):
        same(second(i), first(i))
    assert second.settled == first.settled


def test_the_plan_is_that_which_held_for_the_first_chunk(points, caplog):
    class Hidden(nn.Module):
        """Bends where nothing that is watched sees it, and for the first samples only."""

        def __init__(self):
            super().__init__()
            self.last = nn.Linear(D, 3)

        def forward(self, x):
            return self.last(Bend.apply(x))

    class Bend(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.pow(3)

        @staticmethod
        def backward(ctx, grad):
            return grad * 3 * ctx.saved_tensors[0] ** 2

    torch.manual_seed(1)
    explainer = Explainer(Hidden(), 1, progress=False)
    session = explainer.session(points[:N])
    assert {session(i).rule for i in range(len(session))} == {session.settled.plan.rule.name}
    same(explainer.session(points[:N], settled=session.settled)(1), session(1))


def test_a_first_chunk_without_a_path_settles_nothing(network, points, monkeypatch):
    alike = torch.cat([torch.zeros(4, D), points[:N]])
    explainer = Explainer(network, 1, progress=False)
    monkeypatch.setattr("eigrad.attribute.session.PAIRS_AT_ONCE", 3)
    session = explainer.session(alike)
    later = session(4)
    assert session.settled == explainer.session(points[:N]).settled
    assert not session(0).values.any()
    same(explainer.session(alike)(4), later)
    none = explainer.session(torch.zeros(4, D))
    assert not none(1).values.any()


def test_a_lower_precision_costs_the_same_wherever_it_is_asked(network, points):
    explainer = Explainer(network, 1, precision="bfloat16", progress=False)
    first = explainer.session(points[:N])
    costs = {first(i).precision_error for i in (1, 0)}
    second = explainer.session(points[:N], settled=Settled.from_json(first.settled.as_json()))
    assert {second(0).precision_error} == costs
    assert 0 < costs.pop() < 0.1


@pytest.mark.parametrize("change", [{"rule": "guess"}, {"rule": None}, {"fuse": None}, {"precision_error": ...}])
def test_what_is_not_settled_is_refused(explainer, points, change):
    facts = explainer.session(points[:N]).settled.as_json() | change
    facts = {key: value for key, value in facts.items() if value is not ...}
    with pytest.raises(ValueError, match=r"settled: got .*, expected what a chunk settled"):
        Settled.from_json(facts)
