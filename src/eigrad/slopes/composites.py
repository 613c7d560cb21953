"""Operations taken apart into those that have a rule: normalization, attention, gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def layer_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, *_: Any,
) -> Tensor:  # fmt: skip
    """Layer normalization, as the products and roots it is made of."""
    y = _standardized(x, tuple(range(x.ndim - len(normalized_shape), x.ndim)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    """Group normalization, as the products and roots it is made of."""
    grouped = x.unflatten(1, (num_groups, -1))
    y = _standardized(grouped, tuple(range(2, grouped.ndim)), eps).flatten(1, 2)
    shape = (-1, *(1 for _ in x.shape[2:]))
    y = y if weight is None else y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)


def instance_norm(
    x: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Instance normalization by the input's own statistics, as the products and roots it is made of."""
    shape = (-1, *(1 for _ in x.shape[2:]))
    if use_input_stats:
        y = _standardized(x, tuple(range(2, x.ndim)), eps)
    else:
        assert running_mean is not None
        assert running_var is not None
        y = (x - running_mean.view(shape)) * (running_var.view(shape) + eps).rsqrt()
    y = y if weight is None else y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)


def rms_norm(
    x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Root-mean-square normalization, as the products and roots it is made of."""
    dims = tuple(range(x.ndim - len(normalized_shape), x.ndim))
    y = x * (x.square().mean(dims, keepdim=True) + (torch.finfo(x.dtype).eps if eps is None else eps)).rsqrt()
    return y if weight is None else y * weight


def _standardized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    centered = x - x.mean(dims, keepdim=True)
    return centered * (centered.square().mean(dims, keepdim=True) + eps).rsqrt()


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """Attention as the two products and the softmax it is made of; dropout is off, as in evaluation."""
    if enable_gqa:
        key, value = (part.repeat_interleave(query.shape[-3] // part.shape[-3], -3) for part in (key, value))
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if attn_mask is not None:
        off = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if off else scores + attn_mask
    return torch.softmax(scores, -1) @ value


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """A gated linear unit, as the product it is."""
    a, b = x.chunk(2, dim)
    return a * torch.sigmoid(b)


COMPOSITES: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (layer_norm, group_norm, instance_norm, rms_norm, scaled_dot_product_attention, glu)
}
