"""Quadrature rules: where nodes lie within a segment, and what each counts for.

On straight segments a node's step is a weight times its segment. On decoded ones the steps are vectors: differences of
neighboring points, or weights times tangents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from eigrad.curves import Curve
from eigrad.integrate.grid import Nodes, share, spread

SECANT_ORDER = 1.6
WORTH_MAPPING = 9  # nodes in a segment: with fewer the mapped rule would not be exact for quadratic scores
CROWDING = 4  # the power by which nodes crowd at the ends of a segment

Table = NDArray[np.float64]
Table3 = Callable[[int], tuple[Table, Table, Table]]


@dataclass(frozen=True)
class Grid:
    """Nodes on every pair's curve, with their weights in every segment: on the whole grid, and on the half if any.

    `overlap` nodes after a block are evaluated with it.
    """

    segment: Int[Tensor, "pairs nodes"]
    t: Float[Tensor, "pairs nodes"]
    weights: Float[Tensor, "grids pairs segments nodes"]
    overlap: int = 0


@runtime_checkable
class Rule(Protocol):
    """A way to lay about `n_points` nodes on every pair's curve.

    The grid carries a second rule on half of its nodes, save where `slopes` between neighboring nodes are summed rather
    than gradients at nodes: there `coarse` gives a grid for a run of its own. With a `nested` rule every second node of
    twice as many parts is one of these.
    """

    @property
    def name(self) -> str: ...
    @property
    def slopes(self) -> bool: ...
    @property
    def nested(self) -> bool: ...

    def grid(self, curve: Curve, n_points: int) -> Grid: ...


@dataclass(frozen=True)
class Trapezoid:
    """The polyline's own rule: each panel adds (mean of the two end gradients) * (its step); order 2.

    Exact for linear and quadratic scores on any path.
    """

    name: str = "trapezoid"
    slopes: bool = False
    nested: bool = True

    def grid(self, curve: Curve, n_points: int) -> Grid:
        return _closed(curve, n_points, _trapezoid)


@dataclass(frozen=True)
class ClenshawCurtis:
    """Nodes at the extremes of Chebyshev polynomials in every segment; a grid of half the parts is nested in it.

    Exponential convergence on smooth scores. For straight segments only.
    """

    name: str = "clenshaw-curtis"
    slopes: bool = False
    nested: bool = True

    def grid(self, curve: Curve, n_points: int) -> Grid:
        return _closed(curve, n_points, _clenshaw_curtis)


@dataclass(frozen=True)
class GaussLegendre:
    """Gauss-Legendre nodes within every segment; exponential convergence on smooth scores.

    On decoded legs the steps lie along the tangent, the decoder's Jacobian-vector product. `mapped` nodes lie more
    evenly, from WORTH_MAPPING in a segment on: steep turns inside are met with a quarter fewer, and gentle scores with
    more error, tiny as it is there. Quadratic scores are integrated exactly, other polynomials no more. Source: Hale
    and Trefethen, SIAM J. Numer. Anal. 46:930 (2008).
    """

    name: str = "gauss-legendre"
    slopes: bool = False
    nested: bool = False
    mapped: bool = False

    def grid(self, curve: Curve, n_points: int) -> Grid:
        counts = share(curve.lengths(), n_points)
        nodes = Nodes.of(counts, closed=False)
        t, *weights = _looked_up(_hale_trefethen if self.mapped else _gauss, nodes, nodes.offset, curve)
        return Grid(nodes.segment, t, _by_segment([w * nodes.real for w in weights], nodes, curve))


@dataclass(frozen=True)
class Secant:
    """Slopes of the network between neighboring points, each times the step between the two.

    Complete to rounding however few the points; exact where no two layers bend in one step. The order is about
    SECANT_ORDER on piecewise-linear networks and 2 on smooth ones. Where they are `crowded` nodes lie near the ends
    of every segment: a network that normalizes what is constant at a baseline turns within a hair's breadth of it.
    """

    name: str = "secant"
    slopes: bool = True
    nested: bool = False
    crowded: bool = False

    def grid(self, curve: Curve, n_points: int) -> Grid:
        return self._steps(curve, self._counts(curve, n_points))

    def coarse(self, curve: Curve, n_points: int) -> tuple[Grid, Float[Tensor, " pairs"]]:
        """The grid that is compared with, and the factor from the change to what half of the parts would change.

        It joins up to eight parts of a segment, but leaves four of them, or every second where there are fewer.
        """
        counts = self._counts(curve, n_points)
        fewer = torch.maximum((counts + 7) // 8, (counts.clamp(max=8) + 1) // 2)
        ratio = counts.sum(1) / fewer.sum(1)
        return self._steps(curve, fewer), (2**SECANT_ORDER - 1) / (ratio**SECANT_ORDER - 1)

    def _counts(self, curve: Curve, n_points: int) -> Tensor:
        return share(curve.lengths(), n_points - 1)

    def _steps(self, curve: Curve, counts: Tensor) -> Grid:
        nodes = Nodes.of(counts, closed=True)
        like = curve.legs[0].vertices
        t = self._placed(nodes.offset.double() / nodes.within).to(like)
        begins = torch.arange(nodes.shape[1], device=like.device) < nodes.parts
        if self.crowded:  # what the steps are after rounding
            end = self._placed((nodes.offset + 1).clamp(max=nodes.within).double() / nodes.within).to(like)
            steps = begins * (end - t)
        else:
            steps = (begins / nodes.within.double()).to(like)
        return Grid(nodes.segment, t, _by_segment([steps], nodes, curve), overlap=1)

    def _placed(self, t: Tensor) -> Tensor:
        if not self.crowded:
            return t
        return torch.where(t < 0.5, (2 * t) ** CROWDING / 2, 1 - (2 - 2 * t) ** CROWDING / 2)


@dataclass(frozen=True)
class Gradient:
    """No integral: one node at the sample with the whole step, gradient * (x - x'). No error is estimated (NaN)."""

    name: str = "gradient"
    slopes: bool = False
    nested: bool = False

    def grid(self, curve: Curve, n_points: int) -> Grid:
        lengths = curve.lengths()
        n_pairs, n_segments = lengths.shape
        last = torch.full((n_pairs, 1), n_segments - 1, device=lengths.device)
        weights = lengths.new_ones(2, n_pairs, n_segments, 1)
        weights[1] = torch.nan
        return Grid(last, lengths.new_ones(n_pairs, 1), weights)


CROWDED = Secant("crowded-secant", crowded=True)
RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        *(Trapezoid(), GaussLegendre(), GaussLegendre("hale-trefethen", mapped=True)),
        *(ClenshawCurtis(), Secant(), CROWDED, Gradient()),
    )
}


