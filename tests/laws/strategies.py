"""What laws are tried on: numbers of any kind, scale and layout, networks of any weights, attributions of any shape.

`EIGRAD_LAWS=20` tries twenty times as many examples, others on every run (or those of `--hypothesis-seed`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor, nn

from eigrad import Attributions, baselines, paths

Test: TypeAlias = Callable[..., Any]
TIMES = int(os.environ.get("EIGRAD_LAWS", "1"))
KINDS = ("float64", "float32", "float16", "int64", "int16", "int8", "uint8", "bool")
LAYOUTS = ("plain", "columns first", "every second", "backwards", "read only", "big endian", "tensor", "table")
SEEDS = st.integers(0, 2**31)
# Ties, zeros of both signs and whole numbers are as common as any others.
FLOATS = st.one_of(st.integers(-3, 3).map(float), st.floats(-8, 8, width=32, allow_subnormal=False), st.just(-0.0))
POWERS = st.integers(-100, 100).map(lambda power: 2.0**power)  # scales that round nothing, within those of float32
NAMES = (
    st.text(max_size=9)
    | st.integers(-(10**20), 10**20)
    | st.sampled_from(["ΔPSI", "a b", "x'", "naïve", "基因", "$", ""])
)


def law(n: int) -> Callable[[Test], Test]:
    """How a law is tried, on n examples that are the same on every run."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    tried = settings(
        max_examples=n * TIMES, derandomize=TIMES == 1, database=None, deadline=None, suppress_health_check=slow
    )
    # beartype, which checks the types of what strategies make, draws by chance which items it looks at
    by_chance = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
    return lambda test: by_chance(tried(test))


def tables(rows: st.SearchStrategy[int], columns: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    """Arrays (rows, columns) of float64, with ties, zeros and columns that are constant."""
    return st.tuples(rows, columns).flatmap(_table)


@st.composite
def _table(draw: st.DrawFn, shape: tuple[int, int]) -> np.ndarray:
    table = draw(hnp.arrays(np.float64, shape, elements=FLOATS, fill=st.nothing()))
    for column in draw(st.lists(st.integers(0, shape[1] - 1), max_size=2)):
        table[:, column] = table[0, column]
    return table


def shapes(most: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of a sample, sizes of one included."""
    return hnp.array_shapes(min_dims=1, max_dims=2, max_side=most)


def drawn(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def of_kind(seed: int, kind: str, *shape: int) -> np.ndarray:
    """Normal numbers, in whole ones where the kind has no others."""
    values = drawn(seed, *shape).numpy() * 4
    return values.astype(kind) if kind.startswith("float") else values.astype("int8").astype(kind)


def laid_out(values: np.ndarray, layout: str) -> np.ndarray | Tensor | pd.DataFrame:
    """The same numbers in another container or another order of memory."""
    if layout == "tensor":
        return torch.from_numpy(values.copy())
    if layout == "table" and values.ndim == 2:
        return pd.DataFrame(values, columns=[f"f{i}" for i in range(values.shape[1])])
    if layout == "columns first":
        return np.asfortranarray(values)
    if layout == "every second":
        return np.repeat(values, 2, axis=0)[::2]
    if layout == "backwards":
        return values[::-1].copy()[::-1]
    if layout == "big endian":
        return values.astype(values.dtype.newbyteorder(">"))
    found = values.copy()
    found.flags.writeable = layout != "read only"
    return found


class Quadratic(nn.Module):
    """c + w x + (v x)^2, in double precision: what every rule integrates exactly along straight lines."""

    def __init__(self, seed: int, n_features: int) -> None:
        super().__init__()
        self.w, self.v = (nn.Parameter(row) for row in drawn(seed, 2, n_features))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return 3 + x @ self.w + (x @ self.v).square()


def network(seed: int, n_features: int, n_outputs: int = 1, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Two layers of random weights, in double precision."""
    layers = nn.Sequential(
        nn.Flatten(), nn.Linear(n_features, 7), activation(), nn.Linear(7, n_outputs)
    ).double()  # fmt: skip
    with torch.no_grad():
        for place, parameter in enumerate(layers.parameters()):
            parameter.copy_(drawn(seed + place, *parameter.shape) / 2)
    return layers


class Autoencoder(nn.Module):
    """Random weights to two numbers and back, smooth, in double precision: far from a perfect copy."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        n = int(np.prod(shape))
        self.there, self.back = (network(seed + at, *sizes, nn.Tanh) for at, sizes in ((0, (n, 2)), (9, (2, n))))
        self.shape = shape

    def encode(self, x: Tensor) -> Tensor:
        return self.there(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.back(z).view(-1, *self.shape)


PATHS = ("straight", "neighbors", "latent straight", "latent neighbors")
BASELINES = ("zero", "encoded zero", "median", "k-means", "close", "random")


def path(name: str, seed: int, points: Tensor) -> paths.Path:
    """A path among these points; k is no more than they allow."""
    shape, k = tuple(points.shape[1:]), min(3, len(points) - 1)
    return {
        "straight": lambda: paths.Straight(),
        "neighbors": lambda: paths.Neighbors(points, k),
        "latent straight": lambda: paths.LatentStraight(Autoencoder(seed, shape)),
        "latent neighbors": lambda: paths.LatentNeighbors(Autoencoder(seed, shape), points, k),
    }[name]()


def baseline(name: str, seed: int, points: Tensor, n: int) -> baselines.Baseline:
    """A choice of n baselines among these points."""
    return {
        "zero": lambda: baselines.Zero(),
        "encoded zero": lambda: baselines.EncodedZero(Autoencoder(seed, tuple(points.shape[1:]))),
        "median": lambda: baselines.Median(points, n),
        "k-means": lambda: baselines.KMeans(points, n),
        "close": lambda: baselines.Close(points, n),
        "random": lambda: baselines.Random(points, n, seed),
    }[name]()


@st.composite
def attributions(draw: st.DrawFn, *, finite: bool = True, outputs: bool = True) -> Attributions:
    """Of any shape and kind of float; with any bits at all where they need not be finite."""
    shape, n, n_baselines = draw(shapes()), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    leading = draw(st.sampled_from([(), (1,), (3,)])) if outputs else ()
    kind = np.dtype(draw(st.sampled_from(["float32", "float64", "float16"])))
    rng = np.random.default_rng(draw(SEEDS))

    def some(*axes: int) -> Tensor:
        values = rng.integers(0, 2 ** (8 * kind.itemsize - 1), (*leading, *axes)) * rng.choice(
            [1, -1], (*leading, *axes)
        )
        bits = values.astype(f"i{kind.itemsize}").view(kind)
        return torch.from_numpy(rng.standard_normal((*leading, *axes)).astype(kind) if finite else bits)

    names = st.lists(NAMES, min_size=(size := int(np.prod(shape))), max_size=size, unique_by=str).map(tuple)
    words = st.text(max_size=20)
    return Attributions(
        values=some(n, *shape), direction=some(n, *shape), score=some(n), change=some(n, n_baselines),
        gap=some(n, n_baselines), error=some(n, n_baselines), relative_error=some(n).abs(),
        n_points=torch.from_numpy(rng.integers(2, 1000, n)), crowded=torch.from_numpy(rng.random(n) < 0.5),
        rule=draw(words), reason=draw(words), n_evaluations=draw(st.integers(0, 2**60)), path=draw(words),
        baseline=draw(words), precision_error=draw(st.floats(0, 1)),
        feature_names=draw(st.none() | names) if len(shape) == 1 else None,
    )  # fmt: skip
