"""The exact integrator: complete to rounding, and what a fine midpoint rule tends to."""

from itertools import pairwise

import pytest
import torch
from tests import oracles
from torch import nn

EPS = torch.finfo(torch.float64).eps
FINE = 200_000


def linear(generator, n_in, n_out):
    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(n_out, n_in) / n_in**0.5, draw(n_out) / 3


def seeded(make, generator):
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(10**6, (1,), generator=generator)))
        return make().double().eval()


def mlp(generator, *sizes, activation=nn.ReLU):
    return oracles.network([linear(generator, a, b) for a, b in pairwise(sizes)], activation)


def residual():
    return nn.Sequential(
        nn.Linear(6, 5),
        oracles.Residual(nn.ReLU(), nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 5)),
        oracles.Residual(nn.PReLU(5), nn.Linear(5, 5)),
        nn.ReLU(),
        nn.Linear(5, 3),
    )


def cnn():
    """Overlapping and padded pooling, then windows that do not divide."""
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 4, 2),
        nn.AdaptiveMaxPool2d((2, 3)),
        nn.ReLU6(),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


def sequence():
    return nn.Sequential(
        nn.Conv1d(4, 5, 3),
        nn.MaxPool1d(3, stride=2, padding=1, dilation=2),
        nn.LeakyReLU(0.1),
        nn.AdaptiveMaxPool1d(2),
        nn.Hardtanh(-0.3, 0.4),
        nn.Flatten(),
        nn.Linear(10, 3),
    )


NETWORKS = {
    "relu": (lambda g: mlp(g, 6, 9, 8, 3), (6,)),
    "leaky": (lambda g: mlp(g, 6, 9, 8, 3, activation=lambda: nn.LeakyReLU(0.2)), (6,)),
    "absolute value": (lambda g: mlp(g, 6, 9, 8, 3, activation=lambda: oracles.Slopes(-1, 1)), (6,)),
    "residual": (lambda g: seeded(residual, g), (6,)),
    "cnn": (lambda g: seeded(cnn, g), (2, 7, 9)),
    "sequence": (lambda g: seeded(sequence, g), (4, 13)),
}


@pytest.fixture(params=NETWORKS)
def case(request, generator):
    make, shape = NETWORKS[request.param]
    start, end = 3 * torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return make(generator), start, end


def test_completeness_holds_to_rounding(case):
    model, start, end = case
    for target in range(3):
        found = oracles.attributions(model, start, end, target)
        change = model(end[None])[0, target] - model(start[None])[0, target]
        assert (found.sum() - change).abs() <= 20 * EPS * found.abs().sum()


def test_the_network_is_affine_between_kinks(case):
    """Second differences vanish inside every piece."""
    model, start, end = case
    alphas = oracles.kinks(model, start, end)
    assert alphas[0] == 0
    assert alphas[-1] == 1
    assert len(alphas) > 10
    left, right = alphas[:-1, None], alphas[1:, None]
    inside = left + (right - left) * torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    points = start + inside.flatten().view(-1, *(1 for _ in start.shape)) * (end - start)
    outputs = model(points).unflatten(0, (-1, 3))
    bends = outputs[:, 0] - 2 * outputs[:, 1] + outputs[:, 2]
    assert bends.abs().max() <= 100 * EPS * outputs.abs().max()


def test_a_fine_midpoint_rule_tends_to_it(case):
    """Its error is at most half a panel's width times the jumps of the gradient, summed over the kinks."""
    model, start, end = case
    found = oracles.attributions(model, start, end, 1)
    alphas = oracles.kinks(model, start, end)
    gradients = oracles.segment_gradients(model, start, end, (alphas[1:] + alphas[:-1]) / 2, 1)
    bound = gradients.diff(dim=0).abs().sum(0) * (end - start).abs() / (2 * FINE)
    errors = {n: (oracles.midpoint(model, start, end, n, 1) - found).abs() for n in (FINE // 100, FINE)}
    assert (errors[FINE] <= bound + 1e-11 * found.abs().sum()).all()
    assert errors[FINE].sum() < errors[FINE // 100].sum() / 10


def test_a_linear_network_is_one_piece(generator):
    weight, bias = linear(generator, 6, 3)
    model = oracles.network([(weight, bias)])
    start, end = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    assert oracles.kinks(model, start, end).tolist() == [0, 1]
    torch.testing.assert_close(
        oracles.attributions(model, start, end, 2), weight[2] * (end - start), rtol=0, atol=10 * EPS
    )


def test_kinks_known_in_closed_form():
    """|x - 1/4| - 1/4 has its kink at 1/4 and is zero at 1/2, where the second absolute value bends too."""
    one = torch.ones(1, 1, dtype=torch.float64)
    layers = [(one, -one[0] / 4), (one, -one[0] / 4), (one, 0 * one[0])]
    model = oracles.network(layers, lambda: oracles.Slopes(-1, 1))
    found = oracles.kinks(model, torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([0, 0.25, 0.5, 1], dtype=torch.float64), rtol=0, atol=EPS)


def test_pieces_are_counted_as_activation_patterns_are(generator):
    model = mlp(generator, 6, 9, 8, 3)
    start, end = 3 * torch.randn(2, 6, generator=generator, dtype=torch.float64)
    alphas = torch.linspace(0, 1, FINE, dtype=torch.float64)[:, None]
    hidden = model[0](start + alphas * (end - start))
    active = torch.cat([hidden > 0, model[2](hidden.relu()) > 0], 1)
    changes = int((active[1:] != active[:-1]).any(1).sum())
    assert len(oracles.kinks(model, start, end)) - 1 == changes + 1


def test_pooling_is_walked_as_torch_pools(generator):
    """The windows are the module's own: a walk of the two end points alone gives its outputs there."""
    for pool, shape in (
        (nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), (2, 7, 9)),
        (nn.AdaptiveMaxPool2d((3, 4)), (2, 7, 9)),
        (nn.AdaptiveMaxPool2d((3, None)), (2, 7, 9)),
        (nn.MaxPool1d(3, stride=2, padding=1), (2, 8)),
        (nn.AdaptiveMaxPool1d(3), (2, 8)),
    ):
        ends = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
        line = oracles.Polyline(torch.tensor([0.0, 1.0], dtype=torch.float64), ends)
        walked = oracles._walk(pool, line)
        assert torch.equal(walked.values[[0, -1]], pool(ends))
        points = ends[0] + walked.alphas.view(-1, *(1 for _ in shape)) * (ends[1] - ends[0])
        torch.testing.assert_close(walked.values, pool(points), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "module", [nn.Tanh(), nn.GELU(), nn.Hardshrink(), nn.Dropout(), nn.MaxPool2d(2, ceil_mode=True)]
)
def test_what_it_cannot_prove_is_refused(module):
    with pytest.raises(TypeError, match=r"not known|in train mode"):
        oracles.kinks(module, *torch.ones(2, 3, 5, 7, dtype=torch.float64))
