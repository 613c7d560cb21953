"""Lower precision is taken by explicit wish only, and says what it costs."""

import pytest
import torch
from torch import nn

from eigrad import Explainer, store
from eigrad.precision import BFLOAT16, FULL, TF32, computing

N, D = 5, 8


@pytest.fixture
def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D, 30), nn.ReLU(), nn.Linear(30, 20), nn.GELU(), nn.Linear(20, 3))


@pytest.fixture
def samples(generator):
    return torch.randn(N, D, generator=generator)


def explained(network, samples, **options):
    return Explainer(network, 1, progress=False, **options)(samples)


def test_what_bfloat16_costs_is_measured(network, samples):
    full = explained(network, samples, rule="trapezoid", n_points=33)
    low = explained(network, samples, rule="trapezoid", n_points=33, precision=BFLOAT16)
    assert (full.precision, full.precision_error) == (FULL, 0.0)
    cost = float((low.values - full.values)[0].abs().sum() / full.values[0].abs().sum())
    assert low.precision == BFLOAT16
    assert low.precision_error == pytest.approx(cost, rel=1e-3)
    assert 1e-4 < low.precision_error < 0.05
    assert low.values.dtype == torch.float32
    assert torch.equal(low.change, full.change)


def test_differences_of_neighboring_points_are_not_taken_in_bfloat16(network, samples):
    assert explained(network, samples).rule == "secant"
    assert explained(network, samples, precision=BFLOAT16).rule == "trapezoid"


def test_what_lower_precision_cost_is_kept_on_disk(network, samples, tmp_path):
    low = explained(network, samples, precision=BFLOAT16)
    store.save(tmp_path / "low", low)
    again = store.load(tmp_path / "low")
    assert (again.precision, again.precision_error) == (BFLOAT16, low.precision_error)


def test_a_precision_that_is_not_to_be_had_is_refused(network, samples):
    with pytest.raises(ValueError, match="precision: got 'half', expected one of full, tf32, bfloat16"):
        Explainer(network, 1, precision="half")
    with pytest.raises(ValueError, match="precision: got 'tf32' on cpu, expected a CUDA device"):
        explained(network, samples, precision="tf32")


def switches():
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.fp32_precision, cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision


def test_tf32_is_for_those_who_ask_for_it_and_the_process_keeps_what_it_allows(network, samples):
    class Watching(nn.Module):
        def forward(self, x):
            seen.append(switches())
            return network(x)

    seen: list[tuple[str, ...]] = []
    before = switches()
    explained(Watching(), samples)
    assert set(seen) == {("ieee",) * 3}
    assert switches() == before
    with computing(TF32, torch.device("cpu")):
        assert switches() == ("tf32",) * 3
    assert switches() == before
