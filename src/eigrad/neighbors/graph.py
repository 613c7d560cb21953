"""The graph of neighbors: built, kept in a file, and walked through."""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import connected_components, dijkstra

from eigrad.data import one_line, write_atomic
from eigrad.neighbors.pieces import links_between
from eigrad.neighbors.search import SEARCHES, approximately_nearest_others, nearest_others, nearest_to, require_search
from eigrad.neighbors.space import METRICS, Space

STARTS_AT_ONCE = 32  # shortest-path trees held together in memory
FORMAT = "eigrad neighbor graph 1"
_ZERO = np.finfo(np.float64).tiny  # weight of an edge between duplicates: zeros are lost when matrices are joined
_ARRAYS = ("data", "indices", "indptr")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NeighborGraph:
    """Points (points, features), and the symmetric matrix of distances between neighbors.

    `search` is exact, or pynndescent for data too large for that: it misses a few neighbors of some points.
    """

    points: NDArray[Any]
    weights: csr_array
    k: int
    metric: str
    search: str = "exact"

    @classmethod
    def of(cls, points: NDArray[Any], k: int, metric: str = "euclidean", search: str = "exact") -> NeighborGraph:
        """The graph in which every point meets its k nearest; separate pieces are joined by their shortest links."""
        require_search(search)
        space = Space(points, metric)
        found = nearest_others(space, k) if search == "exact" else approximately_nearest_others(space, k)
        rows, there = np.repeat(np.arange(len(points)), k), found.points.ravel() >= 0
        weights = _symmetric(space, rows[there], found.points.ravel()[there], found.keys.ravel()[there])
        graph = cls(points, _in_one_piece(space, weights), k, metric, search)
        graph.__dict__["_space"] = space  # what the search has prepared serves the routes too
        return graph

    @classmethod
    def load(cls, path: str | os.PathLike[str], points: NDArray[Any]) -> NeighborGraph:
        """The graph that `save` wrote, of these very points."""
        stored, fingerprint = _read(Path(path), points)
        if fingerprint != stored.fingerprint:
            raise ValueError(f"{path}: got a graph of other points, expected one of the {len(points)} points given")
        return stored

    @classmethod
    def cached(
        cls,
        path: str | os.PathLike[str],
        points: NDArray[Any],
        k: int,
        metric: str = "euclidean",
        search: str = "exact",
    ) -> NeighborGraph:
        """The graph in the file where it is that of these points and settings; else built, and saved there."""
        if Path(path).exists():
            stored, fingerprint = _read(Path(path), points)
            if fingerprint == _fingerprint(points, k, metric, search):
                return stored
            logger.info("%s: a graph of other points or settings, which takes its place now", path)
        graph = cls.of(points, k, metric, search)
        graph.save(path)
        return graph

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph, without its points, to a file that `load` reads; its folder is made where missing."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: getattr(self.weights, name) for name in _ARRAYS}
        arrays |= {"format": FORMAT, "fingerprint": self.fingerprint}
        arrays |= {"k": self.k, "metric": self.metric, "search": self.search}
        with write_atomic(path) as beside, beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @property
    def fingerprint(self) -> str:
        """Hash of the points and the settings."""
        return _fingerprint(self.points, self.k, self.metric, self.search)

    def routes(self, starts: NDArray[Any], ends: NDArray[Any]) -> list[list[int]]:
        """For each pair, the indices of the points its shortest path visits.

        Both ends are joined to their k nearest points. The list is empty (a straight line) where the ends are
        nearer to each other than to any point. One tree of shortest paths serves all pairs with the same start.
        """
        distinct, number = _distinct(np.concatenate([starts, ends]))
        found = nearest_to(self._space, distinct, self.k)
        away, near = self._space.distances(found.keys), found.points
        start_of, end_of = number[: len(starts)], number[len(starts) :]
        direct = self._space.between(starts, ends) < np.minimum(away[start_of, 0], away[end_of, 0])
        sources, source_of = np.unique(start_of, return_inverse=True)
        routes: list[list[int]] = [[] for _ in ends]
        for first in range(0, len(sources), STARTS_AT_ONCE):
            block = sources[first : first + STARTS_AT_ONCE]
            length, before = self._trees(away[block], near[block])
            for i in np.flatnonzero((source_of // STARTS_AT_ONCE == first // STARTS_AT_ONCE) & ~direct):
                tree, end = source_of[i] - first, end_of[i]
                last = near[end][np.argmin(length[tree, near[end]] + away[end])]
                routes[i] = _walk_back(before[tree], int(last), len(self.points))
        return routes

    def _trees(
        self, distances: Float64[np.ndarray, "sources k"], neighbors: Int[np.ndarray, "sources k"]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Shortest-path trees from sources that stand outside the graph, each joined to its neighbors."""
        n, n_sources = len(self.points), len(distances)
        rows = np.repeat(np.arange(n_sources), self.k)
        links = coo_array((np.maximum(distances, _ZERO).ravel(), (rows, neighbors.ravel())), shape=(n_sources, n))
        graph = vstack([self.weights, links.tocsr()], format="csr")
        graph.resize((n + n_sources, n + n_sources))
        length, before = dijkstra(graph, indices=np.arange(n, n + n_sources), return_predecessors=True)
        return length, before

    @cached_property
    def _space(self) -> Space:
        return Space(self.points, self.metric)


def _symmetric(space: Space, rows: NDArray[Any], columns: NDArray[Any], keys: NDArray[Any]) -> csr_array:
    n = len(space.points)
    distances = np.maximum(space.distances(keys), _ZERO)
    one_way = coo_array((distances, (rows, columns)), shape=(n, n)).tocsr()
    return csr_array(one_way.maximum(one_way.T))


def _in_one_piece(space: Space, weights: csr_array) -> csr_array:
    while True:
        n_pieces, piece = connected_components(weights, directed=False)
        if n_pieces == 1:
            return weights
        weights = csr_array(weights.maximum(_symmetric(space, *links_between(space, piece))))


def _distinct(vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The rows without repetition, and the number among them of every row."""
    numbers: dict[bytes, int] = {}
    of_row = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in vectors])
    first = np.unique(of_row, return_index=True)[1]
    return vectors[first], of_row


def _walk_back(before: NDArray[Any], last: int, n_points: int) -> list[int]:
    route = []
    while last < n_points:  # the source itself is numbered after the points
        route.append(last)
        last = int(before[last])
    return route[::-1]


def _fingerprint(points: NDArray[Any], k: int, metric: str, search: str) -> str:
    digest = hashlib.sha256(repr((FORMAT, points.shape, points.dtype.str, k, metric, search)).encode())
    digest.update(np.ascontiguousarray(points).view(np.uint8).data)
    return digest.hexdigest()


def _read(path: Path, points: NDArray[Any]) -> tuple[NeighborGraph, str]:
    """The graph in a file as one of these points, and the fingerprint of the points and settings it was built from."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            warnings.simplefilter("error")  # our own files give none
            if stored["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            n = len(stored["indptr"]) - 1
            weights = csr_array(tuple(stored[name] for name in _ARRAYS), shape=(n, n))
            weights.check_format(full_check=True)
            _require_distances(weights)
            k, metric, search, fingerprint = (stored[name].item() for name in ("k", "metric", "search", "fingerprint"))
            if type(k) is not int or metric not in METRICS or search not in SEARCHES:
                raise ValueError("its settings are none of a graph")
        graph = NeighborGraph(points, weights, k, metric, search)
        if fingerprint == graph.fingerprint and n != len(points):
            raise ValueError(f"it has {n} rows for {len(points)} points")
    except Exception as error:  # what readers of damaged archives raise is many things
        raise ValueError(
            f"{path}: cannot be read ({one_line(error)}), expected a neighbor graph that eigrad saved"
        ) from error
    return graph, str(fingerprint)


def _require_distances(weights: csr_array) -> None:
    """Refuse what no graph was built with."""
    if weights.dtype != np.float64 or not (np.isfinite(weights.data) & (weights.data > 0)).all():
        raise ValueError("its weights are no distances")
