"""The inputs and baselines of Captum's interface as the one tensor of samples that an explainer takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from eigrad.curves import Curve, Leg
from eigrad.paths import Path

Number: TypeAlias = int | float
Given: TypeAlias = Tensor | Number | tuple[Tensor | Number, ...] | None


@dataclass(frozen=True)
class Inputs:
    """Tensors (samples, *shape) that are explained together; several are flattened and joined, sample by sample."""

    tensors: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        wrong = next((each for each in self.tensors if not isinstance(each, Tensor) or not each.ndim), None)
        if wrong is not None or not self.tensors:
            got = "none" if wrong is None else f"{wrong!r}"
            raise ValueError(f"inputs: got {got}, expected tensors of one row a sample")
        shapes = [tuple(each.shape) for each in self.tensors]
        if len({shape[0] for shape in shapes}) > 1 or len({each.device for each in self.tensors}) > 1:
            raise ValueError(f"inputs: got shapes {_listed(shapes)}, expected as many rows in each, on one device")

    def __len__(self) -> int:
        return len(self.tensors[0])

    @property
    def joins(self) -> bool:
        """Whether a sample is a flat row: of several inputs, or of one that has a number a sample."""
        return len(self.tensors) > 1 or self.tensors[0].ndim == 1

    def as_one(self) -> Tensor:
        """All of them as (samples, *shape), of the one input, or (samples, features)."""
        return self._one([each.detach() for each in self.tensors])

    def split(self, points: Tensor) -> tuple[Tensor, ...]:
        """The inputs of points that are laid out as by `as_one`."""
        if not self.joins:
            return (points,)
        sizes = [each[0].numel() for each in self.tensors]
        parts = zip(points.split(sizes, 1), self.tensors, strict=True)
        return tuple(part.reshape(len(points), *each.shape[1:]) for part, each in parts)

    def baselines(self, given: Given) -> Tensor:
        """Baselines as by `as_one`, with one row for all samples where they share it.

        ValueError where they are not, for every input, a number or a tensor of its shape or of one row of it.
        """
        each = given if isinstance(given, tuple) else (given,) * (len(self.tensors) if given is None else 1)
        if len(each) != len(self.tensors):
            raise ValueError(f"baselines: got {len(each)} for {len(self.tensors)} inputs, expected one for each")
        starts = [_start(start, end) for start, end in zip(each, self.tensors, strict=True)]
        n_rows = max(len(start) for start in starts)
        rows = self._one([start.expand(n_rows, *start.shape[1:]) for start in starts])
        return rows[:1] if bool((rows == rows[:1]).all()) else rows

    def like_given(self, values: Tensor) -> tuple[Tensor, ...]:
        """Values laid out as by `as_one`, as tensors like those given, but of floats where those are whole numbers."""
        parts = zip(self.split(values), self.tensors, strict=True)
        return tuple(part.to(each.dtype if each.is_floating_point() else part.dtype) for part, each in parts)

    def _one(self, tensors: Sequence[Tensor]) -> Tensor:
        floats = [each if each.is_floating_point() else each.to(torch.get_default_dtype()) for each in tensors]
        return torch.cat([each.reshape(len(each), -1) for each in floats], 1) if self.joins else floats[0]


def _start(start: Tensor | Number | None, end: Tensor) -> Tensor:
    if start is None or (isinstance(start, int | float) and not isinstance(start, bool)):
        return end.new_full((1, *end.shape[1:]), start or 0, dtype=_floating(end))
    if isinstance(start, Tensor) and start.shape in (end.shape, (1, *end.shape[1:])):
        return start.detach().to(end.device, _floating(end))
    got = f"shape {tuple(start.shape)}" if isinstance(start, Tensor) else repr(start)
    raise ValueError(f"baselines: got {got}, expected a number, or shape {tuple(end.shape)} or one row of it")


def _floating(tensor: Tensor) -> torch.dtype:
    return tensor.dtype if tensor.is_floating_point() else torch.get_default_dtype()


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))


@dataclass(frozen=True)
class Same:
    """One baseline (1, *shape) for all samples."""

    point: Tensor = field(repr=False)

    def __call__(self, samples: Tensor) -> Tensor:
        return self.point.to(samples).expand(len(samples), 1, *self.point.shape[1:])


@dataclass(frozen=True)
class Carried:
    """The baseline that each sample carries: samples are (samples, 2, *shape), what is explained and its baseline."""

    def __call__(self, samples: Tensor) -> Tensor:
        return samples[:, 1:].expand_as(samples)[:, None]


@dataclass(frozen=True)
class Carrying:
    """A path for samples that carry their baselines: of the first of the two, whatever the second."""

    path: Path

    def between(self, starts: Tensor, ends: Tensor) -> Curve:
        return Curve(tuple(_beside_zeros(leg) for leg in self.path.between(starts[:, 0], ends[:, 0]).legs))


def _beside_zeros(leg: Leg) -> Leg:
    decode = leg.decode
    if decode is None:
        return Leg(torch.stack([leg.vertices, torch.zeros_like(leg.vertices)], 2))

    def decoded(codes: Tensor) -> Tensor:
        points = decode(codes)
        return torch.stack([points, torch.zeros_like(points)], 1)

    return Leg(leg.vertices, decoded)
