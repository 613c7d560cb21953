"""Captum's interface, as it documents it, answered by eigrad: the same numbers, and inside Captum's own tools."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from captum.attr import GradientAttribution, IntegratedGradients, NoiseTunnel, visualization
from captum.metrics import infidelity, sensitivity_max
from torch import nn

from eigrad import Explainer, baselines, paths
from eigrad.captum import EnhancedIntegratedGradients

N, D, H, K = 11, 5, 7, 3  # samples, features, hidden units, outputs
EXACT = {"rtol": 0, "atol": 1e-12}
CAPTUM = {"rtol": 0, "atol": 1e-6}  # its weights are rounded to float32


@pytest.fixture
def draw(generator):
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def smooth(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, K)).double()


@pytest.fixture
def x(draw):
    return draw(N, D)


def gauss(function, **options):
    return EnhancedIntegratedGradients(function, rule="gauss-legendre", **options)


def of_every_kind(x, draw):
    """Baselines as Captum takes them, by what they are."""
    return {"none": None, "number": 0.3, "row": draw(1, D), "rows": draw(N, D), "zeros": torch.zeros_like(x)}


KINDS = ("none", "number", "row", "rows", "zeros")


class Curved(nn.Module):
    """Outputs of three axes, (rows, 2, 4)."""

    def forward(self, x):
        return torch.stack([x[:, :4].tanh(), x[:, 1:].sin() * x[:, :1]], 1)


def test_two_ways_to_write_one_function_have_the_same_attributions():
    # Sundararajan et al. 2017, figure 3: relu(relu(a) - 1 - relu(b)) and relu(relu(a - 1) - relu(b))
    a, b = torch.tensor([3.0, 3.0, 1.0]), torch.tensor([1.0, 0.0, 2.0])
    one = EnhancedIntegratedGradients(lambda a, b: (a.relu() - 1 - b.relu()).relu(), tol=1e-4)
    other = EnhancedIntegratedGradients(lambda a, b: ((a - 1).relu() - b.relu()).relu(), tol=1e-4)
    for method in (one, other):
        (of_a, of_b), delta = method.attribute((a, b), return_convergence_delta=True)
        torch.testing.assert_close(of_a, torch.tensor([1.5, 2.0, 0.0]), rtol=0, atol=1e-3)
        torch.testing.assert_close(of_b, torch.tensor([-0.5, 0.0, 0.0]), rtol=0, atol=1e-3)
        torch.testing.assert_close(delta, torch.zeros(3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["auto", "gauss-legendre", "trapezoid", "secant", "clenshaw-curtis"])
def test_a_linear_function_is_explained_exactly(draw, x, kind, rule):
    weight, start = draw(D), of_every_kind(x, draw)[kind]
    method = EnhancedIntegratedGradients(lambda x: 2 + x @ weight, rule=rule)
    values, delta = method.attribute(x, start, n_steps=2, return_convergence_delta=True)
    torch.testing.assert_close(values, weight * (x - (0 if start is None else start)), **EXACT)
    torch.testing.assert_close(delta, torch.zeros(N, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_steps", [3, 20])
def test_on_smooth_networks_the_numbers_are_captums(smooth, draw, x, kind, n_steps):
    start = of_every_kind(x, draw)[kind]
    given = {"target": 1, "n_steps": n_steps, "return_convergence_delta": True}
    values, delta = gauss(smooth).attribute(x, start, **given)
    theirs, their_delta = IntegratedGradients(smooth).attribute(x, start, method="gausslegendre", **given)
    torch.testing.assert_close(values, theirs, **CAPTUM)
    torch.testing.assert_close(delta, their_delta, **CAPTUM)
    named = EnhancedIntegratedGradients(smooth).attribute(x, start, method="gausslegendre", target=1, n_steps=n_steps)
    torch.testing.assert_close(named, values, **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_the_delta_is_what_the_attributions_sum_to_beyond_the_change(smooth, draw, x, kind):
    start = of_every_kind(x, draw)[kind]
    method = EnhancedIntegratedGradients(smooth, rule="trapezoid")
    values, delta = method.attribute(x, start, target=2, n_steps=3, return_convergence_delta=True)
    before = x.new_full(x.shape, start or 0) if kind in ("none", "number") else start.expand_as(x)
    change = smooth(x)[:, 2] - smooth(before)[:, 2]
    assert delta.shape == (N,)
    assert delta.abs().max() > 1e-3
    torch.testing.assert_close(delta, values.sum(1) - change, **EXACT)
    torch.testing.assert_close(method.compute_convergence_delta(values, start, x, target=2), delta, **EXACT)


@pytest.mark.parametrize("kind", ["row", "rows"])
@pytest.mark.parametrize("size", [1, 4, 10**6])
def test_the_internal_batch_size_changes_nothing(smooth, draw, x, kind, size):
    given = {"baselines": of_every_kind(x, draw)[kind], "target": [0, 2, 1] * 3 + [1, 0], "n_steps": 9}
    whole, seen = gauss(smooth).attribute(x, **given), []
    watched = gauss(lambda x: (seen.append(len(x)), smooth(x))[1])
    torch.testing.assert_close(watched.attribute(x, internal_batch_size=size, **given), whole, **EXACT)
    assert (max(seen) > 9) == (size > 9)  # no more than that at once, or the five that a network is surveyed with


def test_further_arguments_follow_their_samples(draw, x):
    weight, factor, other = draw(N, D), draw(N, 1), torch.tensor(0.7, dtype=torch.float64)

    def function(x, weight, power, factor, other, nothing):
        assert nothing is None
        return ((x * weight).sin() ** power * factor).sum(1, keepdim=True) * other

    def with_arguments(i):
        return lambda x: function(x, weight[i : i + 1], 2, factor[i : i + 1], other, None)

    found = gauss(function).attribute(x, additional_forward_args=(weight, 2, factor, other, None), n_steps=6)
    alone = [gauss(with_arguments(i)).attribute(x[i : i + 1], n_steps=6) for i in range(N)]
    torch.testing.assert_close(found, torch.cat(alone), **EXACT)
    single = gauss(lambda x, weight: (x * weight).sin().sum(1))
    torch.testing.assert_close(
        single.attribute(x, additional_forward_args=weight, n_steps=6),
        single.attribute(x, additional_forward_args=(weight,), n_steps=6),
        **EXACT,
    )


def test_what_belongs_to_a_sample_follows_it_into_any_order(smooth, draw, x):
    start, factor, target = draw(N, D), draw(N, 1), torch.arange(N) % K
    method, order = gauss(lambda x, factor: smooth(x * factor)), torch.arange(N).flip(0).roll(4)
    given = {"n_steps": 5, "return_convergence_delta": True}
    values, delta = method.attribute(x, start, target, factor, **given)
    moved, moved_delta = method.attribute(x[order], start[order], target[order], factor[order], **given)
    torch.testing.assert_close(moved, values[order], **EXACT)
    torch.testing.assert_close(moved_delta, delta[order], **EXACT)


def test_a_target_is_the_output_it_names(smooth, x):
    mixed = [0, 2, 1] * 3 + [1, 0]
    by_output = torch.stack([gauss(lambda x, k=k: smooth(x)[:, k]).attribute(x, n_steps=4) for k in range(K)])
    for target in (2, -1, torch.tensor(2), torch.tensor([2]), (2,), np.int64(2), [2] * N, torch.full((N,), 2)):
        torch.testing.assert_close(gauss(smooth).attribute(x, target=target, n_steps=4), by_output[2], **EXACT)
    each = by_output[mixed, torch.arange(N)]
    for target in (mixed, torch.tensor(mixed), [(k,) for k in mixed]):
        torch.testing.assert_close(gauss(smooth).attribute(x, target=target, n_steps=4), each, **EXACT)


def test_a_target_of_several_axes_is_a_tuple_of_places(x):
    places = [(i % 2, i % 4) for i in range(N)]
    for target, theirs in (((1, 2), (1, 2)), (places, places), ((-1, -2), (1, 2))):
        found = gauss(Curved()).attribute(x, target=target, n_steps=8)
        captums = IntegratedGradients(Curved()).attribute(x, target=theirs, n_steps=8)
        torch.testing.assert_close(found, captums, **CAPTUM)


def test_several_inputs_are_explained_as_parts_of_one(draw):
    a, b, start = draw(N, 2, 3), draw(N, 4), draw(N, 4)
    weight = draw(6, 4)

    def function(a, b):
        return (torch.einsum("ni,ij,nj->n", a.flatten(1), weight, b) + b.prod(1)).sin()

    given = {"baselines": (0.2, start), "n_steps": 12, "return_convergence_delta": True}
    found, delta = gauss(function).attribute((a, b), **given)
    theirs, their_delta = IntegratedGradients(function).attribute((a, b), **given)
    assert isinstance(found, tuple)
    for mine, other in zip(found, theirs, strict=True):
        torch.testing.assert_close(mine, other, **CAPTUM)
    torch.testing.assert_close(delta, their_delta, **CAPTUM)
    (alone,) = gauss(lambda a: a.sin().sum((1, 2))).attribute((a,), n_steps=4)  # a tuple of one stays a tuple
    assert alone.shape == a.shape


@pytest.mark.parametrize("rule", ["gauss-legendre", "secant"])
def test_without_the_factor_of_the_inputs_mean_gradients_are_left(smooth, draw, x, rule):
    start = draw(N, D)
    start[:, 1], start[4] = x[:, 1], x[4]  # a feature, and a sample, that do not change
    assert not EnhancedIntegratedGradients(smooth, False).multiplies_by_inputs
    method = EnhancedIntegratedGradients(smooth, False, rule=rule)
    found = method.attribute(x, start, 1, n_steps=30 if rule == "gauss-legendre" else 600)
    theirs = IntegratedGradients(smooth, multiply_by_inputs=False).attribute(x, start, 1, n_steps=30)
    torch.testing.assert_close(found, theirs, **CAPTUM)


@pytest.mark.parametrize("path", ["straight", "neighbors", "latent"])
def test_baselines_of_their_own_are_those_given_one_by_one(smooth, draw, x, autoencoder_for, path):
    start = draw(N, D)
    path = {
        "straight": paths.Straight(),
        "neighbors": paths.Neighbors(draw(23, D), k=3),
        "latent": paths.LatentStraight(autoencoder_for(D)),
    }[path]
    method = EnhancedIntegratedGradients(smooth, path=path, rule="trapezoid")
    together, delta = method.attribute(x, start, 2, n_steps=19, return_convergence_delta=True)
    alone = [method.attribute(x[i : i + 1], start[i : i + 1], 2, n_steps=19) for i in range(N)]
    torch.testing.assert_close(together, torch.cat(alone), **EXACT)
    torch.testing.assert_close(delta, method.compute_convergence_delta(together, start, x, target=2), **EXACT)


def test_baselines_of_eigrad_are_averaged(smooth, draw, x):
    class_ = baselines.Median(draw(17, D), n=4)
    method = EnhancedIntegratedGradients(smooth, baseline=class_, rule="gauss-legendre")
    found, delta = method.attribute(x, target=1, n_steps=9, return_convergence_delta=True)
    each = [method.attribute(x, row[None], 1, n_steps=9, return_convergence_delta=True) for row in class_.chosen]
    torch.testing.assert_close(found, torch.stack([values for values, _ in each]).mean(0), **EXACT)
    torch.testing.assert_close(delta, torch.stack([delta for _, delta in each]).mean(0), **EXACT)
    whole = Explainer(smooth, 1, baseline=class_, rule="gauss-legendre", n_points=9, progress=False)(x)
    torch.testing.assert_close(found, whole.values, **EXACT)


def test_points_are_added_to_the_tolerance_where_no_number_is_given(seed, x):
    torch.manual_seed(seed)
    kinked = nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, K)).double()
    exact = IntegratedGradients(kinked).attribute(x, target=0, n_steps=20_000, method="riemann_middle")
    for tol in (1e-2, 1e-4):
        found = EnhancedIntegratedGradients(kinked, tol=tol).attribute(x, target=0)
        assert float((found - exact).abs().sum() / exact.abs().sum()) < tol


@pytest.mark.parametrize("kind", ["none", "row", "rows"])
@pytest.mark.parametrize("nt_type", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_in_a_noise_tunnel_the_numbers_are_captums(smooth, draw, x, seed, kind, nt_type):
    given = {"baselines": of_every_kind(x, draw)[kind], "target": [0, 2, 1] * 3 + [1, 0]}
    given |= {"nt_type": nt_type, "nt_samples": 4, "stdevs": 0.2, "n_steps": 15, "return_convergence_delta": True}
    results = []
    for method in (gauss(smooth), IntegratedGradients(smooth)):
        torch.manual_seed(seed)
        results.append(NoiseTunnel(method).attribute(x, **given))
    (values, delta), (theirs, their_delta) = results
    torch.testing.assert_close(values, theirs, **CAPTUM)
    torch.testing.assert_close(delta, their_delta, **CAPTUM)
    assert delta.shape == (4 * N,)


def test_captums_metrics_find_a_linear_function_explained_without_fault(draw, x):
    weight = draw(D)
    network = nn.Linear(D, 1, bias=False).double()
    network.weight.data[:] = weight
    method = EnhancedIntegratedGradients(network, False)  # mean gradients, as infidelity takes them

    def perturbed(inputs):
        noise = torch.randn_like(inputs) * 0.1
        return noise, inputs - noise

    found = method.attribute(x)
    assert infidelity(network, perturbed, x, found, n_perturb_samples=3).max() < 1e-24
    assert infidelity(network, perturbed, x, 2 * found, n_perturb_samples=3).min() > 1e-9
    assert sensitivity_max(method.attribute, x, n_perturb_samples=3).max() < 1e-12
    whole = EnhancedIntegratedGradients(network)
    assert sensitivity_max(whole.attribute, x, n_perturb_samples=3, baselines=draw(N, D)).min() > 1e-6


def test_captum_draws_it(draw):
    images = draw(2, 3, 6, 5)  # samples, channels, height, width
    values = EnhancedIntegratedGradients(lambda x: x.square().sum((1, 2, 3))).attribute(images)
    assert values.shape == images.shape
    drawn = values[0].permute(1, 2, 0).numpy()
    figure, axes = visualization.visualize_image_attr(drawn, sign="all", use_pyplot=False)
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (6, 5)
    assert np.corrcoef(shown.ravel(), drawn.sum(2).ravel())[0, 1] > 0.98  # outliers are cut
    plt.close(figure)


def test_it_is_one_of_captums_own():
    method = EnhancedIntegratedGradients(lambda x: x.sum(1))
    assert isinstance(method, GradientAttribution)
    assert method.has_convergence_delta()
    assert method.multiplies_by_inputs
    assert method.get_name() == "Enhanced Integrated Gradients"


def test_a_module_is_explained_as_it_evaluates_and_left_as_it_was(draw, x):
    network = nn.Sequential(nn.Linear(D, H), nn.BatchNorm1d(H), nn.Tanh(), nn.Dropout(0.5), nn.Linear(H, 1)).double()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    x.requires_grad_()
    with torch.no_grad():
        found = EnhancedIntegratedGradients(network.train()).attribute(x, n_steps=9)
    assert all(part.training for part in network.modules())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not found.requires_grad
    assert x.grad is None
    torch.testing.assert_close(EnhancedIntegratedGradients(network.eval()).attribute(x, n_steps=9), found, **EXACT)


def test_attributions_come_in_the_type_of_the_inputs(smooth):
    whole, half = torch.arange(2 * D).view(2, D), torch.linspace(0, 1, 2 * D).view(2, D)
    found = EnhancedIntegratedGradients(smooth).attribute(whole, target=1)
    assert found.dtype == torch.float64  # of the network: whole numbers have none of their own
    assert EnhancedIntegratedGradients(smooth).attribute(half, target=1).dtype == torch.float32
    same = EnhancedIntegratedGradients(smooth).attribute(whole.double(), target=1)
    torch.testing.assert_close(found, same, **EXACT)
    assert not EnhancedIntegratedGradients(smooth).attribute(half * 0, target=1).any()  # x is its baseline


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputs": torch.tensor(1.0)}, r"inputs: got tensor\(1.\), expected tensors of one row a sample"),
        ({"inputs": ()}, "inputs: got none"),
        ({"inputs": (torch.ones(2, D), torch.ones(3, D))}, r"inputs: got shapes \(2, 5\), \(3, 5\), expected as many"),
        ({"inputs": torch.full((2, D), torch.nan)}, "inputs: 2 of 2 rows hold NaN"),
        (
            {"inputs": torch.ones(2, D + 1)},
            r"forward_func: got inputs of shape \(2, 6\), expected ones it can evaluate",
        ),
        ({"baselines": torch.ones(3, D)}, r"baselines: got shape \(3, 5\), expected a number, or shape \(11, 5\)"),
        ({"baselines": (0, 0)}, "baselines: got 2 for 1 inputs, expected one for each"),
        ({"baselines": True}, "baselines: got True, expected a number"),
        ({"baselines": torch.full((1, D), torch.inf)}, "baselines: 1 of 1 rows hold NaN or infinite"),
        ({"target": None}, r"target: got None for outputs of shape \(3,\), expected the index of one output"),
        ({"target": 3}, r"target: got 3 for outputs of shape \(3,\), expected indices within it"),
        ({"target": (1, 1)}, r"target: got \(1, 1\) for outputs of shape \(3,\), expected the index"),
        ({"target": [0, 1]}, "target: got 2 indices for 11 samples, expected one, or one a sample"),
        ({"target": torch.tensor(0.5)}, "expected whole numbers"),
        ({"target": [(0,), (0, 1)]}, "expected whole numbers"),
        ({"additional_forward_args": 1}, "forward_func: got inputs of shape .* expected ones it can evaluate"),
        ({"n_steps": 1}, "n_steps: got 1, expected a whole number of at least 2, or None"),
        ({"internal_batch_size": 0}, "internal_batch_size: got 0, expected a whole number of at least 1"),
        ({"method": "riemann_left"}, "method: got 'riemann_left', expected None for the constructor's rule, or one of"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_sentence(smooth, x, given, words):
    with pytest.raises(ValueError, match=words) as refusal:
        EnhancedIntegratedGradients(smooth).attribute(**{"inputs": x, "target": 0, **given})
    assert "\n" not in str(refusal.value)


def test_outputs_without_a_row_for_each_sample_are_refused(x):
    for function in (lambda x: x.sum(), lambda x: (x, x)):
        with pytest.raises(ValueError, match=r"forward_func: got .* expected a tensor of one row a sample"):
            EnhancedIntegratedGradients(function).attribute(x)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rule": "simpson"}, "rule: got 'simpson', expected one of"),
        ({"precision": "half"}, "precision: got 'half', expected one of"),
        ({"multiply_by_inputs": False, "baseline": baselines.Zero()}, "multiply_by_inputs: got False with a path or"),
        (
            {"multiply_by_inputs": False, "path": paths.Neighbors(torch.eye(D), k=2)},
            "multiply_by_inputs: got False with a path or",
        ),
    ],
)
def test_settings_that_do_not_hold_are_refused_when_it_is_made(smooth, given, words):
    with pytest.raises(ValueError, match=words):
        EnhancedIntegratedGradients(smooth, **given)


def test_without_captum_it_is_imported_and_says_what_to_install():
    code = """
import sys
sys.modules["captum"] = None
from eigrad.captum import EnhancedIntegratedGradients
try:
    EnhancedIntegratedGradients(abs)
except ValueError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "EnhancedIntegratedGradients needs captum: pip install 'eigrad[compare]'\n"


def test_it_works_in_a_noise_tunnel_where_nothing_checks_types():
    code = """
import torch
from captum.attr import NoiseTunnel
from eigrad.captum import EnhancedIntegratedGradients
weight = torch.tensor([2.0, -1.0, 0.5])
method = NoiseTunnel(EnhancedIntegratedGradients(lambda x: x @ weight))
torch.testing.assert_close(method.attribute(torch.ones(2, 3), nt_samples=4, stdevs=0.0), weight.expand(2, 3))
"""  # the tests' own checks wrap methods as Captum expects to find them wrapped
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
