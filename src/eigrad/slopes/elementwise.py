"""Slopes of functions of one number between neighboring rows: (f(b) - f(a)) / (b - a), without cancellation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from eigrad.slopes.rows import Layout

# Slope at minus infinity; and of every kink its place, the change of slope, and the part of it that counts at the kink.
Kinks = tuple[Any, Sequence[tuple[Any, Any, Any]]]


def bent(z: Tensor, layout: Layout, kinks: Kinks, function: Callable[[Tensor], Tensor]) -> Tensor:
    """A piecewise-linear function of every number."""
    return _Bent.apply(z, layout, kinks, function)  # type: ignore[no-any-return, no-untyped-call]


def smooth(z: Tensor, layout: Layout, function: Callable[[Tensor], Tensor], singular: bool = False) -> Tensor:
    """Any other differentiable function of every number; a `singular` one bends ever more sharply towards zero."""
    return _Smooth.apply(z, layout, function, singular)  # type: ignore[no-any-return, no-untyped-call]


def ramp(a: Tensor, b: Tensor, at_zero: float = 0.0) -> Tensor:
    """Slope of max(z, 0) from a to b: (a⁺ + b⁺) / (|a| + |b|), and `at_zero` where both vanish.

    It equals (b⁺ - a⁺) / (b - a), and is exact wherever a and b have the same sign.
    """
    positive = a.clamp(min=0).add_(b.clamp(min=0))
    # |a| + |b| = 2 (a⁺ + b⁺) - (a + b); the tiny number only matters where both vanish
    tiny = torch.finfo(a.dtype).tiny
    size = (a + b).neg_().add_(positive, alpha=2).add_(tiny)
    return (positive.add_(at_zero * tiny) if at_zero else positive).div_(size)


def ramps(z: Tensor, positive: Tensor, layout: Layout, at_zero: float, out: Tensor) -> None:
    """`ramp` between neighboring rows of z, whose positive part is given, written to `out`.

    Written for few passes over memory.
    """
    tiny = torch.tensor(torch.finfo(z.dtype).tiny, dtype=z.dtype, device=z.device)
    torch.add(layout.here(positive), layout.next(positive), out=out)
    size = torch.add(layout.here(z), layout.next(z)).sub_(out, alpha=2)
    torch.sub(tiny, size, out=size)
    if at_zero:
        out.add_(at_zero * tiny)
    out.div_(size)


class _Bent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, layout: Layout, kinks: Kinks, function: Callable[[Tensor], Tensor]) -> Tensor:
        value = function(z)
        # the value of max(z, 0) serves again: PyTorch itself keeps it, so that no network changes it in place
        ctx.save_for_backward(z, value if function is torch.relu else None)
        ctx.layout, ctx.kinks = layout, kinks
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (z, value), (gradient,) = ctx.saved_tensors, gradients
        layout, (base, kinks) = ctx.layout, ctx.kinks
        rows, slope = layout.empty(z)
        for i, (place, change, there) in enumerate(kinks):
            part = slope if i == 0 else torch.empty_like(slope)
            moved = z if _is(place, 0) else z - place
            ramps(moved, moved.clamp(min=0) if value is None else value, layout, float(there), out=part)
            if not _is(change, 1):
                part.mul_(change)
            if i:
                slope.add_(part)
        if not kinks:
            slope.zero_()
        if not _is(base, 0):
            slope.add_(base)
        slope.mul_(layout.here(gradient))
        return rows, None, None, None


class _Smooth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, layout: Layout, function: Callable[[Tensor], Tensor], singular: bool) -> Tensor:
        value = function(z)
        ctx.save_for_backward(z, value)
        ctx.layout, ctx.function, ctx.singular = layout, function, singular
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (z, value), (gradient,) = ctx.saved_tensors, gradients
        here, after = ctx.layout.here, ctx.layout.next
        slope = _quotient(here(z), after(z), here(value), after(value), ctx.function, ctx.singular)
        return ctx.layout.padded(slope.mul_(here(gradient))), None, None, None


def _quotient(
    a: Tensor, b: Tensor, at_a: Tensor, at_b: Tensor, function: Callable[[Tensor], Tensor], singular: bool
) -> Tensor:
    """(f(b) - f(a)) / (b - a), and where that cancels the derivative halfway, whose error is of the third order."""
    step = b - a
    scale = torch.maximum(a.abs(), b.abs())
    close = step.abs() <= torch.finfo(a.dtype).eps ** (1 / 3) * (scale if singular else scale.clamp_(min=1))
    quotient = (at_b - at_a).div_(step.masked_fill_(close, 1))
    with torch.enable_grad():
        halfway = ((a + b) / 2).requires_grad_()
        (derivative,) = torch.autograd.grad(function(halfway).sum(), halfway)
    return torch.where(close, derivative, quotient)


def _is(value: Any, number: int) -> bool:
    return not isinstance(value, Tensor) and value == number
