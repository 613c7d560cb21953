"""One integrator for every path: a = sum over nodes of (gradient at the node) * (step of the node).

A quadrature rule lays nodes on a curve and gives each its step, the vector that stands for d(gamma) there, and a
second step for the same integral on half of the nodes, whose difference estimates the error at no further cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from eigrad.model import Score
from eigrad.paths import LATENT_PIECES, Curve, above_rounding


@dataclass(frozen=True)
class Nodes:
    """A block of nodes: the pairs it belongs to, points, steps and half-grid steps (rows, cols, *shape)."""

    pairs: Int[Tensor, " rows"]
    points: Float[Tensor, "rows cols *shape"]
    steps: Float[Tensor, "rows cols *shape"]
    half_steps: Float[Tensor, "rows cols *shape"]


@runtime_checkable
class Rule(Protocol):
    """A way to lay about `n_points` nodes on every pair's curve, in blocks of at most `batch_size` nodes."""

    @property
    def name(self) -> str: ...

    def nodes(self, curve: Curve, n_points: int, batch_size: int) -> Iterator[Nodes]: ...


@dataclass(frozen=True)
class Integral:
    """Attributions of pairs, the estimate of their summed error, and how many gradients were evaluated."""

    values: Float[Tensor, "scores pairs *shape"]
    error: Float[Tensor, "scores pairs"]
    n_evaluations: int


