"""The k-nearest-neighbor graph of a data set, in one piece, and shortest paths through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import connected_components, dijkstra
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import paired_distances
from sklearn.neighbors import NearestNeighbors

METRICS = ("euclidean", "manhattan", "cosine")
STARTS_AT_ONCE = 32  # shortest-path trees held together in memory
_ZERO = np.finfo(np.float64).tiny  # weight of an edge between duplicates: zeros are lost when matrices are joined


@dataclass(frozen=True)
class NeighborGraph:
    """Points (points, features), and the symmetric matrix of distances between neighbors."""

    points: NDArray[Any]
    weights: csr_array
    k: int
    metric: str

    @classmethod
    def of(cls, points: NDArray[Any], k: int, metric: str = "euclidean") -> NeighborGraph:
        """The graph in which every point meets its k nearest; separate pieces are joined by their shortest links."""
        found = NearestNeighbors(n_neighbors=k, metric=metric).fit(points)
        distances, indices = found.kneighbors()
        rows = np.repeat(np.arange(len(points)), k)
        return cls(
            points,
            _in_one_piece(points, _symmetric(rows, indices.ravel(), distances.ravel(), len(points)), metric),
            k,
            metric,
        )

    def routes(self, starts: NDArray[Any], ends: NDArray[Any]) -> list[list[int]]:
        """For each pair, the indices of the points its shortest path visits.

        Both ends are joined to their k nearest points. The list is empty (a straight line) where the ends are
        nearer to each other than to any point.
        """
        finder = NearestNeighbors(n_neighbors=self.k, metric=self.metric).fit(self.points)
        sources, source_of = np.unique(starts, axis=0, return_inverse=True)
        source_of = source_of.reshape(-1)
        to_source, near_source = finder.kneighbors(sources)
        to_end, near_end = finder.kneighbors(ends)
        direct = self._paired(starts, ends) < np.minimum(to_source[source_of, 0], to_end[:, 0])
        routes: list[list[int]] = [[] for _ in ends]
        for first in range(0, len(sources), STARTS_AT_ONCE):
            block = slice(first, first + STARTS_AT_ONCE)
            length, before = self._trees(to_source[block], near_source[block])
            for i in np.flatnonzero((source_of // STARTS_AT_ONCE == first // STARTS_AT_ONCE) & ~direct):
                tree = source_of[i] - first
                last = near_end[i][np.argmin(length[tree, near_end[i]] + to_end[i])]
                routes[i] = _walk_back(before[tree], int(last), len(self.points))
        return routes

    def _trees(self, distances: NDArray[Any], neighbors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Shortest-path trees from sources that stand outside the graph, each joined to its neighbors."""
        n, n_sources = len(self.points), len(distances)
        rows = np.repeat(np.arange(n_sources), self.k)
        links = coo_array((distances.ravel(), (rows, neighbors.ravel())), shape=(n_sources, n))
        graph = vstack([self.weights, links.tocsr()], format="csr")
        graph.resize((n + n_sources, n + n_sources))
        length, before = dijkstra(graph, indices=np.arange(n, n + n_sources), return_predecessors=True)
        return length, before

    def _paired(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        distances: NDArray[Any] = paired_distances(a, b, metric=self.metric)
        return distances


def _symmetric(rows: NDArray[Any], columns: NDArray[Any], distances: NDArray[Any], n: int) -> csr_array:
    one_way = coo_array((np.maximum(distances, _ZERO), (rows, columns)), shape=(n, n)).tocsr()
    return csr_array(one_way.maximum(one_way.T))


def _in_one_piece(points: NDArray[Any], weights: csr_array, metric: str) -> csr_array:
    """Join the graph's pieces: every piece but the largest gains its shortest link outward, until one is left."""
    while True:
        n_pieces, piece = connected_components(weights, directed=False)
        if n_pieces == 1:
            return weights
        largest = np.bincount(piece).argmax()
        links = [_shortest_link(points, piece == p, metric) for p in range(n_pieces) if p != largest]
        rows, columns, distances = (np.array(column) for column in zip(*links, strict=True))
        weights = csr_array(weights.maximum(_symmetric(rows, columns, distances, len(points))))


def _shortest_link(points: NDArray[Any], inside: NDArray[np.bool_], metric: str) -> tuple[int, int, float]:
    members, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    best = (int(members[0]), int(others[0]), np.inf)
    row = 0
    for chunk in pairwise_distances_chunked(points[members], points[others], metric=metric):
        i, j = np.unravel_index(chunk.argmin(), chunk.shape)
        if chunk[i, j] < best[2]:
            best = (int(members[row + i]), int(others[j]), float(chunk[i, j]))
        row += len(chunk)
    return best


def _walk_back(before: NDArray[Any], last: int, n_points: int) -> list[int]:
    route = []
    while last < n_points:  # the source itself is numbered after the points
        route.append(last)
        last = int(before[last])
    return route[::-1]
