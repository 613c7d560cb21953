"""Slopes between neighboring points: complete whatever the network, of their order, and exact where that is known."""

import math

import pytest
import torch
from tests import oracles
from torch import nn
from torch.nn import functional as F

from eigrad import Explainer, diagnose
from eigrad.slopes.elementwise import ramp
from eigrad.slopes.rows import Layout

N, B, D = 5, 3, 6


class Through(nn.Module):
    """A linear layer, an operation on its 2 x 4 x 6 numbers, and a linear layer."""

    def __init__(self, operation):
        super().__init__()
        self.first, self.last = nn.Linear(D, 48), nn.LazyLinear(2)
        self.operation = operation

    def forward(self, x):
        return self.last(self.operation(self.first(x).view(-1, 2, 4, 6)).flatten(1))


MASK = torch.tensor([False, True, False, False, True, False])


def attention(z, **options):
    q, k, v = z.flatten(1, 2).split(2, 2)
    return F.scaled_dot_product_attention(q, k, v, **options)


OPERATIONS = {
    "relu": F.relu,
    "leaky relu": lambda z: F.leaky_relu(z, 0.2, False),
    "prelu": lambda z: F.prelu(z, torch.tensor([0.3, -0.4], dtype=z.dtype)),
    "relu6": lambda z: F.relu6(4 * z),
    "hardtanh": nn.Hardtanh(-0.3, 0.4),
    "hardsigmoid": lambda z: F.hardsigmoid(5 * z),
    "softshrink": nn.Softshrink(0.2),
    "absolute value": torch.abs,
    "clamp": lambda z: z.clamp(-0.2, 0.3),
    "clamp from above": lambda z: z.clamp(max=0.1),
    "in place": lambda z: (z + 1).sub_(1).relu_(),
    "maximum": lambda z: torch.maximum(z[:, 0], z[:, 1]),
    "minimum with a constant": lambda z: torch.minimum(z, torch.tensor(0.1, dtype=z.dtype)),
    "max pool": lambda z: F.max_pool2d(z, (2, 3)),
    "max pool, overlapping": lambda z: F.max_pool2d(z, 3, stride=(1, 2), padding=1),
    "max pool, dilated, to the ceiling": lambda z: F.max_pool2d(z, 2, stride=3, dilation=(1, 2), ceil_mode=True),
    "max pool with its index": lambda z: F.max_pool2d(z, 2, return_indices=True)[0],
    "max pool of a whole axis": lambda z: F.max_pool1d(z[:, 0], 6),
    "max pool of one axis": lambda z: F.max_pool1d(z[:, 0], 3, 1),
    "adaptive max pool with its index": lambda z: F.adaptive_max_pool2d(z, 2, return_indices=True)[0],
    "adaptive max pool": lambda z: F.adaptive_max_pool2d(z, (3, 4)),
    "largest along axes": lambda z: z.amax((1, 3)),
    "largest of what is not masked": lambda z: z.masked_fill(MASK, -math.inf).amax(-1),
    "softmax of what is not masked": lambda z: z.masked_fill(MASK, -math.inf).softmax(-1),
    "normalizer of what is not masked": lambda z: z.masked_fill(MASK, -math.inf).logsumexp(-1),
    "causal attention": lambda z: attention(z, is_causal=True),
    "clamp from minus infinity": lambda z: z.clamp(-math.inf, 0.1),
    "smallest and where": lambda z: z.min(2).values,
    "average pool": lambda z: F.avg_pool2d(z, 2),
    "tanh": torch.tanh,
    "GELU": F.gelu,
    "SiLU": lambda z: F.silu(z, inplace=True),
    "softplus": lambda z: F.softplus(3 * z),
    "power": lambda z: (z.square() + 2) ** 1.5,
    "softmax": lambda z: z.softmax(2),
    "log softmax": lambda z: F.log_softmax(z, 1),
    "log-sum-exp": lambda z: torch.logsumexp(z, 3),
    "product": lambda z: z[:, 0] * z[:, 1],
    "square": lambda z: z * z,
    "quotient": lambda z: z[:, 0] / (2 + z[:, 1].exp()),
    "one by it": lambda z: 1 / (1 + z.exp()),
    "gate": lambda z: F.glu(z, 1),
    "einsum": lambda z: torch.einsum("ncij,ncik->njk", z, z),
    "layer norm": lambda z: F.layer_norm(z, (4, 6)),
    "group norm": lambda z: F.group_norm(z, 2),
    "instance norm": F.instance_norm,
    "RMS norm": lambda z: F.rms_norm(z, (6,)),
    "attention": attention,
    "rows in the middle": lambda z: F.relu(z.permute(1, 2, 0, 3)).permute(2, 0, 1, 3),
    "rows folded": lambda z: torch.sigmoid(z.reshape(-1, 6)).view(-1, 48),
    "rows folded the other way": lambda z: F.relu(z.flatten(1, 2).transpose(0, 1).reshape(-1, 6)).view(8, -1, 6).mT.mT
    .transpose(0, 1),
}  # fmt: skip


