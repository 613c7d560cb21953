"""The integrator against closed forms, measured orders, a slow second implementation and an exact oracle."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from eigrad.curves import Curve
from eigrad.integrate import RULES, Field, integrate
from eigrad.integrate.grid import share
from eigrad.integrate.rules import Trapezoid
from eigrad.model import Score
from eigrad.paths import LatentNeighbors, LatentStraight, Neighbors, Straight

SHAPE = (2, 3)
N = 8
RULE_NAMES = ["trapezoid", "gauss-legendre"]


class Quadratic(nn.Module):
    """Two scores x'Ax/2 + b'x, whose gradients are Ax + b."""

    def __init__(self, generator):
        super().__init__()
        a = torch.rand(2, 6, 6, generator=generator, dtype=torch.float64) - 0.5
        self.a = nn.Parameter(a + a.mT)
        self.b = nn.Parameter(torch.rand(2, 6, generator=generator, dtype=torch.float64))

    def forward(self, x):
        x = x.flatten(1)
        return 0.5 * torch.einsum("ni,oij,nj->no", x, self.a, x) + x @ self.b.T


def smooth(x):
    """A smooth score with derivatives of every order."""
    x = x.flatten(1)
    return (torch.sin(x.cumsum(1)).prod(1) + torch.exp(-0.3 * x.square().sum(1)))[:, None]


@pytest.fixture
def ends(generator):
    starts = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    return starts, 1 + torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)


@pytest.fixture(params=["straight", "neighbors", "latent straight", "latent neighbors"])
def curve(request, ends, autoencoder_for, generator):
    data = 0.5 + torch.rand(40, *SHAPE, generator=generator, dtype=torch.float64)
    autoencoder = autoencoder_for(*SHAPE)
    path = {
        "straight": Straight(),
        "neighbors": Neighbors(data, k=3),
        "latent straight": LatentStraight(autoencoder),
        "latent neighbors": LatentNeighbors(autoencoder, data, k=3),
    }[request.param]
    return path.between(*ends)


def integral(score, curve, rule, n_points, batch_size=64):
    n = len(curve.legs[0].vertices)
    return integrate(Field(score), curve, torch.arange(n), RULES[rule], n_points, batch_size)


def score_of(function, n_outputs=1):
    return Score(function, outputs=torch.arange(n_outputs))


# the field


def test_a_field_holds_the_jacobians_diagonal(ends):
    weights = torch.linspace(-1, 1, 24, dtype=torch.float64).view(6, 4)

    def model(x):
        return torch.tanh(x.flatten(1) @ weights) ** 2

    found = Field(Score(model, outputs=torch.tensor([3, 1])))(ends[0], torch.arange(N))
    full = torch.autograd.functional.jacobian(model, ends[0])
    for i, output in enumerate((3, 1)):
        torch.testing.assert_close(found[i], torch.stack([full[n, output, n] for n in range(N)]))


def test_gradients_are_taken_where_they_are_off_and_leave_no_trace(ends):
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 4)).double()
    with torch.no_grad():
        found = Field(Score(network, outputs=torch.tensor([1])))(ends[0], torch.arange(N))
    torch.testing.assert_close(found[0].flatten(1), network[1].weight[1].detach().expand(N, 6))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not ends[0].requires_grad
    assert not found.requires_grad


# exact laws


@pytest.mark.parametrize("n_points", [2, 3, 7, 20])
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_linear_score_gives_weight_times_change(curve, ends, rule, n_points, generator):
    weights = torch.rand(6, 2, generator=generator, dtype=torch.float64)
    found = integral(score_of(lambda x: x.flatten(1) @ weights, 2), curve, rule, n_points)
    expected = weights.T.view(2, 1, *SHAPE) * (ends[1] - ends[0])
    # Gauss-Legendre's sum of the tangents of a curved leg is exact up to its own error.
    exact = rule == "trapezoid" or curve.legs[-1] is curve.legs[0]
    torch.testing.assert_close(found.values, expected, rtol=0, atol=1e-12 if exact else 2e-2 / n_points)
    if rule == "trapezoid":
        assert found.error.max() < 1e-12


def test_gauss_legendre_on_a_linear_score_and_a_latent_path_reaches_the_closed_form(ends, autoencoder_for, generator):
    weights = torch.rand(6, 1, generator=generator, dtype=torch.float64)
    curve = LatentStraight(autoencoder_for(*SHAPE)).between(*ends)
    found = integral(score_of(lambda x: x.flatten(1) @ weights), curve, "gauss-legendre", 160)
    torch.testing.assert_close(found.values[0], weights.view(SHAPE) * (ends[1] - ends[0]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_points", [2, 5, 12, 101])
def test_a_quadratic_score_is_complete_on_every_path(curve, ends, n_points, generator):
    model = Quadratic(generator)
    found = integral(score_of(model, 2), curve, "trapezoid", n_points)
    change = (model(ends[1]) - model(ends[0])).T
    torch.testing.assert_close(found.values.flatten(2).sum(2), change, rtol=0, atol=1e-10)


@pytest.mark.parametrize("degree", [3, 9])
def test_gauss_legendre_is_exact_on_polynomials_of_twice_the_points(ends, degree):
    found = integral(
        score_of(lambda x: (x.flatten(1) ** degree).sum(1)),
        Straight().between(*ends),
        "gauss-legendre",
        (degree + 1) // 2 + 1,
    )
    torch.testing.assert_close(found.values[0], ends[1] ** degree - ends[0] ** degree, rtol=1e-11, atol=1e-11)


def test_a_network_of_one_relu_layer_converges_to_the_exact_integral(ends, generator):
    w, v = (torch.rand(*s, generator=generator, dtype=torch.float64) - 0.5 for s in ((6, 9), (9, 1)))
    bias = -(torch.stack(ends).mean(0).flatten(1) @ w).mean(0)
    start, end = (x.flatten(1) for x in ends)
    # Along the line unit k is on for a fraction f of the way, between the roots of its own line; a = W (v f) (x - x').
    from_, to = start @ w + bias, end @ w + bias
    crossing = (-from_ / (to - from_)).clamp(0, 1)
    on = torch.where(from_ > 0, torch.where(to > 0, 1.0, crossing), torch.where(to > 0, 1 - crossing, 0.0))
    expected = ((on * v.T) @ w.T * (end - start)).view(-1, *SHAPE)
    assert ((on > 0) & (on < 1)).any(1).all()

    errors = []
    for n in (100, 1000, 10_000):
        found = integral(
            score_of(lambda x: torch.relu(x.flatten(1) @ w + bias) @ v), Straight().between(*ends), "trapezoid", n, 4096
        )
        errors.append((found.values[0] - expected).abs().max().item())
    assert errors[-1] < 3e-4
    assert errors[-1] < errors[1] / 3 < errors[0] / 9


# measured orders


def test_the_trapezoid_has_order_two(curve):
    exact = integral(score_of(smooth), curve, "gauss-legendre", 1500).values
    grids = [integral(score_of(smooth), curve, "trapezoid", n + 1) for n in (512, 1024, 2048)]
    errors = [(grid.values - exact).abs().sum().item() for grid in grids]
    orders = [np.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.15)


def test_gauss_legendre_reaches_rounding_on_a_smooth_score(ends):
    curve = Straight().between(*ends)
    found = [integral(score_of(smooth), curve, "gauss-legendre", n).values for n in (6, 12, 24, 60)]
    errors = [(values - found[-1]).abs().max().item() for values in found[:-1]]
    assert errors[2] < 1e-11
    assert errors[1] < errors[0] / 100


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_both_rules_tend_to_the_same_integral(curve, rule):
    found = integral(score_of(smooth), curve, rule, 2000)
    other = integral(score_of(smooth), curve, "gauss-legendre", 1500)
    torch.testing.assert_close(found.values, other.values, rtol=0, atol=2e-5)


# a slow second implementation


@pytest.mark.parametrize("n_points", [2, 3, 4, 9, 50])
def test_the_trapezoid_is_panel_by_panel_the_mean_gradient_times_the_step(curve, n_points):
    found = integral(score_of(smooth), curve, "trapezoid", n_points)
    laid = curve.refined(min(16, max(1, n_points // 8)))
    counts = share(laid.lengths(), n_points - 1)
    for pair in range(N):
        numbered = [(s, k) for s, n in enumerate(counts[pair].tolist()) for k in range(n)]
        places = [(s, k / int(counts[pair, s])) for s, k in numbered] + [(numbered[-1][0], 1.0)]
        points = [
            laid.points(torch.tensor([pair]), torch.tensor([[s]]), torch.tensor([[t]], dtype=torch.float64))[0, 0]
            for s, t in places
        ]
        gradients = [torch.autograd.functional.jacobian(smooth, point[None])[0, 0, 0] for point in points]

        def panels(kept, points=points, gradients=gradients):
            return sum((gradients[a] + gradients[b]) / 2 * (points[b] - points[a]) for a, b in itertools.pairwise(kept))

        every = list(range(len(points)))
        half = [i for i, (_, k) in enumerate(numbered) if k % 2 == 0] + every[-1:]
        torch.testing.assert_close(found.values[0, pair], panels(every), rtol=1e-10, atol=1e-12)
        difference = (panels(every) - panels(half)).abs().sum()
        torch.testing.assert_close(found.error[0, pair], difference, rtol=1e-9, atol=1e-12)


def test_a_straight_line_takes_exactly_the_points_asked_for(ends):
    curve = Straight().between(*ends)
    for n_points in (3, 10, 251):
        for rule in RULE_NAMES:
            assert integral(score_of(smooth), curve, rule, n_points).n_evaluations == N * n_points
    # Two points have no half of which the difference could be taken: there is one in between as well.
    assert integral(score_of(smooth), curve, "trapezoid", 2).n_evaluations == N * 3


def test_gauss_legendre_on_a_line_is_the_textbook_sum(ends):
    x, w = np.polynomial.legendre.leggauss(7)
    expected = sum(
        weight / 2 * torch.autograd.functional.jacobian(lambda p: smooth(p).sum(), torch.lerp(*ends, (node + 1) / 2))
        for node, weight in zip(x, w, strict=True)
    )
    found = integral(score_of(smooth), Straight().between(*ends), "gauss-legendre", 7)
    torch.testing.assert_close(found.values[0], expected * (ends[1] - ends[0]), rtol=1e-12, atol=1e-12)


def test_the_estimate_bounds_the_error_without_being_far_off(curve):
    exact = integral(score_of(smooth), curve, "gauss-legendre", 1500).values
    found = integral(score_of(smooth), curve, "trapezoid", 160)
    error = (found.values - exact).abs().flatten(2).sum(2)
    assert (found.error > error).all()
    assert (found.error / error).median() < 8


@pytest.mark.parametrize(("n_points", "degree"), [(7, 4), (8, 4), (15, 8)])
def test_gauss_legendres_estimate_is_the_interpolating_rule_on_every_second_node(ends, n_points, degree):
    line = Straight().between(*ends)
    power = [lambda x, d=d: (x.flatten(1) ** d).sum(1) for d in (degree, 2 * degree)]
    low, high = (integral(score_of(function), line, "gauss-legendre", n_points) for function in power)
    assert low.error.max() < 1e-9  # the gradient's degree is one less than the number of nodes kept
    assert high.error.min() > 1e-6
    exact = integral(score_of(smooth), line, "gauss-legendre", 60).values
    found = integral(score_of(smooth), line, "gauss-legendre", n_points)
    assert (found.error > (found.values - exact).abs().flatten(2).sum(2)).all()


# invariance


@pytest.mark.parametrize("rule", [*RULE_NAMES, "gradient"])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 500])
def test_the_batch_size_changes_nothing(curve, rule, batch_size):
    found, once = (integral(score_of(smooth), curve, rule, 13, size) for size in (batch_size, 10**6))
    torch.testing.assert_close(found.values, once.values, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(found.error, once.error, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_no_batch_is_larger_than_asked(curve):
    seen = []

    def watched(x):
        seen.append(len(x))
        return smooth(x)

    for rule in RULE_NAMES:
        integral(score_of(watched), curve, rule, 21, 5)
    assert max(seen) == 5


def test_the_way_back_is_the_way_there_with_the_other_sign(ends):
    for rule in RULE_NAMES:
        there = integral(score_of(smooth), Straight().between(*ends), rule, 12).values
        back = integral(score_of(smooth), Straight().between(*reversed(ends)), rule, 12).values
        torch.testing.assert_close(there, -back, rtol=1e-11, atol=1e-13)


def test_a_curve_of_no_length_has_no_attributions(ends):
    for rule in RULE_NAMES:
        found = integral(score_of(smooth), Straight().between(ends[0], ends[0]), rule, 9)
        assert torch.equal(found.values, torch.zeros(1, N, *SHAPE, dtype=torch.float64))
        assert torch.equal(found.error, torch.zeros(1, N, dtype=torch.float64))


def test_cutting_a_line_into_pieces_changes_no_trapezoid_when_the_points_fall_together(ends):
    line = Straight().between(*ends)
    pieces = Curve.through(torch.stack([torch.lerp(*ends, t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)], 1))
    whole, cut = (integral(score_of(smooth), curve, "trapezoid", 17).values for curve in (line, pieces))
    torch.testing.assert_close(whole, cut, rtol=1e-12, atol=1e-13)


def test_every_point_knows_the_row_of_its_pair(ends):
    scale = torch.linspace(1, 2, 5, dtype=torch.float64)
    rows = torch.tensor([4, 0, 0, 3, 1, 2, 2, 4])
    score = Score(lambda x, s: s[:, None] * smooth(x), extra=(scale,), outputs=torch.tensor([0]))
    found = integrate(Field(score), Straight().between(*ends), rows, Trapezoid(), 11, 4)
    plain = integral(score_of(smooth), Straight().between(*ends), "trapezoid", 11)
    torch.testing.assert_close(found.values, plain.values * scale[rows].view(-1, 1, 1), rtol=1e-12, atol=1e-13)


# sharing points out


def longest(lengths, counts):
    return max(length / n for length, n in zip(lengths, counts, strict=True) if n)


@pytest.mark.parametrize(
    "lengths", [[1.0, 2.0, 4.0], [0.3, 0.0, 5.0], [1.0, 1.0, 1.0], [0.01, 9.0, 0.02], [2.0, 0.0, 0.0], [7.1, 3.3, 2.9]]
)
@pytest.mark.parametrize("n", [6, 8, 14, 20])
def test_no_other_even_sharing_has_a_shorter_longest_part(lengths, n):
    counts = share(torch.tensor([lengths], dtype=torch.float64), n)[0].tolist()
    assert sum(counts) == n
    assert all(count % 2 == 0 and (count > 0) == (length > 0) for count, length in zip(counts, lengths, strict=True))
    used = [length for length in lengths if length]
    others = [
        longest(used, [2 * k for k in split])
        for split in itertools.product(range(1, n // 2 + 1), repeat=len(used))
        if 2 * sum(split) == n
    ]
    assert longest(lengths, counts) == pytest.approx(min(others), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 9, 33, 250])
def test_all_points_are_shared_out_and_each_curve_by_itself(n, generator):
    lengths = torch.rand(20, 7, generator=generator, dtype=torch.float64)
    lengths[lengths < 0.2] = 0
    lengths[3] = 0
    counts = share(lengths, n)
    for row, alone in zip(counts, lengths, strict=True):
        assert torch.equal(share(alone[None], n)[0], row)
        needed = 2 * max(1, int((alone > 0).sum()))
        assert int(row.sum()) == max(n, needed) if n > needed else int(row.sum()) in (needed, n)


def test_a_curve_of_no_length_keeps_its_nodes_in_the_first_segment():
    assert share(torch.zeros(1, 3), 8).tolist() == [[8, 0, 0]]
    assert share(torch.zeros(1, 3), 1).tolist() == [[2, 0, 0]]


def test_mapped_nodes_meet_steep_turns_with_fewer_points(ends):
    """The nodes and weights are those of Hale and Trefethen's map, by its definition as a truncated arcsine."""
    starts, stops = ends
    straight = Straight().between(starts, stops)
    turning = lambda x: torch.tanh(25 * (x.flatten(1).mean(1, keepdim=True) - 1.1))  # noqa: E731
    exact = integral(score_of(turning), straight, "gauss-legendre", 600).values
    errors = {
        rule: (integral(score_of(turning), straight, rule, 40).values - exact).abs().max()
        for rule in ("gauss-legendre", "hale-trefethen")
    }
    assert errors["hale-trefethen"] < errors["gauss-legendre"] / 5
    grid = RULES["hale-trefethen"].grid(straight, 11)
    x, w = np.polynomial.legendre.leggauss(11)
    series = [math.comb(2 * k, k) / (4**k * (2 * k + 1)) for k in range(5)]
    g = sum(c * x ** (2 * k + 1) for k, c in enumerate(series)) / sum(series)
    slope = sum(c * (2 * k + 1) * x ** (2 * k) for k, c in enumerate(series)) / sum(series)
    np.testing.assert_allclose(grid.t[0], (g + 1) / 2, atol=1e-14)
    np.testing.assert_allclose(grid.weights[0, 0, 0], w * slope / 2, atol=1e-14)


@pytest.mark.parametrize("n_points", [9, 14])
def test_mapped_nodes_are_exact_on_quadratics(ends, generator, n_points):
    straight, quadratic = Straight().between(*ends), Quadratic(generator)
    score = lambda x: quadratic(x)[:, :1]  # noqa: E731
    few, mapped = (integral(score_of(score), straight, rule, n_points) for rule in ("gauss-legendre", "hale-trefethen"))
    torch.testing.assert_close(mapped.values, few.values, rtol=0, atol=1e-12)


def test_few_nodes_are_not_mapped(ends):
    straight = Straight().between(*ends)
    plain, mapped = (RULES[rule].grid(straight, 8) for rule in ("gauss-legendre", "hale-trefethen"))
    assert (plain.t == mapped.t).all()
    assert (plain.weights == mapped.weights).all()
