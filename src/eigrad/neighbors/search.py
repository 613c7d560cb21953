"""The k nearest points, exactly: a pair is passed over only when a lower bound of its key says that it must be."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from numpy.typing import NDArray

from eigrad.neighbors.space import Space
from eigrad.progress import track
from eigrad.threads import kept_threads

SEARCHES = ("exact", "pynndescent")
BLOCK = 2048  # rows and columns of the blocks that distances are bounded in
FIRST_LOOK = 512  # columns among which a first limit is found; less than k of them would leave it infinite
SEED = 0  # of approximate search
ASKED = 30  # neighbors that approximate search looks for at least: it walks along them, and with few it loses its way


def require_search(search: str) -> None:
    """Refuse a search that is unknown, or whose package is not installed."""
    if search not in SEARCHES:
        raise ValueError(f"neighbor graph: got search {search!r}, expected one of {', '.join(SEARCHES)}")
    if search != "exact" and importlib.util.find_spec(search) is None:
        raise ValueError(
            f"neighbor graph: search {search!r} needs a package that is not installed: "
            f"pip install {search} (or eigrad[neighbors])"
        )


def limit(key: Any) -> NDArray[np.float32]:
    """What a lower bound must stay under for a key to be less than this one, in float32; nothing is less than zero."""
    with np.errstate(over="ignore"):
        rounded_up = np.nextafter(np.asarray(key).astype(np.float32), np.float32(np.inf))
    return np.asarray(np.where(np.asarray(key) > 0, rounded_up, -np.inf), np.float32)


class Nearest:
    """The k points of least key found so far for every query; of equal keys, the points that come first."""

    def __init__(self, n_queries: int, k: int) -> None:
        self.keys: Float64[np.ndarray, "queries k"] = np.full((n_queries, k), np.inf)
        self.points: Int[np.ndarray, "queries k"] = np.full((n_queries, k), -1)

    def limits(self, rows: slice) -> Float32[np.ndarray, " rows"]:
        """What a lower bound must stay under for its pair to be of interest."""
        return limit(self.keys[rows, -1])

    def offer(self, queries: NDArray[Any], points: NDArray[Any], keys: NDArray[Any]) -> None:
        """Take in those pairs that are among the nearest; every pair is offered at most once."""
        order = np.lexsort((points, keys, queries))
        queries, points, keys = queries[order], points[order], keys[order]
        row, first, inverse = np.unique(queries, return_index=True, return_inverse=True)
        k = self.keys.shape[1]
        rank = np.arange(len(queries)) - first[inverse]
        kept = rank < k
        more_keys, more_points = np.full((len(row), k), np.inf), np.full((len(row), k), -1)
        more_keys[inverse[kept], rank[kept]] = keys[kept]
        more_points[inverse[kept], rank[kept]] = points[kept]
        all_keys = np.concatenate([self.keys[row], more_keys], 1)
        all_points = np.concatenate([self.points[row], more_points], 1)
        best = np.lexsort((all_points, all_keys), axis=1)[:, :k]
        self.keys[row] = np.take_along_axis(all_keys, best, 1)
        self.points[row] = np.take_along_axis(all_points, best, 1)


def nearest_to(space: Space, queries: NDArray[Any], k: int) -> Nearest:
    """The k nearest points of every query (queries, features)."""
    found, prepared = Nearest(len(queries), k), space.prepared(queries)
    for rows in blocks_of(len(queries)):
        for columns in blocks_of(len(space.points), BLOCK**2 // (rows.stop - rows.start)):
            bounds = space.lower_bounds(prepared[rows], space.rows[columns])
            _look(space, queries, found, rows, columns, bounds)
    return found


def nearest_others(space: Space, k: int, group: Int[np.ndarray, " points"] | None = None) -> Nearest:
    """The k nearest points of every point: all but itself, or all but those of its own group.

    A block of pairs is bounded once for both of its sides: half of the products serve.
    """
    n = len(space.points)
    found = Nearest(n, k)
    blocks = list(blocks_of(n))
    pairs = [(i, i) for i in range(len(blocks))] + [(i, j) for i in range(len(blocks)) for j in range(i)]
    for i, j in track(pairs, "finding neighbors"):
        rows, columns = blocks[i], blocks[j]
        bounds = space.lower_bounds(space.rows[rows], space.rows[columns])
        if group is not None:
            bounds[group[rows, None] == group[columns]] = np.inf
        elif i == j:
            np.fill_diagonal(bounds, np.inf)
        _look(space, space.points, found, rows, columns, bounds)
        if i != j:
            _look(space, space.points, found, columns, rows, bounds.T)
    return found


def _look(
    space: Space, queries: NDArray[Any], found: Nearest, rows: slice, columns: slice, bounds: Float32[np.ndarray, "r c"]
) -> None:
    """Offer the pairs of one block that may be among the nearest; infinite bounds forbid a pair."""
    limits, k = found.limits(rows), found.keys.shape[1]
    unset = np.isinf(found.keys[rows, -1])
    if unset.any():  # without a limit yet: the most promising first, so that few of the others remain
        index = np.flatnonzero(unset)
        candidates = np.zeros(bounds.shape, bool)
        some = bounds[index, :FIRST_LOOK]
        chosen = np.argpartition(some, min(k, some.shape[1]) - 1, axis=1)[:, :k]
        candidates[index[:, None], chosen] = bounds[index[:, None], chosen] < np.inf
        _evaluate(space, queries, found, rows, columns, candidates)
        limits = found.limits(rows)
        _evaluate(space, queries, found, rows, columns, (bounds < limits[:, None]) & ~candidates)
        return
    _evaluate(space, queries, found, rows, columns, bounds < limits[:, None])


def _evaluate(
    space: Space, queries: NDArray[Any], found: Nearest, rows: slice, columns: slice, pairs: Bool[np.ndarray, "r c"]
) -> None:
    i, j = positions(pairs)
    if len(i) == 0:
        return
    i, j = i + rows.start, j + columns.start
    found.offer(i, j, space.keys(queries, i, j))


def positions(pairs: Bool[np.ndarray, "r c"]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns of what is true: `np.nonzero`, many times faster for the few there are."""
    if pairs.flags.c_contiguous:
        rows, columns = np.divmod(np.flatnonzero(pairs), pairs.shape[1])
    else:
        columns, rows = np.divmod(np.flatnonzero(pairs.T), pairs.shape[0])
    return rows, columns


def approximately_nearest_others(space: Space, k: int) -> Nearest:
    """What PyNNDescent takes for the k nearest of every point, with exact keys; a few are missed."""
    module: Any = importlib.import_module("pynndescent")
    n = len(space.points)
    with kept_threads():
        index = module.NNDescent(
            space.points, metric=space.metric, n_neighbors=min(n, max(k + 1, ASKED)), random_state=SEED
        )
        others: NDArray[Any] = np.asarray(index.neighbor_graph[0])
    queries = np.repeat(np.arange(n), others.shape[1])
    points = others.ravel().astype(np.int64)
    there = (points >= 0) & (points != queries)
    found = Nearest(n, k)
    found.offer(queries[there], points[there], space.keys(space.points, queries[there], points[there]))
    return found


def blocks_of(n: int, size: int | None = None) -> Iterator[slice]:
    """Consecutive slices that cover n rows."""
    size = size or BLOCK
    for first in range(0, n, size):
        yield slice(first, min(n, first + size))
