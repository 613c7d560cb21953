"""Softmax and its kin between neighboring rows, by logarithmic means.

With s = softmax(z), L the logarithmic mean (s₁ - s₀) / (log s₁ - log s₀) and w = L / ΣL, the normalizer changes by
Σ w Δz exactly, and Δs = L (Δz - Σ w Δz).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from eigrad.slopes.rows import Layout, lowest

Kind = Literal["softmax", "log_softmax", "logsumexp"]


def normalized(z: Tensor, dim: int, layout: Layout, kind: Kind, value: Tensor) -> Tensor:
    """`value`, which is the softmax along an axis, its logarithm, or its normalizer (the axis kept)."""
    return _Normalized.apply(z, dim, layout, kind, value)  # type: ignore[no-any-return, no-untyped-call]


class _Normalized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, dim: int, layout: Layout, kind: Kind, value: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        ctx.dim, ctx.layout, ctx.kind = dim, layout, kind
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (z,), dim, layout = ctx.saved_tensors, ctx.dim, ctx.layout
        logs = torch.log_softmax(z, dim).clamp(min=lowest(z.dtype))  # what is masked is minus infinity
        mean = logarithmic_mean(layout.here(logs), layout.next(logs))
        weight = mean / mean.sum(dim, keepdim=True)
        gradient = layout.here(gradients[0])
        if ctx.kind == "logsumexp":
            return layout.padded(weight * gradient), None, None, None, None
        if ctx.kind == "softmax":
            gradient = mean * gradient
        return layout.padded(gradient - weight * gradient.sum(dim, keepdim=True)), None, None, None, None


def logarithmic_mean(log_a: Tensor, log_b: Tensor) -> Tensor:
    """(b - a) / (log b - log a): exp of the middle times sinh(d) / d with d half the difference."""
    half = (log_b - log_a) / 2
    close = half.abs() < 1e-2 if half.dtype == torch.float32 else half.abs() < 1e-4
    series = 1 + half.square() / 6 * (1 + half.square() / 20)
    # exp(middle) sinh(half) / half, written so that neither factor overflows
    far = (log_b.exp() - log_a.exp()) / torch.where(close, 1.0, 2 * half)
    return torch.where(close, ((log_a + log_b) / 2).exp() * series, far)
