"""The shortest links that join the pieces of a graph: the tree that spans them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from eigrad.neighbors.search import blocks_of, limit, nearest_others, positions
from eigrad.neighbors.space import Space
from eigrad.progress import track

MAX_PIECES = 2048  # between more than these, a table of all their distances takes too much memory

Links = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # points, points, keys


def links_between(space: Space, piece: Int[np.ndarray, " points"]) -> Links:
    """Links that together join all the pieces; where there are too many pieces, links that leave half as many or fewer.

    Either way each link is a shortest one between two parts of the points: together, those of a shortest tree.
    """
    if piece.max() < MAX_PIECES:
        return _Pieces(space, piece).tree()
    nearest = nearest_others(space, 1, piece)
    order = np.lexsort((nearest.keys[:, 0], piece))
    first = order[np.unique(piece[order], return_index=True)[1]]  # the point of each piece that is nearest to another
    return first, nearest.points[first, 0], nearest.keys[first, 0]


@dataclass
class _Pieces:
    """Pieces of the points, and the links between them that were needed so far."""

    space: Space
    piece: NDArray[Any]
    links: dict[tuple[int, int], tuple[int, int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.order = np.argsort(self.piece, kind="stable")
        self.sizes = np.bincount(self.piece)
        self.ends = np.cumsum(self.sizes)

    def tree(self) -> Links:
        """Prim's algorithm on lower bounds: the least is made exact before it is believed."""
        table = self.lower_bounds()
        n = len(table)
        inside = np.arange(n) == 0
        nearest, reach = np.zeros(n, np.int64), table[0].copy()
        chosen = []
        while not inside.all():
            new = int(np.where(inside, np.inf, reach).argmin())
            pair = (int(nearest[new]), new)
            if pair in self.links:
                chosen.append(self.links[pair])
                inside[new] = True
                closer = table[new] < reach
                nearest[closer], reach[closer] = new, table[new, closer]
            else:
                self.links[pair] = self.link(*pair)
                table[pair] = table[pair[::-1]] = self.links[pair][2]
                nearest[new] = np.where(inside, table[:, new], np.inf).argmin()
                reach[new] = table[nearest[new], new]
        rows, columns, keys = (np.array(column) for column in zip(*chosen, strict=True))
        return rows, columns, keys

    def lower_bounds(self) -> Float64[np.ndarray, "pieces pieces"]:
        """A lower bound of the key of every two pieces' shortest link, infinite for a piece with itself.

        The largest piece is not compared with itself.
        """
        n, last = len(self.sizes), int(self.sizes.argmax())
        table = np.full((n, n), np.inf)
        order = np.concatenate([self.members(p) for p in range(n) if p != last] + [self.members(last)])
        piece = self.piece[order]
        n_small = len(order) - int(self.sizes[last])
        for rows in track(list(blocks_of(n_small)), "joining pieces"):
            a, of_rows = self.space.rows[order[rows]], _runs(piece[rows])
            for columns in blocks_of(len(order)):
                if columns.stop <= rows.start:
                    continue  # seen from the other side
                of_columns = _runs(piece[columns])
                bounds = self.space.lower_bounds(a, self.space.rows[order[columns]])
                least = np.minimum.reduceat(np.minimum.reduceat(bounds, of_columns, axis=1), of_rows, axis=0)
                here = np.ix_(piece[rows][of_rows], piece[columns][of_columns])
                table[here] = np.minimum(table[here], least)
        table = np.minimum(table, table.T)
        np.fill_diagonal(table, np.inf)
        return np.asarray(table)

    def link(self, a: int, b: int) -> tuple[int, int, float]:
        """The shortest link between two pieces: a point of each, and its key."""
        points, others = self.members(a), self.members(b)
        best = (int(points[0]), int(others[0]), np.inf)
        for rows in blocks_of(len(points)):
            for columns in blocks_of(len(others)):
                i, j = points[rows], others[columns]
                bounds = self.space.lower_bounds(self.space.rows[i], self.space.rows[j])
                row, column = positions(bounds == bounds.min())  # likely the shortest: then few others remain
                best = self._better(best, i[row], j[column])
                row, column = positions(bounds < limit(best[2]))
                best = self._better(best, i[row], j[column])
        return best

    def members(self, piece: int) -> NDArray[Any]:
        """The points of a piece."""
        return np.asarray(self.order[self.ends[piece] - self.sizes[piece] : self.ends[piece]])

    def _better(self, best: tuple[int, int, float], i: NDArray[Any], j: NDArray[Any]) -> tuple[int, int, float]:
        if len(i) == 0:
            return best
        keys = self.space.keys(self.space.points, i, j)
        least = int(keys.argmin())
        return (int(i[least]), int(j[least]), float(keys[least])) if keys[least] < best[2] else best


def _runs(labels: NDArray[Any]) -> NDArray[Any]:
    """Where each run of equal labels starts."""
    return np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
