"""Mechanisms in one line each, whose right answer is known exactly: what a path method should say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

N_FEATURES = 6


class Mechanism(nn.Module):
    """A function of some features as a network with one output; the other features are bystanders."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)[:, None]


@dataclass(frozen=True)
class Unit:
    """A mechanism, the features that act in it, and what each gets on a straight line from zero (samples, features)."""

    function: Callable[[Tensor], Tensor]
    causes: tuple[int, ...]
    from_zero: Callable[[Tensor], Tensor]
    says: str

    @property
    def model(self) -> Mechanism:
        return Mechanism(self.function)


def _placed(x: Tensor, **shares: Tensor) -> Tensor:
    """Shares of features x0, x1, ... in a row of all features."""
    result = torch.zeros_like(x)
    for name, share in shares.items():
        result[:, int(name[1:])] = share
    return result


def _saturated(x: Tensor) -> Tensor:
    return (4 * (x[:, 0].abs() + x[:, 1].abs())).clamp(max=1)


def _either(x: Tensor) -> Tensor:
    return x[:, 0] + x[:, 1] - 2 * x[:, 0] * x[:, 1]


UNITS = {
    "additive": Unit(
        lambda x: 2 * x[:, 0] - x[:, 1],
        (0, 1),
        lambda x: _placed(x, x0=2 * x[:, 0], x1=-x[:, 1]),
        "each gets its term",
    ),
    "product": Unit(
        lambda x: x[:, 0] * x[:, 1],
        (0, 1),
        lambda x: _placed(x, x0=x[:, 0] * x[:, 1] / 2, x1=x[:, 0] * x[:, 1] / 2),
        "both get half, however unlike they are",
    ),
    "minimum": Unit(
        lambda x: torch.minimum(x[:, 0].abs(), x[:, 1].abs()),
        (0, 1),
        lambda x: _all_to(x, torch.minimum),
        "the smaller gets all: on the line it is the smaller throughout",
    ),
    "maximum": Unit(
        lambda x: torch.maximum(x[:, 0].abs(), x[:, 1].abs()),
        (0, 1),
        lambda x: _all_to(x, torch.maximum),
        "the larger gets all",
    ),
    "exclusive or": Unit(
        _either,
        (0, 1),
        lambda x: _placed(x, x0=x[:, 0] * (1 - x[:, 1]), x1=x[:, 1] * (1 - x[:, 0])),
        "each gets its own term less half of the joint one",
    ),
    "saturated": Unit(
        _saturated,
        (0, 1),
        lambda x: _placed(x, **{f"x{j}": _saturated(x) * x[:, j].abs() / x[:, :2].abs().sum(1) for j in (0, 1)}),
        "shares by size, though the gradient at the sample is zero",
    ),
}


def _all_to(x: Tensor, winner: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    first, second = x[:, 0].abs(), x[:, 1].abs()
    won = winner(first, second)
    return _placed(x, x0=torch.where(won == first, first, 0.0), x1=torch.where(won == first, 0.0, second))
