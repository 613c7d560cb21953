"""The largest of several numbers, as a tournament: max(a, b) = a + max(b - a, 0), two by two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from eigrad.slopes.elementwise import ramp
from eigrad.slopes.rows import Layout


def largest(
    z: Tensor, layout: Layout, value: Tensor, contenders: Callable[[Tensor], Tensor], tie: float = 0.0
) -> Tensor:
    """`value`, each number of which is the largest of its contenders.

    `contenders` takes z to (contenders, *value's shape) by moving and copying numbers; `layout` is the value's.
    Of two that are equal all along, the second has the part `tie`.
    """
    return _Largest.apply(z, layout, value, contenders, tie)  # type: ignore[no-any-return, no-untyped-call]


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, z: Tensor, layout: Layout, value: Tensor, contenders: Callable[[Tensor], Tensor], tie: float
    ) -> Tensor:
        ctx.save_for_backward(z)
        ctx.layout, ctx.contenders, ctx.tie = layout, contenders, tie
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        with torch.enable_grad():
            z = ctx.saved_tensors[0].detach().requires_grad_()
            stacked = ctx.contenders(z)
        layout = Layout(ctx.layout.dim + 1, ctx.layout.step)
        parts = _shares(stacked.detach(), layout, ctx.tie).mul_(layout.here(gradients[0][None]))
        return torch.autograd.grad(stacked, z, layout.padded(parts))[0], None, None, None, None


def _shares(z: Tensor, layout: Layout, tie: float) -> Tensor:
    """What each contender adds to the rise of the largest, as a part of its own rise; the parts sum to one."""
    half = len(z) // 2
    if half == 0:
        return torch.ones_like(layout.here(z))
    first, second, odd = z[:half], z[half : 2 * half], z[2 * half :]
    lead = second - first
    won = ramp(layout.here(lead), layout.next(lead), tie)
    above = _shares(torch.cat([torch.maximum(first, second), odd]), layout, tie)
    return torch.cat([above[:half] * (1 - won), above[:half] * won, above[half:]])


def along(dims: Sequence[int], shape: torch.Size) -> Callable[[Tensor], Tensor]:
    """Contenders of a maximum over whole axes, for a value of this shape."""

    def contenders(z: Tensor) -> Tensor:
        return z.movedim(tuple(dims), tuple(range(len(dims)))).reshape(-1, *shape)

    return contenders


def windows(
    size: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], shape: torch.Size
) -> Callable[[Tensor], Tensor]:
    """Contenders of a maximum over windows of the last axes, for a value of this shape."""
    counts = shape[len(shape) - len(size) :]

    def contenders(z: Tensor) -> Tensor:
        first = z.ndim - len(size)
        margins: list[int] = []
        for i, count in enumerate(counts):
            beyond = (count - 1) * stride[i] + (size[i] - 1) * dilation[i] + 1 - z.shape[first + i] - padding[i]
            margins = [padding[i], max(0, beyond), *margins]
        if any(margins):
            z = functional.pad(z, margins, value=torch.finfo(z.dtype).min / 4)
        # one slice for every place in a window, so that contenders lie apart in memory as they are compared
        corners: list[tuple[Any, ...]] = [
            (..., *places) for places in product(*_places(size, stride, dilation, counts))
        ]
        return torch.stack([z[corner] for corner in corners])

    return contenders


def _places(
    size: Sequence[int], stride: Sequence[int], dilation: Sequence[int], counts: Sequence[int]
) -> Iterator[list[slice]]:
    for n, step, apart, count in zip(size, stride, dilation, counts, strict=True):
        yield [slice(k * apart, k * apart + (count - 1) * step + 1, step) for k in range(n)]


def adaptive_windows(shape: torch.Size, n_axes: int) -> Callable[[Tensor], Tensor]:
    """Contenders of an adaptive maximum: windows differ in size, and what lies beyond a smaller one cannot win."""
    counts = shape[len(shape) - n_axes :]

    def contenders(z: Tensor) -> Tensor:
        first = z.ndim - n_axes
        z = functional.pad(z, [0, 1] * n_axes, value=torch.finfo(z.dtype).min / 4)
        for i, count in enumerate(counts):
            side = z.shape[first + i] - 1
            begin = [k * side // count for k in range(count)]
            end = [-(-(k + 1) * side // count) for k in range(count)]
            most = max(b - a for a, b in zip(begin, end, strict=True))
            index = [[a + k if a + k < b else side for k in range(most)] for a, b in zip(begin, end, strict=True)]
            places = torch.tensor(index, device=z.device)
            z = (
                z.index_select(first + i, places.flatten())
                .unflatten(first + i, places.shape)
                .movedim(first + i + 1, -1)
            )
        return z.flatten(-n_axes).movedim(-1, 0)

    return contenders
