"""What is computed on any device there is agrees with the CPU in float64, and comes back to where the samples were."""

import copy

import pandas as pd
import pytest
import torch
from torch import nn

from eigrad import Explainer, baselines, paths, significance
from eigrad.precision import BFLOAT16, TF32
from eigrad.training import Schedule, fit, seeded

N, SHAPE, N_POINTS = 7, (3, 10), 33
DEVICES = [torch.device("cpu"), *(torch.device("cuda", i) for i in range(torch.cuda.device_count()))]
PATHS = ["straight", "latent", "neighbors", "latent neighbors"]
BASELINES = ["zero", "encoded zero", "median", "k-means", "close", "random"]

pytestmark = pytest.mark.parametrize("device", DEVICES, ids=str)


def networks(seed):
    """One of each kind the engine treats in its own way: fused and not, with secants and without, with pooling."""
    with seeded(seed):
        yield "relu", nn.Sequential(nn.Flatten(), nn.Linear(30, 40), nn.ReLU(), nn.Linear(40, 4))
        yield "gelu", nn.Sequential(nn.Flatten(), nn.Linear(30, 40), nn.GELU(), nn.Linear(40, 4))
        yield "pool", nn.Sequential(
            nn.Conv1d(3, 8, 3, padding=1), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(40, 4)
        )  # fmt: skip
        yield (
            "attention",
            nn.Sequential(nn.TransformerEncoderLayer(10, 2, 16, batch_first=True), nn.Flatten(), nn.Linear(30, 4)),
        )
        yield "lstm", Last(nn.LSTM(10, 12, batch_first=True))


class Last(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0][:, -1]


@pytest.fixture(params=["relu", "gelu", "pool", "attention", "lstm"])
def network(request, seed):
    return dict(networks(seed))[request.param].double().eval()


@pytest.fixture
def relu(seed):
    return dict(networks(seed))["relu"].double().eval()


@pytest.fixture
def points(generator):
    return torch.randn(2 * N + 9, *SHAPE, generator=generator, dtype=torch.float64)


@pytest.fixture
def samples(points):
    return points[:N]


def close(got, expected):
    """Equal to what another order of adding leaves in float64, and on the CPU."""
    assert got.device.type == expected.device.type == "cpu"
    torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-9)


def on(device, network):
    return copy.deepcopy(network).to(device)


def test_a_network_is_explained_alike_where_its_samples_are_elsewhere(device, network, samples):
    options = {"target": 1, "n_points": N_POINTS, "progress": False}
    expected = Explainer(network, **options)(samples)
    got = Explainer(on(device, network), **options)(samples)
    assert (got.rule, got.reason) == (expected.rule, expected.reason)
    close(got.values, expected.values)
    close(got.change, expected.change)


def test_results_stay_with_the_samples(device, relu, samples):
    got = Explainer(on(device, relu), 1, progress=False)(samples.to(device))
    assert {got.values.device, got.change.device, got.error.device} == {device}
    assert next(relu.parameters()).device.type == "cpu"


@pytest.mark.parametrize("name", PATHS)
def test_every_path_is_the_same_way_on_any_device(device, relu, samples, points, autoencoder_for, name, generator):
    def path(autoencoder, points):
        return {
            "straight": paths.Straight,
            "latent": lambda: paths.LatentStraight(autoencoder),
            "neighbors": lambda: paths.Neighbors(points, k=3),
            "latent neighbors": lambda: paths.LatentNeighbors(autoencoder, points, k=3),
        }[name]()

    autoencoder = autoencoder_for(*SHAPE)
    options = {"target": 2, "n_points": N_POINTS, "progress": False, "baseline": baselines.Median(points[-8:], n=2)}
    others = points[N:-8]
    expected = Explainer(relu, path=path(autoencoder, others), **options)(samples)
    there = path(on(device, autoencoder), others.to(device))
    close(Explainer(on(device, relu), path=there, **options)(samples).values, expected.values)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_the_same_on_any_device(device, samples, points, autoencoder_for, name):
    def chosen(autoencoder, points):
        return {
            "zero": baselines.Zero,
            "encoded zero": lambda: baselines.EncodedZero(autoencoder),
            "median": lambda: baselines.Median(points, n=2),
            "k-means": lambda: baselines.KMeans(points, n=2),
            "close": lambda: baselines.Close(points, n=2, space=autoencoder),
            "random": lambda: baselines.Random(points, n=2),
        }[name]()

    autoencoder, others = autoencoder_for(*SHAPE), points[N:]
    there = chosen(on(device, autoencoder), others.to(device))(samples.to(device))
    assert there.device == device
    close(there.cpu(), chosen(autoencoder, others)(samples))


