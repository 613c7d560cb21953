"""Points under a metric: exact distances of pairs, and fast lower bounds for whole blocks of pairs.

Distances are compared by their keys, which grow with them: |a - b|^2 in the euclidean metric, the same of vectors
scaled to length one in the cosine metric (a zero vector stays zero), |a - b|_1 in the manhattan metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int
from numpy.typing import NDArray

METRICS = ("euclidean", "manhattan", "cosine")
ROUNDING = 2.0**-24  # of one float32 operation, relative
LEAST = 1e-30  # above what float32 loses by underflow
FARTHEST = 1e15  # in units of the points' own extent; beyond it products could overflow, and the bound is given up
VALUES_AT_ONCE = 2**18  # few enough to stay in the cache


@dataclass(frozen=True)
class Rows:
    """Vectors (rows, features), centered and scaled, in float32, and what each adds to the bounds of its pairs."""

    values: Float32[np.ndarray, "rows features"]
    bounds: Float32[np.ndarray, " rows"]

    def __getitem__(self, index: Any) -> Rows:
        return Rows(self.values[index], self.bounds[index])

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Space:
    """Points (points, features) to measure distances to."""

    points: NDArray[Any]
    metric: str

    @cached_property
    def center(self) -> Float64[np.ndarray, " features"]:
        """The mean of the points: around it, numbers are small and float32 loses least."""
        total = sum((self._whole(part).sum(0) for part in self._parts(self.points)), np.zeros(self.points.shape[1]))
        return np.asarray(total / len(self.points), np.float64)

    @cached_property
    def scale(self) -> float:
        """The power of two that brings the points within one of the center."""
        norms = (np.linalg.norm(self._whole(part) - self.center, axis=1).max() for part in self._parts(self.points))
        farthest = float(max(norms))
        return float(2.0 ** np.ceil(np.log2(farthest))) if farthest > 0 else 1.0

    @cached_property
    def rows(self) -> Rows:
        """The points, ready for `lower_bounds`."""
        return self.prepared(self.points)

    def prepared(self, vectors: NDArray[Any]) -> Rows:
        """Vectors (rows, features) ready for `lower_bounds`."""
        values = np.empty(vectors.shape, np.float32)
        bounds = np.empty(len(vectors), np.float32)
        first = 0
        for part in self._parts(vectors):
            here = slice(first, first + len(part))
            values[here], bounds[here] = self._centered(part)
            first += len(part)
        return Rows(values, bounds)

    def lower_bounds(self, a: Rows, b: Rows) -> Float32[np.ndarray, "a b"]:
        """For each pair a number that its key cannot be below, whatever float32 made of the products."""
        if self.metric == "manhattan":
            bounds: NDArray[Any] = torch.cdist(torch.from_numpy(a.values), torch.from_numpy(b.values), p=1).numpy()
            bounds *= 1 - self._slack
        else:
            # The longer side stands first: a product with few columns is up to twice as fast as one with few rows.
            bounds = (-2 * a.values) @ b.values.T if len(a) >= len(b) else (b.values @ (-2 * a.values).T).T
        bounds += a.bounds[:, None]
        bounds += b.bounds
        return bounds

    def keys(
        self, vectors: NDArray[Any], rows: Int[np.ndarray, " pairs"], points: Int[np.ndarray, " pairs"]
    ) -> Float64[np.ndarray, " pairs"]:
        """Keys of pairs of a vector and a point, from their difference in float64."""
        keys = np.empty(len(rows))
        size = max(1, VALUES_AT_ONCE // self.points.shape[1])
        for first in range(0, len(rows), size):
            here = slice(first, first + size)
            keys[here] = self._paired(vectors[rows[here]], self.points[points[here]])
        return keys

    def distances(self, keys: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """The distances that have these keys."""
        if self.metric == "manhattan":
            return keys * self.scale
        return np.sqrt(keys) * self.scale if self.metric == "euclidean" else keys * (self.scale**2 / 2)

    def between(self, a: NDArray[Any], b: NDArray[Any]) -> Float64[np.ndarray, " pairs"]:
        """Distance of each row of a to its row of b."""
        return self.distances(self._paired(a, b))

    def _paired(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        difference = self._whole(a) - self._whole(b)
        difference /= self.scale
        if self.metric == "manhattan":
            return np.asarray(np.abs(difference).sum(1))
        return np.asarray(np.einsum("ij,ij->i", difference, difference))

    @property
    def _slack(self) -> float:
        """Relative error of a sum of products over all features, its terms rounded to float32 before (Higham)."""
        terms = float(self.points.shape[1] + 16) * ROUNDING
        return terms / (1 - terms)

    def _centered(self, vectors: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        exact = (self._whole(vectors) - self.center) / self.scale
        far = ~(np.linalg.norm(exact, axis=1) < FARTHEST)
        exact[far] = 0
        values = exact.astype(np.float32)
        if self.metric == "manhattan":
            bounds = -4 * ROUNDING * np.abs(exact).sum(1)
        else:
            bounds = (1 - self._slack) * np.einsum("ij,ij->i", exact, exact)
        bounds = np.where(far, -np.inf, bounds - LEAST)
        return values, bounds.astype(np.float32)

    def _whole(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Vectors in float64; in the cosine metric, scaled to length one."""
        vectors = vectors.astype(np.float64, copy=False)
        if self.metric != "cosine":
            return vectors
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0))

    @staticmethod
    def _parts(vectors: NDArray[Any]) -> list[NDArray[Any]]:
        size = max(1, VALUES_AT_ONCE // vectors.shape[1])
        return [vectors[first : first + size] for first in range(0, len(vectors), size)]
