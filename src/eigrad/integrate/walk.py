"""Walking a curve node by node, in blocks that fit in a batch, with what the nodes add kept as sums only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.integrate.curved import curved_blocks
from eigrad.integrate.field import Field
from eigrad.integrate.grid import blocks
from eigrad.integrate.rules import Gradient, Grid, Rule, Secant
from eigrad.paths import LATENT_PIECES, Curve


@dataclass(frozen=True)
class Integral:
    """Attributions of pairs, what they differ by from those on half of the nodes, and how many gradients were taken.

    Slopes are compared on fewer parts than half, and the difference brought down to that of a halving.
    """

    values: Float[Tensor, "scores pairs *shape"]
    difference: Float[Tensor, "scores pairs *shape"]
    n_evaluations: int

    @property
    def error(self) -> Float[Tensor, "scores pairs"]:
        """sum_j |a_j - a_j on half of the nodes|, in units of the score: about the error of the half grid."""
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
    coarser: Float[Tensor, "scores pairs *shape"] | None = None,
) -> Integral:
    """Integrate the field along every pair's curve; `rows` names the sample each pair belongs to.

    With a fused field, `inner` is the same curve in the first layer's outputs. Where the values on half of the points
    are known already, they are handed in as `coarser` and spare slopes a second run.
    """
    curve = curve.refined(min(LATENT_PIECES, max(1, n_points // 8)))
    sums, n_evaluations = _integrated(field, curve, rows, rule, rule.grid(curve, n_points), batch_size, inner)
    if not isinstance(rule, Secant):
        return Integral(sums[:, 0], sums[:, 0] - sums[:, 1], n_evaluations)
    if coarser is None:
        grid, halved = rule.coarse(curve, n_points)
        coarse, more = _integrated(field, curve, rows, rule, grid, batch_size, inner)
        difference = (sums - coarse).mul_(halved.to(sums).view(-1, *(1 for _ in sums.shape[3:])))
        return Integral(sums[:, 0], difference[:, 0], n_evaluations + more)
    return Integral(sums[:, 0], sums[:, 0] - coarser, n_evaluations)


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
    n_grids, n_pairs, n_segments, n_nodes = grid.weights.shape
    walked = curve if inner is None else inner
    gathered: list[Tensor] = []
    n_evaluations = 0
    for pairs, first, last in blocks(n_pairs, n_nodes, batch_size, grid.overlap, rows.device):
        end = min(last + grid.overlap, n_nodes)
        points = walked.points(pairs, grid.segment[pairs, first:end], grid.t[pairs, first:end])
        gradients = _gradients(field, points, rows[pairs])[:, :, : last - first]
        n_evaluations += points.shape[:2].numel()
        weights = grid.weights[:, pairs, :, first:last].movedim(0, 1).flatten(1, 2)
        segments = (weights @ gradients.flatten(3)).view(
            len(gradients), len(pairs), n_grids, n_segments, *gradients.shape[3:]
        )
        if inner is None:  # of the size of the samples: brought to its end at once, none is kept
            segments = (segments * curve.deltas(pairs)[:, None]).sum(3)
        if not gathered:
            gathered = [segments.new_zeros(len(segments), n_pairs, *segments.shape[2:])]
        gathered[0].index_add_(1, pairs, segments)
    sums = gathered[0]
    if field.fusion is not None:
        back = field.fusion.transpose(sums.flatten(0, 3)).unflatten(0, sums.shape[:4])
        every = torch.arange(n_pairs, device=rows.device)
        sums = (
            back.squeeze(3).mul_(curve.deltas(every))
            if n_segments == 1
            else (back * curve.deltas(every)[:, None]).sum(3)
        )
    return sums.movedim(2, 1), n_evaluations


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