@pytest.fixture
def ends(generator):
    def drawn(n):
        return 2 * torch.randn(n, D, generator=generator, dtype=torch.float64)

    return drawn(N), drawn(B)


def network(operation, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Through(operation)
        model(torch.zeros(1, D))
    return model.double().eval()


def explain(model, ends, **options):
    baseline = type("Given", (), {"__call__": lambda self, x: ends[1].expand(len(x), B, D)})()
    return Explainer(model, 1, baseline=baseline, progress=False, **options)(ends[0])


@pytest.mark.parametrize("rule", ["secant", "crowded-secant"])
@pytest.mark.parametrize("cells", [1, 3, 16])
@pytest.mark.parametrize("name", OPERATIONS)
def test_completeness_holds_however_few_the_points(name, cells, rule, ends, seed):
    found = explain(network(OPERATIONS[name], seed), ends, rule=rule, n_points=cells + 1)
    size = found.values.abs().sum() + found.change.abs().max()
    assert found.gap.abs().max() <= 1e-10 * size
    assert found.change.abs().min() > 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_tends_to_the_integral(name, ends, seed):
    model = network(OPERATIONS[name], seed)
    found = explain(model, ends, rule="secant", n_points=257).values
    exact = explain(model, ends, rule="trapezoid", n_points=8001).values
    assert (found - exact).abs().sum() <= 2e-3 * exact.abs().sum()


@pytest.mark.parametrize(
    "rule", ["secant", "crowded-secant", "trapezoid", "gauss-legendre", "hale-trefethen", "clenshaw-curtis"]
)
def test_a_fused_first_layer_changes_nothing(rule, ends, seed):
    model = network(F.relu, seed)
    assert diagnose(model, ends[0], 1).fused
    fused = explain(model, ends, rule=rule, n_points=16)
    plain = explain(lambda x: model(x * 1.0), ends, rule=rule, n_points=16)
    assert not diagnose(lambda x: model(x * 1.0), ends[0], 1).fused
    assert (fused.values - plain.values).abs().max() <= 1e-12 * plain.values.abs().max()


def mlp(seed, n_hidden=40):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(D, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 30), nn.ReLU(), nn.Linear(30, 2)]
    return nn.Sequential(*layers).double()


def exact(model, ends):
    pairs = [oracles.attributions(model, start, end, 1) for end in ends[0] for start in ends[1]]
    return torch.stack([torch.as_tensor(pair) for pair in pairs]).view(N, B, D).mean(1)


def test_many_secants_are_the_exact_integral(ends, seed):
    model = mlp(seed)
    expected = exact(model, ends)
    found = explain(model, ends, rule="secant", n_points=513).values
    assert (found - expected).abs().sum() <= 1e-4 * expected.abs().sum()