@torch.no_grad()
def integrate(
    score: Score,
    curve: Curve,
    rows: Int[Tensor, " pairs"],
    rule: Rule,
    n_points: int,
    batch_size: int,
) -> Integral:
    """Integrate the score's gradient along every pair's curve; `rows` names the sample each pair belongs to.

    The error of a pair is sum_j |a_j - a_j with half of the nodes|, in units of the score: it is about the error of
    the half grid, so that the error of the result is smaller (a third of it at order 2).
    """
    curve = curve.refined(min(LATENT_PIECES, max(1, n_points // 8)))
    sums: list[Tensor] = []
    n_evaluations = 0
    for block in rule.nodes(curve, n_points, batch_size):
        shape = block.points.shape[:2]
        owners = rows[block.pairs].repeat_interleave(shape[1])
        gradients = score.gradients(block.points.flatten(0, 1), owners).unflatten(1, shape)
        n_evaluations += shape.numel()
        if not sums:
            size = (len(gradients), len(rows), *gradients.shape[3:])
            sums = [gradients.new_zeros(size), gradients.new_zeros(size)]
        for total, steps in zip(sums, (block.steps, block.half_steps), strict=True):
            total.index_add_(1, block.pairs, (gradients * steps).sum(2))
    values, halves = sums
    return Integral(values, (values - halves).abs().flatten(2).sum(2), n_evaluations)


@dataclass(frozen=True)
class Trapezoid:
    """The polyline's own rule: each panel adds (mean of the two end gradients) * (its step); order 2.

    Exact for linear and quadratic scores on any path.
    """

    @property
    def name(self) -> str:
        return "trapezoid"

    def nodes(self, curve: Curve, n_points: int, batch_size: int) -> Iterator[Nodes]:
        counts = share(curve.lengths(), n_points - 1)
        parts = counts.sum(1, keepdim=True)
        segment, offset, within = _positions(counts, int(parts.max()) + 1)
        before, after = _half_grid(offset, parts)
        t = (offset.double() / within.clamp(min=1)).to(curve.legs[0].vertices)
        for pairs, first, last in _blocks(segment, batch_size):
            low, high = max(first - 2, 0), min(last + 2, segment.shape[1])
            columns = (pairs[:, None], torch.arange(low, high, device=pairs.device)[None])
            points = curve.points(pairs, segment[columns], t[columns])
            row = torch.arange(len(pairs), device=pairs.device)[:, None]
            half_steps = points[row, after[pairs, first:last] - low] - points[row, before[pairs, first:last] - low]
            here = torch.arange(first - low, last - low, device=pairs.device)
            steps = points[:, (here + 1).clamp(max=high - low - 1)] - points[:, (here - 1).clamp(min=0)]
            yield Nodes(pairs, points[:, first - low : last - low], steps / 2, half_steps / 2)


@dataclass(frozen=True)
class GaussLegendre:
    """Gauss-Legendre nodes within every segment, steps along the tangent; exponential convergence on smooth scores.

    On decoded legs the tangent is the decoder's Jacobian-vector product.
    """

    @property
    def name(self) -> str:
        return "gauss-legendre"

    def nodes(self, curve: Curve, n_points: int, batch_size: int) -> Iterator[Nodes]:
        counts = share(curve.lengths(), n_points)
        segment, offset, within = _positions(counts, int(counts.sum(1).max()))
        tables = _gauss_tables(tuple(torch.unique(within).tolist()))
        t, weight, half_weight = (torch.as_tensor(table).to(curve.legs[0].vertices)[within, offset] for table in tables)
        for pairs, first, last in _blocks(segment, batch_size):
            columns = (pairs[:, None], torch.arange(first, last, device=pairs.device)[None])
            points, tangents = curve.points_and_tangents(pairs, segment[columns], t[columns])
            weights = [_like(table[columns], points) for table in (weight, half_weight)]
            yield Nodes(pairs, points, tangents * weights[0], tangents * weights[1])


@dataclass(frozen=True)
class Gradient:
    """No integral: one node at the sample with the whole step, gradient * (x - x'). No error is estimated (NaN)."""

    @property
    def name(self) -> str:
        return "gradient"

    def nodes(self, curve: Curve, n_points: int, batch_size: int) -> Iterator[Nodes]:
        vertices = curve.legs[0].vertices
        for pairs in torch.arange(len(vertices), device=vertices.device).split(batch_size):
            zero = torch.zeros(len(pairs), 1, dtype=torch.long, device=pairs.device)
            start, end = (
                curve.points(pairs, zero + segment, torch.full_like(zero, t).to(vertices))
                for segment, t in ((0, 0), (curve.n_segments - 1, 1))
            )
            yield Nodes(pairs, end, end - start, (end - start) * torch.nan)


RULES: dict[str, Rule] = {rule.name: rule for rule in (Trapezoid(), GaussLegendre(), Gradient())}


def share(lengths: Float[Tensor, "pairs segments"], n: int) -> Int[Tensor, "pairs segments"]:
    """Cut segments into n parts in all so that the longest part is as short as possible.

    Parts come in twos, so that every segment can be halved; one left over goes where parts are longest. Segments
    of no length get none. A curve with more than n/2 segments gets two parts for each.
    """
    used = above_rounding(lengths)
    used[:, 0] |= ~used.any(1)  # a curve of no length: one segment holds its nodes
    total = torch.clamp(used.sum(1), min=n // 2)
    # Rounding up at this rate cannot give too many, and leaves at most one a segment to hand out.
    rate = (total - used.sum(1)) / lengths.sum(1).clamp(min=torch.finfo(lengths.dtype).tiny)
    counts = torch.where(used, torch.ceil(lengths * rate[:, None]).long().clamp(min=1), 0)
    while len(short := torch.nonzero(counts.sum(1) < total).squeeze(1)):
        counts[short, _longest_part(lengths, counts)[short]] += 1
    counts *= 2
    odd = torch.nonzero((total == n // 2) & (n % 2 == 1)).squeeze(1)
    counts[odd, _longest_part(lengths, counts)[odd]] += 1
    return counts


def _longest_part(lengths: Tensor, counts: Tensor) -> Tensor:
    return torch.where(counts > 0, lengths / counts.clamp(min=1), -1.0).argmax(1)


def _positions(counts: Tensor, n_columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Segment, offset in it and its number of parts, for nodes 0, 1, ... of every pair; the last one repeats."""
    ends = counts.cumsum(1)
    node = torch.arange(n_columns, device=counts.device).expand(len(counts), -1).clamp(max=ends[:, -1:])
    segment = torch.searchsorted(ends, node.contiguous(), right=True).clamp(max=counts.shape[1] - 1)
    return segment, node - (ends - counts).gather(1, segment), counts.gather(1, segment)


def _half_grid(offset: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """For every node its neighbors on the grid of every second node (itself where it is not on that grid)."""
    n = offset.shape[1]
    node = torch.arange(n, device=offset.device).expand_as(offset)
    kept = ((offset % 2 == 0) & (node < parts)) | (node == parts)
    before = torch.where(kept, node, 0).cummax(1).values.roll(1, 1)
    before[:, 0] = 0
    after = torch.where(kept, node, n - 1).flip(1).cummin(1).values.flip(1).roll(-1, 1)
    after[:, -1] = n - 1
    after = torch.minimum(after, parts)
    return torch.where(kept, before, node), torch.where(kept, after, node)


def _blocks(grid: Tensor, batch_size: int) -> Iterator[tuple[Tensor, int, int]]:
    """Whole pairs together while their nodes fit in a batch, else a part of one pair's nodes at a time."""
    n_pairs, n_nodes = grid.shape
    together = max(1, batch_size // n_nodes)
    for pairs in torch.arange(n_pairs, device=grid.device).split(together):
        for first in range(0, n_nodes, batch_size):
            yield pairs, first, min(n_nodes, first + batch_size)


def _like(weights: Tensor, points: Tensor) -> Tensor:
    return weights.view(*weights.shape, *(1 for _ in points.shape[2:]))


def _gauss_tables(counts: tuple[int, ...]) -> tuple[NDArray[np.float64], ...]:
    """Nodes in [0, 1], weights and half-grid weights, one row for each of the given counts (others are zero)."""
    tables = np.zeros((3, max(counts) + 1, max(counts) + 1))
    for n in counts:
        for table, row in zip(tables, _gauss(n), strict=True):
            table[n, :n] = row
    return tuple(tables)


@lru_cache(maxsize=512)
def _gauss(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre rule on [0, 1], and the interpolating rule on every second of its nodes."""
    x, w = np.polynomial.legendre.leggauss(n) if n else (np.zeros(0), np.zeros(0))
    half = np.zeros(n)
    kept = x[::2]
    if len(kept):
        moments = np.zeros(len(kept))
        moments[0] = 1.0
        half[::2] = np.linalg.solve(np.polynomial.legendre.legvander(kept, len(kept) - 1).T, moments)
    return (x + 1) / 2, w / 2, half
