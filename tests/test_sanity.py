"""Networks of random weights: as the given one in all but what it learned."""

import pytest
import torch
from torch import nn

from eigrad.evaluate import randomized


def network():
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3))


def test_all_weights_are_drawn_anew_and_nothing_else_changes(seed):
    given = network().eval()
    with torch.no_grad():
        for parameter in given.parameters():
            parameter += 3
    before = [tensor.clone() for tensor in given.state_dict().values()]
    state = torch.random.get_rng_state()
    first, again, other = randomized(given, seed), randomized(given, seed), randomized(given, seed + 1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(given.state_dict().values(), before, strict=True))
    for name, weight in first.named_parameters():
        assert (weight != given.get_parameter(name)).all()
        assert torch.equal(weight, again.get_parameter(name))
    assert not torch.equal(first[0].weight, other[0].weight)
    assert first[0].weight.abs().max() <= 5**-0.5  # as nn.Linear draws them
    assert not first.training


def test_parameters_that_cannot_be_drawn_are_refused(seed):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

    with pytest.raises(ValueError, match=r"got Scaled \(1\) with parameters of its own"):
        randomized(nn.Sequential(nn.Linear(5, 3), Scaled()), seed)
    with pytest.raises(ValueError, match="got a network without parameters"):
        randomized(nn.Sequential(nn.ReLU()), seed)