def test_the_order_on_a_piecewise_linear_network_is_at_least_1_4(ends, seed):
    errors = torch.zeros(2, dtype=torch.float64)
    for k in range(6):
        model = mlp(seed + k)
        expected = exact(model, ends)
        for i, n in enumerate((9, 129)):
            errors[i] += (explain(model, ends, rule="secant", n_points=n).values - expected).abs().sum()
    assert math.log2(errors[0] / errors[1]) / 4 >= 1.4


def test_the_estimate_is_about_the_error_and_rather_above_it(ends, seed):
    ratios = []
    for k in range(8):
        model = mlp(seed + k)
        found, expected = explain(model, ends, rule="secant", n_points=33), exact(model, ends)
        ratios.append(found.relative_error * expected.abs().sum(1) / (found.values - expected).abs().sum(1))
    assert 1 <= torch.cat(ratios).median() <= 4


def test_a_tolerance_is_kept_and_only_who_needs_it_pays(ends, seed):
    model = mlp(seed)
    expected = exact(model, ends)
    found = explain(model, ends, tol=0.003)
    assert found.rule == "secant"
    assert ((found.values - expected).abs().sum(1) <= 0.003 * expected.abs().sum(1)).all()
    assert (found.relative_error <= 0.003).all()
    few = explain(model, ends, tol=1e-6, max_points=65)
    assert (few.n_points == 65).all()
    assert (few.relative_error > 1e-6).all()


@pytest.mark.parametrize("rule", ["trapezoid", "clenshaw-curtis"])
@pytest.mark.parametrize("n_first", [nn.Linear(D, 20), nn.Tanh()], ids=["fused", "not fused"])
def test_nested_grids_take_each_gradient_once(rule, n_first, ends, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(n_first, nn.GELU(), nn.LazyLinear(2)).double()
    model(ends[0])
    found = explain(model, ends, rule=rule, tol=1e-15, max_points=35)
    assert found.n_points[0] >= 17
    afresh = explain(model, ends, rule=rule, n_points=int(found.n_points[0]))
    assert found.n_evaluations == afresh.n_evaluations
    assert torch.allclose(found.values, afresh.values, rtol=1e-12, atol=1e-14)
    assert torch.allclose(found.error, afresh.error, rtol=1e-6, atol=1e-14)


def test_gradients_that_would_take_much_memory_are_not_kept(ends, seed, monkeypatch):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(D, 20), nn.GELU(), nn.Linear(20, 2)).double()
    kept = explain(model, ends, rule="trapezoid", tol=1e-15, max_points=70)
    monkeypatch.setattr("eigrad.integrate.walk.KEPT_BYTES", 8 * 20 * N * B * 33)
    part = explain(model, ends, rule="trapezoid", tol=1e-15, max_points=70)
    assert part.n_evaluations == kept.n_evaluations + 33 * N * B
    assert torch.allclose(part.values, kept.values, rtol=1e-12, atol=1e-14)


def test_the_slope_of_a_ramp_has_no_cancellation():
    a = torch.tensor([1e9, -1.0, -3.0, 0.0, 0.0, 5.0], dtype=torch.float64)
    b = torch.tensor([1e9 + 1e-6, -2.0, 1.0, 0.0, 2.0, 5.0], dtype=torch.float64)
    assert ramp(a, b).tolist() == pytest.approx([1.0, 0.0, 0.25, 0.0, 1.0, 1.0], rel=1e-15, abs=1e-300)
    assert ramp(a, b, 0.5).tolist() == pytest.approx([1.0, 0.0, 0.25, 0.5, 1.0, 1.0], rel=1e-15, abs=1e-300)


def test_rows_that_share_an_axis_have_their_next_a_step_away():
    rows = torch.arange(12.0).view(6, 2)
    assert torch.equal(Layout(0, 2).next(rows) - Layout(0, 2).here(rows), torch.full((4, 2), 4.0))
    assert torch.equal(Layout(0, 2).padded(rows[:4])[4:], torch.zeros(2, 2))
    assert torch.equal(Layout(1).middle(rows)[:, 0], rows.mean(1))
