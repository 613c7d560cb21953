"""Integrals along decoded legs, whose nodes are known only once they are decoded: every node has a step of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.curves import Curve
from eigrad.integrate.grid import blocks
from eigrad.integrate.rules import GaussLegendre, Grid, Rule


@dataclass(frozen=True)
class Block:
    """Nodes of some pairs: their points, and the step of each on every grid; the rows beyond the steps are overlap."""

    pairs: Int[Tensor, " rows"]
    points: Float[Tensor, "rows cols *shape"]
    steps: Float[Tensor, "grids rows nodes *shape"]


def curved_blocks(rule: Rule, grid: Grid, curve: Curve, batch_size: int) -> Iterator[Block]:
    """Blocks of nodes with vector steps, for any rule."""
    n_pairs, n_nodes = grid.segment.shape
    for pairs, first, last in blocks(n_pairs, n_nodes, batch_size, grid.overlap, grid.t.device):
        if isinstance(rule, GaussLegendre):
            columns = (pairs[:, None], torch.arange(first, last, device=pairs.device)[None])
            points, tangents = curve.points_and_tangents(pairs, grid.segment[columns], grid.t[columns])
            weights = grid.weights[:, pairs, :, first:last].sum(2)
            yield Block(pairs, points, tangents * weights.view(*weights.shape, *(1 for _ in points.shape[2:])))
            continue
        low, high = max(first - 2, 0), min(last + 2, n_nodes)
        columns = (pairs[:, None], torch.arange(low, high, device=pairs.device)[None])
        points = curve.points(pairs, grid.segment[columns], grid.t[columns])
        here = torch.arange(first - low, last - low, device=pairs.device)
        after = points[:, (here + 1).clamp(max=high - low - 1)]
        if rule.slopes:
            end = min(last + grid.overlap, n_nodes)
            yield Block(pairs, points[:, first - low : end - low], (after - points[:, here])[None])
            continue
        steps = after - points[:, (here - 1).clamp(min=0)]
        half = _half_steps(grid, pairs, first, last, low, points)
        yield Block(pairs, points[:, here], torch.stack([steps, half]) / 2)


def _half_steps(grid: Grid, pairs: Tensor, first: int, last: int, low: int, points: Tensor) -> Tensor:
    """Steps on the grid of every second node (zero where a node is not on that grid)."""
    before, after = (side[pairs, first:last] - low for side in _half_grid(grid))
    row = torch.arange(len(pairs), device=pairs.device)[:, None]
    return points[row, after] - points[row, before]


def _half_grid(grid: Grid) -> tuple[Tensor, Tensor]:
    """For every node its neighbors on the half grid (itself where it is not on it): those that have a weight there."""
    n = grid.segment.shape[1]
    node = torch.arange(n, device=grid.segment.device).expand_as(grid.segment)
    kept = grid.weights[1].sum(1) != 0
    end = torch.where(kept, node, 0).amax(1, keepdim=True)
    before = torch.where(kept, node, 0).cummax(1).values.roll(1, 1)
    before[:, 0] = 0
    after = torch.where(kept, node, n - 1).flip(1).cummin(1).values.flip(1).roll(-1, 1)
    after[:, -1] = n - 1
    return torch.where(kept, before, node), torch.where(kept, torch.minimum(after, end), node)
