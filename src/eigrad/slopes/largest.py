"""The largest of several numbers, as a tournament: max(a, b) = a + max(b - a, 0), two by two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from eigrad.slopes.elementwise import ramp
from eigrad.slopes.rows import Layout, lowest


@runtime_checkable
class Contenders(Protocol):
    """Which numbers each largest one is chosen from."""

    def of(self, z: Tensor) -> Tensor:
        """The numbers moved and copied to (contenders, *value's shape)."""
        ...

    def back(self, gradients: Tensor, z: Tensor) -> Tensor:
        """Gradients at the contenders brought to where they came from in z."""
        ...


def largest(z: Tensor, layout: Layout, value: Tensor | None, contenders: Contenders, tie: float = 0.0) -> Tensor:
    """`value`, each number of which is the largest of its contenders (None: it is to be found); `layout` is its own.

    Of two that are equal all along, the second has the part `tie`.
    """
    return _Largest.apply(z, layout, value, contenders, tie)  # type: ignore[no-any-return, no-untyped-call]


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, z: Tensor, layout: Layout, value: Tensor | None, contenders: Contenders, tie: float
    ) -> Tensor:
        apart = None
        if value is None:
            apart = contenders.of(z)
            value = apart.amax(0)
        ctx.save_for_backward(z, apart)
        ctx.layout, ctx.contenders, ctx.tie = layout, contenders, tie
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        z, apart = ctx.saved_tensors
        if apart is None:  # where minus infinity may stand for what is masked, which no difference survives
            apart = ctx.contenders.of(z).clamp(min=lowest(z.dtype))
        layout = Layout(ctx.layout.dim + 1, ctx.layout.step)
        rows, cells = layout.empty(apart)
        _share_out(apart, layout.here(gradients[0][None]), layout, ctx.tie, cells)
        return ctx.contenders.back(rows, z), None, None, None, None


def _share_out(z: Tensor, rise: Tensor, layout: Layout, tie: float, out: Tensor) -> None:
    """The rise of the largest, shared out among the contenders as parts of their own rises."""
    half = len(z) // 2
    if half == 0:
        out.copy_(rise)
        return
    first, second, odd = z[:half], z[half : 2 * half], z[2 * half :]
    lead = second - first
    won = ramp(layout.here(lead), layout.next(lead), tie)
    above = torch.empty_like(out[half:])  # the winners, and the one that had no opponent
    _share_out(torch.cat([torch.maximum(first, second), odd]), rise, layout, tie, above)
    torch.mul(above[:half], won, out=out[half : 2 * half])
    torch.sub(above[:half], out[half : 2 * half], out=out[:half])
    out[2 * half :] = above[half:]


@dataclass(frozen=True)
class Moved:
    """Contenders by any function that moves and copies numbers."""

    of: Callable[[Tensor], Tensor]

    def back(self, gradients: Tensor, z: Tensor) -> Tensor:
        with torch.enable_grad():
            like = torch.empty_like(z).requires_grad_()
            return torch.autograd.grad(self.of(like), like, gradients)[0]


def along(dims: Sequence[int], shape: torch.Size) -> Contenders:
    """Contenders of a maximum over whole axes, for a value of this shape."""
    return Moved(lambda z: z.movedim(tuple(dims), tuple(range(len(dims)))).reshape(-1, *shape))


@dataclass(frozen=True)
class Windows:
    """Contenders of a maximum over windows of the last axes, for a value whose last axes have these lengths.

    One slice for every place in a window, so that contenders lie apart in memory as they are compared.
    """

    size: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    counts: Sequence[int]

    def of(self, z: Tensor) -> Tensor:
        margins = self._margins(z)
        if any(margins):
            z = functional.pad(z, margins, value=lowest(z.dtype))
        return torch.stack([z[corner] for corner in self._corners()])

    def back(self, gradients: Tensor, z: Tensor) -> Tensor:
        margins = self._margins(z)
        padded = functional.pad(z, margins) if any(margins) else z
        total = torch.zeros_like(padded, memory_format=torch.contiguous_format)
        for corner, part in zip(self._corners(), gradients, strict=True):
            total[corner].add_(part)
        if any(margins):
            total = functional.pad(total, [-margin for margin in margins])
        return total

    def _margins(self, z: Tensor) -> list[int]:
        """What is to be padded, last axis first."""
        first = z.ndim - len(self.size)
        margins: list[int] = []
        for i, count in enumerate(self.counts):
            reach = (count - 1) * self.stride[i] + (self.size[i] - 1) * self.dilation[i] + 1
            margins = [self.padding[i], max(0, reach - z.shape[first + i] - self.padding[i]), *margins]
        return margins

    def _corners(self) -> list[tuple[Any, ...]]:
        return [(..., *places) for places in product(*_places(self.size, self.stride, self.dilation, self.counts))]


def _places(
    size: Sequence[int], stride: Sequence[int], dilation: Sequence[int], counts: Sequence[int]
) -> Iterator[list[slice]]:
    for n, step, apart, count in zip(size, stride, dilation, counts, strict=True):
        yield [slice(k * apart, k * apart + (count - 1) * step + 1, step) for k in range(n)]


def adaptive_windows(shape: torch.Size, n_axes: int) -> Contenders:
    """Contenders of an adaptive maximum: windows differ in size, and what lies beyond a smaller one cannot win."""
    counts = shape[len(shape) - n_axes :]

    def contenders(z: Tensor) -> Tensor:
        first = z.ndim - n_axes
        z = functional.pad(z, [0, 1] * n_axes, value=lowest(z.dtype))
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

    return Moved(contenders)
