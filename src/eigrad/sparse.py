"""Sparse training: a network that lets go of the inputs it does not need.

The columns of the first layer are groups of a group lasso (Yuan and Lin, JRSS B 68:49, 2006): after every step of Adam
each is shortened by what the penalty takes in that step's own units, to zero where it is short (a proximal step).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from eigrad.training import Loss, Schedule, fit, held_out_loss

FIRST_PENALTY, GROWTH, PATIENCE = 2e-3, 1.5, 3


@dataclass(frozen=True)
class Sparse:
    """What was tried, the network as it came first: penalties, held-out losses, and how many inputs were still used."""

    penalties: tuple[float, ...]
    losses: tuple[float, ...]
    n_used: tuple[int, ...]

    @property
    def chosen(self) -> int:
        """The place of the one kept, of least held-out loss."""
        return min(range(len(self.losses)), key=lambda i: self.losses[i])

    @property
    def stalled(self) -> int:
        """How many were tried after it."""
        return len(self.losses) - 1 - self.chosen


def first_layer(network: nn.Module) -> nn.Linear:
    """The linear layer the inputs enter: the first layer with weights."""
    layers = [module for module in network.modules() if any(True for _ in module.parameters(recurse=False))]
    if not layers or not isinstance(layers[0], nn.Linear):
        found = type(layers[0]).__name__ if layers else "no layer with weights"
        raise ValueError(
            f"sparse training: got {found} where the inputs enter, expected a linear layer, before all others in the "
            "network's modules"
        )
    if not layers[0].weight.requires_grad:
        raise ValueError("sparse training: the first layer's weights are frozen, expected weights to be trained")
    return layers[0]


def used(network: nn.Module) -> Tensor:
    """Which inputs the first layer still reads, (features,)."""
    layer = next(module for module in network.modules() if isinstance(module, nn.Linear))
    return layer.weight.detach().ne(0).any(0)


def fine_tune(
    network: nn.Module,
    loss: Loss,
    train: tuple[Tensor, ...],
    validation: tuple[Tensor, ...],
    schedule: Schedule,
    *,
    penalties: Iterable[float] | None = None,
    seed: int,
    progress: bool = True,
) -> Sparse:
    """Train a trained network further, end to end, under growing penalties; keep the weights of least held-out loss.

    The penalty is that of a column's norm in the loss: a column stays at zero where the gradient of the loss by it is
    shorter than the penalty. Every penalty goes on from the network of the one before. By default each is half as large
    again, until inputs have been let go of and three in a row have not lowered the held-out loss, or no input is used.
    """
    layer = first_layer(network)
    found = Sparse((0.0,), (held_out_loss(network, loss, validation),), (int(used(network).sum()),))
    kept = copy.deepcopy(network.state_dict())
    for penalty in _growing() if penalties is None else penalties:
        if penalty <= found.penalties[-1]:
            raise ValueError(
                f"sparse training: got penalty {penalty:g} after {found.penalties[-1]:g}, expected a larger one"
            )
        fit(
            network, loss, train, validation, schedule, seed=seed, progress=progress,
            description=f"sparse training, penalty {penalty:g}", after_step=partial(shrink, layer, penalty),
        )  # fmt: skip
        found = Sparse(
            (*found.penalties, penalty),
            (*found.losses, held_out_loss(network, loss, validation)),
            (*found.n_used, int(used(network).sum())),
        )
        if found.chosen == len(found.losses) - 1:
            kept = copy.deepcopy(network.state_dict())
        elif penalties is None and found.stalled >= PATIENCE and found.n_used[-PATIENCE] < found.n_used[0]:
            break
        if found.n_used[-1] == 0:
            break
    network.load_state_dict(kept)
    return found


def _growing() -> Iterator[float]:
    penalty = FIRST_PENALTY
    while penalty < 1e3:
        yield penalty
        penalty *= GROWTH


@torch.no_grad()
def shrink(layer: nn.Linear, penalty: float, optimizer: torch.optim.Optimizer) -> None:
    """The proximal step of the penalty on a layer's columns, after a step of Adam.

    Adam moves a weight by rate / (root of its mean squared gradient); the penalty moves a column by the mean of these.
    """
    state, settings = optimizer.state[layer.weight], optimizer.param_groups[0]
    squares = state["exp_avg_sq"] / (1 - settings["betas"][1] ** float(state["step"]))
    by = settings["lr"] * penalty / (squares.sqrt().mean(0) + settings["eps"])
    norm = layer.weight.norm(dim=0)
    layer.weight.mul_((1 - by / norm.clamp(min=torch.finfo(norm.dtype).tiny)).clamp(min=0))
