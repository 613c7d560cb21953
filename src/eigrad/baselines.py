"""Baselines x': the reference points a sample is compared with.

A baseline has one verb: called with samples (samples, *shape) it gives each its baselines
(samples, baselines, *shape). Class-specific ones take `points` (points, *shape), the examples of the baseline
class, and an optional autoencoder as `space`, in whose latent space the choice is then made.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from sklearn.cluster import KMeans as _KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from eigrad.latent import AutoencoderLike, decoded, encoded, require_autoencoder
from eigrad.model import Values, as_samples, on_host

SILHOUETTE_SAMPLE = 2000  # points the silhouette is measured on: it takes all their pairwise distances


@runtime_checkable
class Baseline(Protocol):
    """A choice of reference points."""

    def __call__(self, samples: Float[Tensor, samples * shape]) -> Float[Tensor, "samples baselines *shape"]: ...


@dataclass(frozen=True)
class Zero:
    """The all-zero point."""

    def __call__(self, samples: Tensor) -> Tensor:
        return torch.zeros_like(samples)[:, None]


@dataclass(frozen=True)
class EncodedZero:
    """D(0), the decoded origin of latent space."""

    autoencoder: AutoencoderLike = field(repr=False)

    def __post_init__(self) -> None:
        require_autoencoder("baseline EncodedZero", self.autoencoder)

    def __call__(self, samples: Tensor) -> Tensor:
        origin = torch.zeros_like(encoded(self.autoencoder, samples[:1]))
        return _shared(decoded(self.autoencoder, origin), samples)


@dataclass(frozen=True)
class Median:
    """The n points of the class closest (Euclidean) to its feature-wise median."""

    points: Values = field(repr=False)
    n: int = 3
    space: AutoencoderLike | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self, self.n)

    @cached_property
    def chosen(self) -> Float[Tensor, baselines * shape]:
        rows = _rows(self.points, self.space).astype(np.float64)  # squares leave the range of single precision
        distance = np.linalg.norm(rows - np.median(rows, axis=0), axis=1)
        return torch.as_tensor(self.points)[np.argsort(distance, kind="stable")[: self.n]]

    def __call__(self, samples: Tensor) -> Tensor:
        return _shared(self.chosen, samples)


@dataclass(frozen=True)
class KMeans:
    """The n centroids of the class; "auto" takes the n from 2 to `most` whose silhouette is largest.

    Centroids found in latent space are decoded. ValueError where the points make fewer clusters than asked for.
    """

    points: Values = field(repr=False)
    n: int | Literal["auto"] = 3
    space: AutoencoderLike | None = field(default=None, repr=False)
    seed: int = 0
    most: int = 10

    def __post_init__(self) -> None:
        if isinstance(self.n, str) and self.n != "auto":
            raise ValueError(f"baseline KMeans: got n={self.n!r}, expected a whole number or 'auto'")
        _check(self, 3 if self.n == "auto" else self.n)

    @cached_property
    def chosen(self) -> Float[Tensor, baselines * shape]:
        points = torch.as_tensor(self.points)
        rows = _rows(points, self.space)
        n = self._best_n(rows) if self.n == "auto" else self.n
        centers = torch.as_tensor(self._fit(rows, n).cluster_centers_)
        if self.space is None:
            return (centers.to(points) if points.is_floating_point() else centers).view(n, *points.shape[1:])
        codes = encoded(self.space, points[:1])
        return decoded(self.space, centers.to(codes).view(n, *codes.shape[1:]))

    def __call__(self, samples: Tensor) -> Tensor:
        return _shared(self.chosen, samples)

    def _fit(self, rows: NDArray[Any], n: int) -> _KMeans:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer clusters, which are refused
            found = _KMeans(n, n_init=10, random_state=self.seed).fit(rows)
        n_found = len(np.unique(found.labels_))
        if n_found < n:
            raise ValueError(f"baseline KMeans: got n={n} for points of {n_found} clusters, expected n of at most that")
        return found

    def _best_n(self, rows: NDArray[Any]) -> int:
        n_different = len(np.unique(rows, axis=0))
        if n_different < 2:
            raise ValueError("baseline KMeans: got n='auto' for points that are all the same, expected different ones")
        sample = min(SILHOUETTE_SAMPLE, len(rows))

        def silhouette(n: int) -> float:
            labels = self._fit(rows, n).labels_
            return float(silhouette_score(rows, labels, sample_size=sample, random_state=self.seed))

        return max(range(2, min(self.most, n_different, len(rows) - 1) + 1), key=silhouette)


@dataclass(frozen=True)
class Close:
    """For each sample the n points of the class nearest to it (Euclidean), after dropping the very nearest."""

    points: Values = field(repr=False)
    n: int = 3
    space: AutoencoderLike | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self, self.n, at_least=self.n + 1)

    @cached_property
    def _finder(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=self.n + 1).fit(_rows(self.points, self.space))

    def __call__(self, samples: Tensor) -> Tensor:
        points = torch.as_tensor(self.points)
        _require_same_shape(points, samples)
        nearest = self._finder.kneighbors(_rows(samples, self.space), return_distance=False)[:, 1:]
        return points[torch.as_tensor(nearest)].to(samples)


@dataclass(frozen=True)
class Random:
    """n distinct points of the class, drawn once by `seed` and shared by all samples."""

    points: Values = field(repr=False)
    n: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, self.n)

    @cached_property
    def chosen(self) -> Float[Tensor, baselines * shape]:
        drawn = np.random.default_rng(self.seed).choice(len(self.points), self.n, replace=False)
        return torch.as_tensor(self.points)[torch.as_tensor(drawn)]

    def __call__(self, samples: Tensor) -> Tensor:
        return _shared(self.chosen, samples)


def _check(baseline: Median | KMeans | Close | Random, n: Any, at_least: int | None = None) -> None:
    name = type(baseline).__name__
    if (space := getattr(baseline, "space", None)) is not None:
        require_autoencoder(f"baseline {name}: space", space)
    points = as_samples(baseline.points, f"baseline {name}: points")
    object.__setattr__(baseline, "points", points)
    needed = n if at_least is None else at_least
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1 or len(points) < needed:
        raise ValueError(
            f"baseline {name}: got n={baseline.n} with {len(points)} points of the baseline class, "
            f"expected a whole number of at least 1 and at least {max(needed, 1)} points"
        )


def _rows(points: Values, space: AutoencoderLike | None) -> NDArray[Any]:
    """Points (or their latent codes) as a flat table on the host, where scikit-learn searches it."""
    tensor = torch.as_tensor(points)
    located = tensor if space is None else encoded(space, tensor)
    return on_host(located.flatten(1))


def _shared(chosen: Tensor, samples: Tensor) -> Tensor:
    _require_same_shape(chosen, samples)
    return chosen.to(samples).expand(len(samples), *chosen.shape)


def _require_same_shape(points: Tensor, samples: Tensor) -> None:
    if points.shape[1:] != samples.shape[1:]:
        raise ValueError(
            f"baseline: got points of shape {tuple(points.shape[1:])}, expected the samples' {tuple(samples.shape[1:])}"
        )