def _closed(curve: Curve, n_points: int, table: Table3) -> Grid:
    """The grid of a rule whose nodes include both ends of every segment; a corner counts in the two that meet there."""
    nodes = Nodes.of(share(curve.lengths(), n_points - 1), closed=True)
    t, *weights = _looked_up(table, nodes, nodes.offset, curve)
    before = nodes.segment.roll(1, 1)
    closes = (nodes.offset == 0) & (torch.arange(nodes.shape[1], device=t.device) > 0)
    ends = _looked_up(table, nodes, nodes.within, curve)[1:]
    total = _by_segment([w * nodes.real for w in weights], nodes, curve)
    for grid, end in zip(total, ends, strict=True):
        grid += spread(end.roll(1, 1) * closes, before, curve.n_segments)
    return Grid(nodes.segment, t, total)


def _by_segment(weights: list[Tensor], nodes: Nodes, curve: Curve) -> Tensor:
    return torch.stack([spread(weight, nodes.segment, curve.n_segments) for weight in weights])


def _looked_up(table: Table3, nodes: Nodes, offset: Tensor, curve: Curve) -> list[Tensor]:
    """Places in [0, 1], weights and half-grid weights of nodes, from the table of every number of parts."""
    counts, row = torch.unique(nodes.within, return_inverse=True)
    size = int(counts.max()) + 1
    tables = np.zeros((3, len(counts), size))
    for i, n in enumerate(counts.tolist()):
        for whole, values in zip(tables, table(n), strict=True):
            whole[i, : len(values)] = values
    like = curve.legs[0].vertices
    # looked up in double precision, then rounded once
    return [torch.as_tensor(whole, device=like.device)[row, offset].to(like) for whole in tables]


@lru_cache(maxsize=512)
def _trapezoid(n: int) -> tuple[Table, Table, Table]:
    t = np.arange(n + 1) / max(n, 1)
    return t, _panels(t, np.arange(n + 1)), _panels(t, _halved(n))


def _panels(t: Table, kept: NDArray[np.int64]) -> Table:
    weights = np.zeros(len(t))
    steps = np.diff(t[kept]) / 2
    weights[kept[:-1]] += steps
    weights[kept[1:]] += steps
    return weights


def _halved(n: int) -> NDArray[np.int64]:
    """Every second of the nodes 0 to n, and the last."""
    return np.unique(np.append(np.arange(0, n + 1, 2), n))


@lru_cache(maxsize=512)
def _clenshaw_curtis(n: int) -> tuple[Table, Table, Table]:
    t = (1 - np.cos(np.pi * np.arange(n + 1) / max(n, 1))) / 2
    return t, _interpolating(t, np.arange(n + 1)), _interpolating(t, _halved(n))


@lru_cache(maxsize=512)
def _gauss(n: int) -> tuple[Table, Table, Table]:
    x, w = np.polynomial.legendre.leggauss(n) if n else (np.zeros(0), np.zeros(0))
    t = (x + 1) / 2
    return t, w / 2, _interpolating(t, np.arange(0, n, 2))


@lru_cache(maxsize=512)
def _hale_trefethen(n: int) -> tuple[Table, Table, Table]:
    """Gauss-Legendre nodes, and weights on whole and half grid, carried by arcsine's series to degree 9 (d = 9)."""
    t, *weights = _gauss(n)
    if n < WORTH_MAPPING:
        return t, weights[0], weights[1]
    slope = np.polynomial.Polynomial([1, 0, 1 / 2, 0, 3 / 8, 0, 5 / 16, 0, 35 / 128])
    series = slope.integ()
    x, ends = 2 * t - 1, series(1.0)
    whole, half = (w * slope(x) / ends for w in weights)
    return (series(x) / ends + 1) / 2, whole, half


def _interpolating(t: Table, kept: NDArray[np.int64]) -> Table:
    """Weights that integrate over [0, 1] the polynomial through the values at the nodes kept."""
    weights = np.zeros(len(t))
    if len(kept):
        moments = np.zeros(len(kept))
        moments[0] = 1.0
        weights[kept] = np.linalg.solve(np.polynomial.legendre.legvander(2 * t[kept] - 1, len(kept) - 1).T, moments)
    return weights
