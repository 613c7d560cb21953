"""Paths from a baseline x' to a sample x: curves along which gradients are integrated.

A path has one verb, `between(starts, ends) -> Curve`. A curve is a sequence of legs; a leg is a polyline, drawn
in feature space or in a latent space whose points are decoded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from eigrad.curves import Curve, Leg
from eigrad.latent import AutoencoderLike, decoder, encoded, require_autoencoder
from eigrad.model import Values, as_samples, on_host
from eigrad.neighbors import METRICS, NeighborGraph, require_search


@runtime_checkable
class Path(Protocol):
    """A way from each baseline to its sample."""

    def between(self, starts: Float[Tensor, pairs * shape], ends: Float[Tensor, pairs * shape]) -> Curve: ...


@dataclass(frozen=True)
class Straight:
    """The straight line in feature space (O-L-IG)."""

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        return Curve.through(torch.stack([starts, ends], 1))


@dataclass(frozen=True)
class LatentStraight:
    """The straight line in latent space, decoded, and joined to the true ends by straight lines (H-L-IG)."""

    autoencoder: AutoencoderLike = field(repr=False)

    def __post_init__(self) -> None:
        require_autoencoder("path LatentStraight", self.autoencoder)

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
        require_autoencoder("path LatentNeighbors", self.autoencoder)
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
