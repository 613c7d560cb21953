"""Where the rows of a batch lie in a tensor, and what a row has in common with the next one.

The rows are consecutive points of a path, one path after another. A cell reaches from a row to the next; the last
row of a path starts no cell, and no gradient arrives there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Rows along the axis `dim`, the next row `step` entries further (more than one where others share the axis)."""

    dim: int
    step: int = 1

    def here(self, tensor: Tensor) -> Tensor:
        """Every row that has a next one."""
        return tensor.narrow(self.dim, 0, tensor.shape[self.dim] - self.step)

    def next(self, tensor: Tensor) -> Tensor:
        """The row after each of `here`."""
        return tensor.narrow(self.dim, self.step, tensor.shape[self.dim] - self.step)

    def padded(self, cells: Tensor) -> Tensor:
        """Values of the cells as rows, zero where the last row starts none."""
        shape = list(cells.shape)
        shape[self.dim] += self.step
        rows, here = self.empty(cells.new_empty(shape))
        here.copy_(cells)
        return rows

    def empty(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Rows to be filled, and the part of them that is: what belongs to the cells; the last row is zero."""
        rows = torch.empty_like(like)
        rows.narrow(self.dim, rows.shape[self.dim] - self.step, self.step).zero_()
        return rows, self.here(rows)

    def middle(self, tensor: Tensor) -> Tensor:
        """The mean of every row and the next; the last row is itself."""
        rows = tensor.detach().clone()
        self.here(rows).add_(self.next(tensor)).div_(2)
        return rows


def lowest(dtype: torch.dtype) -> float:
    """A number that is never the largest, and stands for minus infinity where differences are to be finite."""
    return torch.finfo(dtype).min / 4


def middle(tensor: Tensor, layout: Layout | None) -> Tensor:
    """The tensor in the middle of every cell; what is the same in all rows stays as it is."""
    return tensor.detach() if layout is None else layout.middle(tensor)


def layout_of(few: Tensor, many: Tensor, changed: Tensor, n_few: int, n_many: int) -> Layout | None:
    """The layout of a tensor seen with few rows, with many, and with few of which the second was changed.

    None where it has no rows. ValueError where rows cannot be told apart.
    """
    if few.ndim != many.ndim:
        raise ValueError("the number of its axes depends on the number of rows")
    axes = [i for i, (a, b) in enumerate(zip(few.shape, many.shape, strict=True)) if a != b]
    if not axes:
        return None
    dim = axes[0]
    step, rest = divmod(few.shape[dim], n_few)
    if len(axes) > 1 or rest or many.shape[dim] != step * n_many:
        raise ValueError("it holds rows along several axes")
    if step == 1:
        return Layout(dim)
    difference = (few != changed).movedim(dim, 0).flatten(1).any(1)
    entry = torch.nonzero(difference).squeeze(1)
    together = bool((entry // step == 1).all())
    apart = bool((entry % n_few == 1).all())
    if not together and not apart:
        raise ValueError("a row of it depends on other rows")
    return Layout(dim, step if together else 1)
