"""What judges the engine is judged too: the watch sees every change, and the reference tends to the exact integral."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from tests import oracles
from tests.awkward.case import B, N, case
from tests.awkward.reference import reference
from tests.awkward.watch import Watch
from torch import nn
from torch.nn import functional as F


def head(m, x):
    return m.last(F.relu(m.norm(m.first(x.flatten(1)))))


NETWORK = case("a network", head, lambda: {"norm": nn.BatchNorm1d(8)})


class Other(nn.Linear):
    pass


def replace_buffer(built):
    built.model.norm.running_mean = built.model.norm.running_mean.clone()


def replace_parameter(built):
    built.model.first.weight = nn.Parameter(built.model.first.weight.detach().clone())


def write_and_restore(built):
    with torch.no_grad():
        built.model.first.weight.add_(1).sub_(1)


def replace_forward(built):
    built.model.first.forward = lambda x: x


def replace_class(built):
    built.model.first.__class__ = Other


def keep_gradients(built):
    built.model(built.samples).sum().backward()


CHANGES = {
    "_forward_hooks": lambda built: built.model.first.register_forward_hook(print),
    "_forward_pre_hooks": lambda built: built.model.register_forward_pre_hook(print),
    "_backward_hooks": lambda built: built.model.last.register_full_backward_hook(print),
    "parameter 'weight' hooks": lambda built: built.model.last.weight.register_hook(print),
    "requires_grad": lambda built: built.model.first.bias.requires_grad_(False),
    "grad": keep_gradients,
    "mode": lambda built: built.model.norm.train(),
    "buffer 'running_var' values": lambda built: built.model.norm.running_var.mul_(2),
    "buffer 'running_mean'": replace_buffer,
    "parameter 'weight'": replace_parameter,
    "parameter 'weight' version": write_and_restore,
    "'first' attributes": replace_forward,
    "'first' class": replace_class,
    "input 0 values": lambda built: built.samples.add_(1),
    "input 1 requires_grad": lambda built: built.baselines.requires_grad_(),
    "torch's random state": lambda built: torch.rand(1),
    "numpy's random state": lambda built: np.random.rand(),  # noqa: NPY002
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_watch_sees_a_change_and_none_where_there_is_none(name, generator):
    built = NETWORK.build(generator)
    watch = Watch(built)
    built.model(built.samples)
    assert watch.changes() == []
    with torch.random.fork_rng():
        CHANGES[name](built)
        assert any(name in change for change in watch.changes())


def test_the_watch_sees_a_function_of_torch_replaced(monkeypatch, generator):
    watch = Watch(NETWORK.build(generator))
    monkeypatch.setattr(F, "relu", F.leaky_relu)
    monkeypatch.setattr(nn.ReLU, "forward", nn.Tanh.forward)
    assert watch.changes() == ["changed: torch.nn.functional.relu", "changed: nn.ReLU.forward"]


def test_the_reference_tends_to_the_exact_integral(seed):
    """Within the uncertainty it states."""
    found, uncertainty = reference(NETWORK, seed)
    built = NETWORK.build(torch.Generator().manual_seed(seed))
    model = nn.Sequential(nn.Flatten(), built.model.first, built.model.norm, nn.ReLU(), built.model.last)
    pairs = [oracles.attributions(model, start, end, 1) for end in built.samples for start in built.baselines]
    exact = torch.stack(pairs).unflatten(0, (N, B)).mean(1)
    error = (found - exact).abs().flatten(1).sum(1)
    assert (error <= 3 * uncertainty).all()
    assert (error <= 1e-4 * exact.abs().flatten(1).sum(1)).all()


def test_pythons_random_state_is_left_as_found(tmp_path):
    """In a process of its own: beartype, which checks types while testing, draws from it."""
    (tmp_path / "script.py").write_text(
        textwrap.dedent("""
        import random
        import torch
        from eigrad import Explainer

        weights = torch.rand(15, 4, dtype=torch.float64)
        samples = torch.rand(7, 3, 5, dtype=torch.float64)
        for model in (lambda x: x.flatten(1) @ weights, lambda x: x.flatten(1) @ weights * (1 + random.random())):
            before = random.getstate()
            try:
                Explainer(model, 1, progress=False)(samples)
            except ValueError:
                pass
            print(random.getstate() == before)
        """)
    )
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
