"""Paths from a baseline x' to a sample x: curves along which gradients are integrated.

A path has one verb, `between(starts, ends) -> Curve`. A curve is a sequence of legs; a leg is a polyline, drawn
in feature space or in a latent space whose points are decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigrad.latent import AutoencoderLike, decoder, encoded
from eigrad.model import Values, as_samples, in_batches, on_host
from eigrad.neighbors import METRICS, NeighborGraph, require_search

LATENT_PIECES = 16  # sub-pieces a latent leg is measured in, so that points can follow its length in feature space


@runtime_checkable
class Path(Protocol):
    """A way from each baseline to its sample."""

    def between(self, starts: Float[Tensor, pairs * shape], ends: Float[Tensor, pairs * shape]) -> Curve: ...


@dataclass(frozen=True)
class Leg:
    """Straight segments through `vertices` (pairs, corners, *space); `decode` maps them to feature space."""

    vertices: Tensor
    decode: Callable[[Tensor], Tensor] | None = None

    @property
    def n_segments(self) -> int:
        return self.vertices.shape[1] - 1

    def refined(self, pieces: int) -> Leg:
        """The same leg with its segments cut into equal parts, for every pair at least `pieces` in all.

        A pair that needs fewer segments than others repeats its end; what is repeated is not counted.
        """
        n_pairs, device = len(self.vertices), self.vertices.device
        number = torch.arange(1, self.n_segments + 1, device=device)
        used = (above_rounding(_chords(self.vertices)) * number).amax(1, keepdim=True).clamp(min=1)
        parts = -(-pieces // used)
        node = torch.arange(int((used * parts).max()) + 1, device=device).minimum(used * parts)
        segment = (node // parts).minimum(used - 1)
        t = ((node - segment * parts).double() / parts).to(self.vertices)
        pair = torch.arange(n_pairs, device=device)[:, None]
        a, b = self.vertices[pair, segment], self.vertices[pair, segment + 1]
        return Leg(torch.lerp(a, b, t.view(*t.shape, *(1 for _ in a.shape[2:]))), self.decode)

    def lengths(self) -> Float[Tensor, "pairs segments"]:
        """Euclidean length of every segment's chord in feature space."""
        return _chords(self.corners())

    def corners(self, pairs: Any = slice(None)) -> Float[Tensor, "rows corners *shape"]:
        """The vertices of some of the pairs in feature space."""
        corners = self.vertices[pairs]
        if self.decode is None:
            return corners
        points: Tensor = in_batches(self.decode, corners.flatten(0, 1)).unflatten(0, corners.shape[:2])
        return points


def _chords(corners: Tensor) -> Float[Tensor, "pairs segments"]:
    chords: Tensor = (corners[:, 1:] - corners[:, :-1]).flatten(2)
    return chords.square().sum(2).sqrt()


def above_rounding(lengths: Float[Tensor, "pairs segments"]) -> Bool[Tensor, "pairs segments"]:
    """Which segments have a length to speak of: one point encoded twice may differ by rounding."""
    return lengths > 16 * torch.finfo(lengths.dtype).eps * lengths.sum(1, keepdim=True)