def test_further_inputs_and_targets_follow_the_network(device, samples, generator):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(30, 4)

        def forward(self, x, gate):
            return torch.relu(self.layer(x.flatten(1))) * gate

    with seeded(3):
        network = Gated().double()
    gate, target = torch.rand(N, 4, generator=generator, dtype=torch.float64), torch.arange(N) % 4
    expected = Explainer(network, n_points=N_POINTS, progress=False)(samples, target=target, extra=gate)
    got = Explainer(on(device, network), n_points=N_POINTS, progress=False)(samples, target=target, extra=gate)
    close(got.values, expected.values)


def test_lower_precisions_cost_what_they_say(device, relu, samples):
    network = on(device, relu).float()
    full = Explainer(network, 1, rule="trapezoid", n_points=N_POINTS, progress=False)(samples.float())
    for precision in (BFLOAT16, *([TF32] if device.type == "cuda" else [])):
        low = Explainer(network, 1, rule="trapezoid", n_points=N_POINTS, precision=precision, progress=False)(
            samples.float()
        )
        cost = float((low.values - full.values)[0].abs().sum() / full.values[0].abs().sum())
        assert low.precision_error == pytest.approx(cost, rel=1e-2, abs=1e-6)
        assert low.precision_error < 0.05


def test_full_precision_is_full_whatever_the_process_allows(device, seed, samples):
    network = dict(networks(seed))["pool"].eval()
    exact = Explainer(copy.deepcopy(network).double(), 1, n_points=N_POINTS, progress=False)(samples)
    torch.set_float32_matmul_precision("high")
    try:
        got = Explainer(on(device, network), 1, n_points=N_POINTS, progress=False)(samples.float())
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    torch.testing.assert_close(got.score.double(), exact.score, rtol=1e-5, atol=1e-5)
    assert float((got.values - exact.values).abs().sum() / exact.values.abs().sum()) < 1e-3


def test_significance_takes_attributions_of_any_device(device, relu, points):
    explainer = Explainer(on(device, relu), 1, progress=False)
    here, there = explainer(points[:11].to(device)), explainer(points[11:].to(device))
    found = significance(here, there)
    expected = significance(*(each.on(torch.device("cpu"), each.baseline) for each in (here, there)))
    pd.testing.assert_frame_equal(found, expected)


def test_training_ends_alike_from_one_seed(device, generator):
    x, y = torch.randn(64, 5, generator=generator), torch.randn(64, 1, generator=generator)

    def trained():
        with seeded(4, device):
            network = nn.Sequential(nn.Linear(5, 6, device=device), nn.Dropout(0.2), nn.Linear(6, 1, device=device))
        history = fit(
            network, lambda net, a, b: nn.functional.mse_loss(net(a), b), (x, y), (x, y), Schedule(2, 16),
            seed=5, progress=False,
        )  # fmt: skip
        return [weight.cpu() for weight in network.parameters()], history

    state = torch.random.get_rng_state()
    (first, history), (second, _) = trained(), trained()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert len(history.train) == 2
    assert torch.equal(torch.random.get_rng_state(), state)


class Greedy(nn.Module):
    """As its inner network, and more memory than there is where it is given many points at once."""

    def __init__(self, inner, most):
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, x):
        if len(x) > self.most:
            all_there_is = torch.cuda.mem_get_info(x.device)[1] if x.is_cuda else 2**50
            torch.empty(all_there_is, dtype=x.dtype, device=x.device)
        return self.inner(x)


def test_what_does_not_fit_is_tried_with_half_of_it(device, network, samples, caplog):
    options = {"target": 1, "n_points": N_POINTS, "batch_size": 4 * N_POINTS, "rule": "trapezoid", "progress": False}
    expected = Explainer(network, **options)(samples)
    greedy = Greedy(on(device, network), 2 * N_POINTS)
    close(Explainer(greedy, **options)(samples).values, expected.values)
    assert f"out of memory: going on with batches of {2 * N_POINTS} points" in caplog.text
