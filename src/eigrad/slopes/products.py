"""Products of what differs from row to row: every factor takes the others halfway between its row and the next.

a₁b₁ - a₀b₀ = (b₁ - b₀)(a₀ + a₁)/2 + (a₁ - a₀)(b₀ + b₁)/2 for every product that is linear in each of its factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from eigrad.slopes.rows import Layout, middle


def product(function: Callable[..., Tensor], factors: tuple[Tensor, ...], layouts: tuple[Layout | None, ...]) -> Tensor:
    """A function that is linear in each of two factors (a third, added one counts as neither)."""
    return _Product.apply(function, layouts, *factors)  # type: ignore[no-any-return, no-untyped-call]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Tensor], layouts: tuple[Layout | None, ...], *factors: Tensor
    ) -> Tensor:
        ctx.save_for_backward(*factors)
        ctx.function, ctx.layouts = function, layouts
        return function(*factors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[2:]
        halfway = tuple(
            middle(factor, layout).requires_grad_(need)
            for factor, layout, need in zip(ctx.saved_tensors, ctx.layouts, needed, strict=True)
        )
        with torch.enable_grad():
            value = ctx.function(*halfway)
        wanted = [factor for factor, need in zip(halfway, needed, strict=True) if need]
        found = iter(torch.autograd.grad(value, wanted, gradients[0]))
        return (None, None, *(next(found) if need else None for need in needed))