@dataclass(frozen=True)
class Curve:
    """Legs traversed one after another, the same number of segments for every pair (zero-length ones allowed)."""

    legs: tuple[Leg, ...]

    @classmethod
    def through(cls, vertices: Float[Tensor, "pairs corners *shape"]) -> Curve:
        """The polyline through points in feature space."""
        return cls((Leg(vertices),))

    @property
    def n_segments(self) -> int:
        return sum(leg.n_segments for leg in self.legs)

    @property
    def is_straight(self) -> bool:
        """Whether every segment is straight in feature space."""
        return all(leg.decode is None for leg in self.legs)

    def take(self, pairs: Int[Tensor, " rows"]) -> Curve:
        """The curves of some of the pairs."""
        return Curve(tuple(Leg(leg.vertices[pairs], leg.decode) for leg in self.legs))

    def deltas(self, pairs: Int[Tensor, " rows"]) -> Float[Tensor, "rows segments *shape"]:
        """Every segment of some of the pairs as a vector in feature space, from its start to its end."""
        return torch.cat([leg.corners(pairs).diff(dim=1) for leg in self.legs], 1)

    def refined(self, pieces: int) -> Curve:
        """The curve with its decoded legs cut into at least `pieces` segments; straight legs need none."""
        return Curve(tuple(leg if leg.decode is None else leg.refined(pieces) for leg in self.legs))

    def lengths(self) -> Float[Tensor, "pairs segments"]:
        """Length of every segment in feature space."""
        return torch.cat([leg.lengths() for leg in self.legs], 1)

    def points(
        self,
        pairs: Int[Tensor, " rows"],
        segment: Int[Tensor, "rows cols"],
        t: Float[Tensor, "rows cols"],
    ) -> Float[Tensor, "rows cols *shape"]:
        """Points at fraction t of the given segments."""
        return self._assemble(pairs, segment, t, lambda leg, a, b, t: (_decoded(leg, torch.lerp(a, b, t)),))[0]

    def points_and_tangents(
        self,
        pairs: Int[Tensor, " rows"],
        segment: Int[Tensor, "rows cols"],
        t: Float[Tensor, "rows cols"],
    ) -> tuple[Float[Tensor, "rows cols *shape"], Float[Tensor, "rows cols *shape"]]:
        """Points, and derivatives of the points with respect to t within their segments."""
        points, tangents = self._assemble(pairs, segment, t, _point_and_tangent)
        return points, tangents

    def _assemble(
        self, pairs: Tensor, segment: Tensor, t: Tensor, evaluate: Callable[..., tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        if len(self.legs) == 1 and self.legs[0].n_segments == 1 and self.legs[0].decode is None:
            a, b = self.legs[0].vertices[pairs].unbind(1)  # one straight line: broadcast, do not gather
            return evaluate(self.legs[0], a[:, None], b[:, None], t.view(*t.shape, *(1 for _ in a.shape[1:])))
        row = pairs[:, None].expand_as(segment).flatten()
        flat, position = segment.flatten(), t.flatten()
        results: tuple[Tensor, ...] = ()
        for first, leg in self._numbered_legs():
            here = torch.nonzero((flat >= first) & (flat < first + leg.n_segments)).squeeze(1)
            if len(here) == 0:
                continue
            i, s = row[here], flat[here] - first
            a, b = leg.vertices[i, s], leg.vertices[i, s + 1]
            parts = evaluate(leg, a, b, position[here].view(-1, *(1 for _ in a.shape[1:])))
            if not results:
                results = tuple(part.new_empty(len(flat), *part.shape[1:]) for part in parts)
            for result, part in zip(results, parts, strict=True):
                result[here] = part
        return tuple(result.unflatten(0, tuple(segment.shape)) for result in results)

    def _numbered_legs(self) -> Iterator[tuple[int, Leg]]:
        first = 0
        for leg in self.legs:
            yield first, leg
            first += leg.n_segments


def _decoded(leg: Leg, points: Tensor) -> Tensor:
    return points if leg.decode is None else leg.decode(points)


def _point_and_tangent(leg: Leg, a: Tensor, b: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    point, direction = torch.lerp(a, b, t), b - a
    if leg.decode is None:
        return point, direction.expand_as(point)
    decoded, tangent = torch.func.jvp(leg.decode, (point,), (direction.expand_as(point),))[:2]
    return decoded, tangent


@dataclass(frozen=True)
class Straight:
    """The straight line in feature space (O-L-IG)."""

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        return Curve.through(torch.stack([starts, ends], 1))


@dataclass(frozen=True)
class LatentStraight:
    """The straight line in latent space, decoded, and joined to the true ends by straight lines (H-L-IG)."""

    autoencoder: AutoencoderLike = field(repr=False)

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        codes = torch.stack([encoded(self.autoencoder, starts), encoded(self.autoencoder, ends)], 1)
        return _joined(starts, codes, ends, self.autoencoder)


@dataclass(frozen=True)
class Neighbors:
    """The shortest path through the k-nearest-neighbor graph of training data (O-N-IG).

    `points` is (points, *shape); `metric` is euclidean, manhattan or cosine; `search` is exact, or pynndescent for data
    too large for that. `cache` is a file that keeps the graph: it is read where it fits, else written.
    """

    points: Values = field(repr=False)
    k: int = 5
    metric: str = "euclidean"
    search: str = "exact"
    cache: str | os.PathLike[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_graph(self)

    @cached_property
    def graph(self) -> NeighborGraph:
        return _graph(self, self.points)

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        _require_shape_of(self.points, ends)
        return Curve.through(_routes(self.graph, starts, ends))


@dataclass(frozen=True)
class LatentNeighbors:
    """The shortest path through the neighbor graph of encoded training data, decoded and joined (H-N-IG).

    The fields are those of `Neighbors`.
    """

    autoencoder: AutoencoderLike = field(repr=False)
    points: Values = field(repr=False)
    k: int = 5
    metric: str = "euclidean"
    search: str = "exact"
    cache: str | os.PathLike[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_graph(self)

    @cached_property
    def graph(self) -> NeighborGraph:
        return _graph(self, encoded(self.autoencoder, torch.as_tensor(self.points)))

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        _require_shape_of(self.points, ends)
        first, last = encoded(self.autoencoder, starts), encoded(self.autoencoder, ends)
        return _joined(starts, _routes(self.graph, first, last), ends, self.autoencoder)


def _joined(starts: Tensor, codes: Tensor, ends: Tensor, autoencoder: AutoencoderLike) -> Curve:
    decode = decoder(autoencoder, starts)
    with torch.no_grad():
        first, last = decode(codes[:, 0]), decode(codes[:, -1])
    if first.shape != starts.shape:
        raise ValueError(
            f"autoencoder: decoded shape {tuple(first.shape[1:])}, expected the samples' {tuple(starts.shape[1:])}"
        )
    return Curve(
        (
            Leg(torch.stack([starts, first], 1)),
            Leg(codes, decode),
            Leg(torch.stack([last, ends], 1)),
        )
    )


def _check_graph(path: Neighbors | LatentNeighbors) -> None:
    points = as_samples(path.points, "points of the neighbor graph")
    object.__setattr__(path, "points", points)
    if not 1 <= path.k < len(points):
        raise ValueError(f"neighbor graph: got k={path.k} for {len(points)} points, expected 1 <= k < points")
    if path.metric not in METRICS:
        raise ValueError(f"neighbor graph: got metric {path.metric!r}, expected one of {', '.join(METRICS)}")
    require_search(path.search)


def _graph(path: Neighbors | LatentNeighbors, points: Values) -> NeighborGraph:
    settings = (_rows(points), path.k, path.metric, path.search)
    return NeighborGraph.of(*settings) if path.cache is None else NeighborGraph.cached(path.cache, *settings)


def _require_shape_of(points: Values, samples: Tensor) -> None:
    shape = torch.as_tensor(points).shape[1:]
    if shape != samples.shape[1:]:
        raise ValueError(
            f"neighbor graph: got points of shape {tuple(shape)}, expected the samples' {tuple(samples.shape[1:])}"
        )


def _rows(values: Values) -> Any:
    return on_host(torch.as_tensor(values).flatten(1))


def _routes(graph: NeighborGraph, starts: Tensor, ends: Tensor) -> Tensor:
    """Vertices (pairs, corners, *shape) of the shortest paths, shorter ones padded by repeating their end."""
    routes = graph.routes(_rows(starts), _rows(ends))
    corners = 2 + max(len(route) for route in routes)
    vertices = ends[:, None].repeat(1, corners, *(1 for _ in ends.shape[1:]))
    vertices[:, 0] = starts
    for i, route in enumerate(routes):
        if route:
            vertices[i, 1 : 1 + len(route)] = torch.as_tensor(graph.points[route]).to(ends).view(-1, *ends.shape[1:])
    return vertices
