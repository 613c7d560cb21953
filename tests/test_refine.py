"""What is said of an error is not below what can be known of it, and what cannot be explained is refused."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from eigrad import Explainer, paths
from eigrad.integrate import walk


class Given:
    """The same baselines for every sample, or each sample's own."""

    def __init__(self, points):
        self.points = points

    def __call__(self, samples):
        return self.points if self.points.ndim == samples.ndim + 1 else self.points.expand(len(samples), -1, -1)


def explain(model, samples, baselines=None, **options):
    given = {} if baselines is None else {"baseline": Given(baselines)}
    return Explainer(model, progress=False, **given, **options)(samples)


def relu_network(seed, n_inputs, n_outputs=1):
    torch.manual_seed(seed)
    layers = [nn.Linear(n_inputs, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, n_outputs)]
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize("more", range(4))
def test_points_are_added_on_a_path_of_many_segments_too(seed, more):
    angle = torch.linspace(0, 6.28, 60, dtype=torch.float64)
    ring = 3 * torch.stack([angle.cos(), angle.sin(), 0.1 * angle], 1)
    model, samples, start = relu_network(seed + more, 3), ring[[25, 40]] + 0.01, ring[:1] - 0.01
    walked = {"path": paths.Neighbors(ring, k=2)}
    found = explain(model, samples, start, tol=1e-3, **walked)
    exact = explain(model, samples, start, n_points=20_001, rule="trapezoid", **walked).values
    error = (found.values - exact).abs().sum(1) / exact.abs().sum(1)
    assert (error <= 3e-3).all()
    assert (5 * found.relative_error >= error).all()
    again = explain(model, samples[:1], start, n_points=int(found.n_points[0]), **walked)
    assert torch.allclose(again.values[0], found.values[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule", ["auto", "trapezoid", "gauss-legendre"])
def test_a_step_between_all_points_is_not_missed(rule):
    model = nn.Sequential(nn.Linear(1, 1), nn.Tanh()).double()
    with torch.no_grad():
        model[0].weight.fill_(500.0)
        model[0].bias.fill_(-137.0)
    found = explain(model, torch.ones(1, 1, dtype=torch.float64), rule=rule, max_points=2049)
    assert found.values.item() == pytest.approx(2.0, rel=0.02)
    few = explain(model, torch.ones(1, 1, dtype=torch.float64), rule=rule, n_points=9)
    assert few.relative_error.item() > 0.1


class Together(nn.Module):
    """Rows that influence each other."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 1)

    def forward(self, x):
        hidden = self.first(x)
        return self.last((hidden - hidden.mean(0)).relu() + hidden)


def test_a_first_sample_that_is_its_baseline_hides_nothing(generator, seed):
    torch.manual_seed(seed)
    samples = torch.randn(3, 4, generator=generator)
    samples[0] = 0
    with pytest.raises(ValueError, match="depends on the other points of its batch"):
        explain(Together(), samples)
    assert explain(relu_network(seed, 4).float(), samples).rule == "secant"
    assert explain(relu_network(seed, 4).float(), samples[:1]).values.abs().sum() == 0


def test_a_score_that_is_no_number_at_a_later_sample_is_refused(generator):
    samples = torch.randn(5, 3, generator=generator).abs()
    samples[3] = -1
    with pytest.raises(ValueError, match="NaN or infinite at 1 samples"):
        explain(lambda x: (x.sum(1) + 0.1).log().relu(), samples, torch.ones(1, 3))


def test_a_network_that_takes_another_course_keeps_the_rule_that_was_asked_for(seed):
    model = relu_network(seed, 4)
    model[1] = model[3] = nn.Tanh()

    def forward(x):
        return model(torch.tanh(x * 1e-9) * 1e9 if len(x) > 8 else x)

    samples = torch.randn(3, 4, dtype=torch.float64)
    found = explain(forward, samples, rule="gauss-legendre", tol=1e-4)
    assert found.rule == "gauss-legendre"
    assert found.relative_gap.max() < 1e-3
    with pytest.raises(ValueError, match="rule: got 'secant' for a network it cannot follow"):
        explain(forward, samples, rule="secant", tol=1e-4)


def test_two_grids_that_agree_exactly_at_first_are_not_believed(seed):
    """Where no two layers bend in one step of either grid both are exact, and both may miss the same bend."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    samples = torch.randn(100, 3, dtype=torch.float64)
    agree = explain(model, samples, n_points=9).relative_error < 1e-6
    assert agree.any()
    found = explain(model, samples, tol=0.1)
    assert (found.n_points[agree] > 9).all()
    assert explain(model[:1], samples, target=0, tol=0.1).n_points.max() == 9


def test_what_is_held_is_bounded_with_many_outputs_and_a_wide_first_layer(monkeypatch, generator, seed):
    model, samples = relu_network(seed, 5, n_outputs=7), torch.randn(6, 5, generator=generator, dtype=torch.float64)
    whole = explain(model, samples, target=tuple(range(7)))
    sizes = []
    sum_up = walk._weighed

    def spy(weights, gradients):
        sizes.append(math.prod((len(gradients), *weights.shape[:3], *gradients.shape[3:])))
        return sum_up(weights, gradients)

    monkeypatch.setattr(walk, "_weighed", spy)
    monkeypatch.setattr("eigrad.attribute.chunk.VALUES_AT_ONCE", 7 * 40 * 2)
    parts = explain(model, samples, target=tuple(range(7)))
    assert max(sizes) <= 7 * 40 * 2
    assert torch.allclose(parts.values, whole.values, rtol=1e-12, atol=1e-14)
    assert torch.equal(parts.n_points, whole.n_points)


NORMS = [partial(nn.LayerNorm, eps=1e-5), partial(nn.RMSNorm, eps=1e-6)]


def normalizing(norm, seed):
    torch.manual_seed(seed)
    return nn.Sequential(norm(9), nn.Linear(9, 12), nn.ReLU(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 2)).double()


@pytest.mark.parametrize("norm", NORMS)
def test_a_network_that_turns_at_the_baseline_reaches_the_tolerance(seed, norm):
    model = normalizing(norm, seed)
    samples, zeros = torch.randn(4, 9, dtype=torch.float64), torch.zeros(1, 9, dtype=torch.float64)
    found = explain(model, samples, zeros, tol=1e-3, target=0)
    # nodes crowded at the baseline by another law, each a gradient of its own
    edges = torch.cat([torch.zeros(1), torch.logspace(-9, 0, 40_001, dtype=torch.float64)])
    points = (edges.diff() / 2 + edges[:-1])[:, None, None] * samples
    points.requires_grad_()
    (gradient,) = torch.autograd.grad(model(points.flatten(0, 1))[:, 0].sum(), points)
    exact = (gradient * edges.diff()[:, None, None]).sum(0) * samples
    error = (found.values - exact).abs().sum(1) / exact.abs().sum(1)
    assert found.rule == "secant"
    assert found.crowded.all()
    assert (found.relative_error <= 1e-3).all()
    assert (error <= 2e-3).all()
    again = explain(model, samples[:1], zeros, n_points=int(found.n_points[0]), rule="crowded-secant", target=0)
    assert torch.allclose(again.values[0], found.values[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("norm", NORMS)
def test_a_turn_inside_is_left_to_even_nodes(seed, norm, monkeypatch):
    model, samples = normalizing(norm, seed), torch.randn(12, 9, dtype=torch.float64)
    starts = (-0.5 * samples + 0.02 * torch.randn(12, 9, dtype=torch.float64))[:, None]
    found = explain(model, samples, starts, tol=1e-3, target=0)
    monkeypatch.setattr("eigrad.attribute.refine.STALLED", 1e-12)  # nothing is ever slow
    even = explain(model, samples, starts, tol=1e-3, target=0)
    assert not found.crowded.any()
    assert torch.allclose(found.values, even.values, rtol=1e-12, atol=1e-15)
    assert (found.n_points == even.n_points).all()
    assert even.n_evaluations <= found.n_evaluations <= 1.3 * even.n_evaluations
