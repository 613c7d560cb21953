"""Walking a curve node by node, in blocks that fit in a batch, with what the nodes add kept as sums only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.curves import LATENT_PIECES, Curve
from eigrad.integrate.curved import curved_blocks
from eigrad.integrate.field import Field
from eigrad.integrate.grid import blocks
from eigrad.integrate.rules import Gradient, Grid, Rule, Secant

KEPT_BYTES = 2**26  # what gradients at nodes may take that are kept for a finer grid

Kept: TypeAlias = Float[Tensor, "scores pairs nodes *space"]


@dataclass(frozen=True)
class Integral:
    """Attributions of pairs, what half of the parts would change, and how many gradients were taken.

    Slopes are compared on fewer parts than half, and the difference brought down to that of a halving.
    """

    values: Float[Tensor, "scores pairs *shape"]
    difference: Float[Tensor, "scores pairs *shape"]
    n_evaluations: int
    kept: Kept | None = None  # gradients at the nodes, where a finer grid can use them

    @property
    def error(self) -> Float[Tensor, "scores pairs"]:
        """sum_j |what half of the parts would change in a_j|, in units of the score: at least about the error."""
        return self.difference.abs().flatten(2).sum(2)


@torch.no_grad()
def integrate(
    field: Field,
    curve: Curve,
    rows: Int[Tensor, " pairs"],
    rule: Rule,
    n_points: int,
    batch_size: int,
    inner: Curve | None = None,
    before: Tensor | None = None,
    refining: bool = False,
) -> Integral:
    """Integrate the field along every pair's curve; `rows` names the sample each pair belongs to.

    With a fused field, `inner` is the same curve in the first layer's outputs. While `refining`, nested rules keep the
    gradients of a single score at their nodes; `before` are those kept by the grid of half the parts.
    """
    curve = curve.refined(min(LATENT_PIECES, max(1, n_points // 8)))
    grid = rule.grid(curve, n_points)
    if refining and _keeps(inner or curve, rule, grid):
        kept, n_evaluations = _at_nodes(field, inner or curve, rows, grid, batch_size, before)
        sums = _brought_back(field, curve, _weighed(grid.weights, kept))
        return Integral(sums[:, 0], sums[:, 0] - sums[:, 1], n_evaluations, kept)
    sums, n_evaluations = _integrated(field, curve, rows, rule, grid, batch_size, inner)
    if not isinstance(rule, Secant):  # whose half grid is in the same run
        return Integral(sums[:, 0], sums[:, 0] - sums[:, 1], n_evaluations)
    grid, halved = rule.coarse(curve, n_points)
    coarse, more = _integrated(field, curve, rows, rule, grid, batch_size, inner)
    difference = (sums - coarse).mul_(halved.to(sums).view(-1, *(1 for _ in sums.shape[3:])))
    return Integral(sums[:, 0], difference[:, 0], n_evaluations + more)


def _integrated(
    field: Field, curve: Curve, rows: Tensor, rule: Rule, grid: Grid, batch_size: int, inner: Curve | None
) -> tuple[Float[Tensor, "scores grids pairs *shape"], int]:
    if curve.is_straight or isinstance(rule, Gradient):
        return _along_segments(field, curve, rows, grid, batch_size, inner)
    return _along_steps(field, curve, rows, rule, grid, batch_size)


def _along_segments(
    field: Field, curve: Curve, rows: Tensor, grid: Grid, batch_size: int, inner: Curve | None
) -> tuple[Tensor, int]:
    """On straight segments a node counts by a weight in its segment; what a segment gathers goes once along it."""
    n_pairs, n_nodes = grid.segment.shape
    walked = curve if inner is None else inner
    gathered: list[Tensor] = []
    n_evaluations = 0
    for pairs, first, last in blocks(n_pairs, n_nodes, batch_size, grid.overlap, rows.device):
        end = min(last + grid.overlap, n_nodes)
        points = walked.points(pairs, grid.segment[pairs, first:end], grid.t[pairs, first:end])
        gradients = _gradients(field, points, rows[pairs])[:, :, : last - first]
        n_evaluations += points.shape[:2].numel()
        segments = _weighed(grid.weights[:, pairs, :, first:last], gradients)
        if inner is None:  # of the size of the samples: brought to its end at once, none is kept
            segments = (segments * curve.deltas(pairs)[:, None]).sum(3)
        if not gathered:
            gathered = [segments.new_zeros(len(segments), n_pairs, *segments.shape[2:])]
        gathered[0].index_add_(1, pairs, segments)
    if inner is None:
        return gathered[0].movedim(2, 1), n_evaluations
    return _brought_back(field, curve, gathered[0]), n_evaluations


def _weighed(weights: Float[Tensor, "grids pairs segments nodes"], gradients: Tensor) -> Tensor:
    """Gradients (scores, pairs, nodes, *space) summed up to (scores, pairs, grids, segments, *space)."""
    n_grids, n_pairs, n_segments, _ = weights.shape
    sums: Tensor = weights.movedim(0, 1).flatten(1, 2) @ gradients.flatten(3)
    return sums.view(len(gradients), n_pairs, n_grids, n_segments, *gradients.shape[3:])


def _brought_back(field: Field, curve: Curve, sums: Tensor) -> Tensor:
    """What every segment gathered, brought to the samples and along the segment: (scores, grids, pairs, *shape)."""
    back = sums if field.fusion is None else field.fusion.transpose(sums.flatten(0, 3)).unflatten(0, sums.shape[:4])
    deltas = curve.deltas(torch.arange(sums.shape[1], device=sums.device))
    # where there is a single segment, nothing of the samples' size is copied
    along = back.squeeze(3).mul_(deltas) if back.shape[3] == 1 else (back * deltas[:, None]).sum(3)
    return along.movedim(2, 1)


def _keeps(walked: Curve, rule: Rule, grid: Grid) -> bool:
    """Whether gradients at nodes are kept for a finer grid: on single straight lines, where they take little memory."""
    if not (rule.nested and walked.is_straight and walked.n_segments == 1):
        return False
    corner = walked.legs[0].vertices[0, 0]
    return grid.segment.numel() * corner.numel() * corner.element_size() <= KEPT_BYTES


def _at_nodes(
    field: Field, walked: Curve, rows: Tensor, grid: Grid, batch_size: int, before: Tensor | None
) -> tuple[Kept, int]:
    """Gradients at all nodes of a line, those `before` on half of its parts taken over; and how many are new."""
    n_pairs, n_nodes = grid.segment.shape
    new = torch.arange(n_nodes, device=rows.device)[slice(None) if before is None else slice(1, None, 2)]
    kept: list[Tensor] = []
    for pairs, first, last in blocks(n_pairs, len(new), batch_size, 0, rows.device):
        columns = (pairs[:, None], new[first:last])
        gradients = _gradients(field, walked.points(pairs, grid.segment[columns], grid.t[columns]), rows[pairs])
        if not kept:
            kept = [gradients.new_empty(len(gradients), n_pairs, n_nodes, *gradients.shape[3:])]
        kept[0][:, columns[0], columns[1]] = gradients
    if before is not None:
        kept[0][:, :, ::2] = before
    return kept[0], n_pairs * len(new)


def _along_steps(
    field: Field, curve: Curve, rows: Tensor, rule: Rule, grid: Grid, batch_size: int
) -> tuple[Tensor, int]:
    """Where legs are decoded every node has a step of its own."""
    sums: list[Tensor] = []
    n_evaluations = 0
    for block in curved_blocks(rule, grid, curve, batch_size):
        gradients = _gradients(field, block.points, rows[block.pairs])[:, :, : block.steps.shape[2]]
        n_evaluations += block.points.shape[:2].numel()
        added = (gradients[:, None] * block.steps).sum(3)
        if not sums:
            sums = [added.new_zeros(*added.shape[:2], len(rows), *added.shape[3:])]
        sums[0].index_add_(2, block.pairs, added)
    return sums[0], n_evaluations


def _gradients(field: Field, points: Tensor, rows: Tensor) -> Tensor:
    """(scores, rows, cols, *space) for points (rows, cols, *space)."""
    owners = rows.repeat_interleave(points.shape[1])
    gradients: Tensor = field(points.flatten(0, 1), owners).unflatten(1, points.shape[:2])
    return gradients
