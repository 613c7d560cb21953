"""Sparse training lets go of inputs that say nothing, and of no more."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from eigrad.sparse import Sparse, fine_tune, first_layer, shrink, used
from eigrad.training import Schedule, fit, held_out_loss

N_TRAIN, N_VALIDATION, N_FEATURES, N_CAUSES = 400, 200, 30, 3
QUICK = Schedule(epochs=6, batch_size=50, learning_rate=5e-3)


def loss(module, x, y):
    return functional.cross_entropy(module(x), y)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(N_TRAIN + N_VALIDATION, N_FEATURES, generator=generator)
    odds = 3 * x[:, 0] + 2 * x[:, 1].abs() - 2 * x[:, 2] - 1.6
    y = (odds + torch.randn(len(x), generator=generator) > 0).long()
    return (x[:N_TRAIN], y[:N_TRAIN]), (x[N_TRAIN:], y[N_TRAIN:])


@pytest.fixture(scope="module")
def trained(data):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(N_FEATURES, 24), nn.ReLU(), nn.Linear(24, 2))
    fit(network, loss, *data, Schedule(epochs=15, batch_size=50, learning_rate=5e-3), seed=0, progress=False)
    return network


def test_the_causes_are_kept_and_the_held_out_loss_falls(trained, data):
    network = copy.deepcopy(trained)
    before = held_out_loss(network, loss, data[1])
    found = fine_tune(network, loss, *data, QUICK, seed=1, progress=False)
    assert held_out_loss(network, loss, data[1]) == min(found.losses) < 0.9 * before
    assert found.losses[0] == before
    kept = used(network)
    assert kept[:N_CAUSES].all()
    assert kept.sum() == found.n_used[found.chosen] < 2 / 3 * N_FEATURES
    length = first_layer(network).weight.detach().norm(dim=0)
    assert length[:N_CAUSES].min() > length[N_CAUSES:].max()
    assert list(found.penalties) == sorted(found.penalties)


def test_a_network_that_is_best_as_it_is_is_left_alone(trained, data):
    network = copy.deepcopy(trained)
    found = fine_tune(network, loss, *data, QUICK, penalties=[50.0], seed=1, progress=False)
    assert (found.chosen, found.n_used[1]) == (0, 0)
    for name, tensor in network.state_dict().items():
        assert (tensor == trained.state_dict()[name]).all()


def test_a_step_shortens_columns_by_what_the_penalty_takes():
    """The proximal step by hand: Adam's rate for the column times the penalty, off the column's length."""
    torch.manual_seed(1)
    layer = nn.Linear(4, 3).double()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01, betas=(0.9, 0.97), eps=1e-6)
    squares = torch.zeros(3, 4, dtype=torch.float64)
    for step in range(1, 4):
        gradient = torch.randn(3, 4, dtype=torch.float64)
        layer.weight.grad = gradient.clone()
        optimizer.step()
        squares = 0.97 * squares + 0.03 * gradient**2
        before = layer.weight.detach().clone()
        shrink(layer, 40.0 if step == 3 else 0.5, optimizer)
    for j in range(4):
        rate = 0.01 / (np.mean([np.sqrt(float(squares[i, j]) / (1 - 0.97**3)) for i in range(3)]) + 1e-6)
        length = float(before[:, j].norm())
        expected = max(0.0, length - rate * 40.0) / length * before[:, j]
        torch.testing.assert_close(layer.weight.detach()[:, j], expected, rtol=1e-9, atol=1e-12)


def test_what_was_chosen_is_of_least_loss():
    assert Sparse((0.0, 1.0, 2.0), (0.5, 0.3, 0.4), (9, 5, 2)).chosen == 1


def test_refusals(trained, data):
    with pytest.raises(ValueError, match=r"got penalty 0.1 after 0.2, expected a larger one"):
        fine_tune(copy.deepcopy(trained), loss, *data, Schedule(1), penalties=[0.2, 0.1], seed=0, progress=False)
    with pytest.raises(ValueError, match="got no layer with weights where the inputs enter"):
        first_layer(nn.Sequential(nn.ReLU()))


def test_the_layer_that_inputs_enter_is_found_or_refused():
    class HeadFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))
            self.layer = nn.Linear(3, 2)

    with pytest.raises(ValueError, match="got HeadFirst where the inputs enter, expected a linear layer"):
        first_layer(HeadFirst())
    with pytest.raises(ValueError, match="got Conv1d where the inputs enter"):
        first_layer(nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(6, 2)))
    frozen = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    frozen[0].requires_grad_(False)
    with pytest.raises(ValueError, match="the first layer's weights are frozen"):
        first_layer(frozen)
    assert used(frozen).tolist() == [True] * 3
