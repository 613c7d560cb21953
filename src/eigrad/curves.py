"""Curves along which gradients are integrated: legs one after another, straight or decoded from a latent space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigrad.model import in_batches

LATENT_PIECES = 16  # sub-pieces a latent leg is measured in, so that points can follow its length in feature space


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


def traced(curve: Curve, n: int) -> Float[Tensor, points * shape]:
    """About n points along the first pair of a curve, as many on every segment, such as to draw it."""
    curve = curve.refined(n)
    n_segments = curve.lengths().shape[1]
    per_segment = max(2, n // n_segments)
    like = curve.legs[0].vertices
    segment = torch.arange(n_segments, device=like.device).repeat_interleave(per_segment)[None]
    t = torch.linspace(0, 1, per_segment, dtype=like.dtype, device=like.device).repeat(n_segments)[None]
    with torch.no_grad():
        points: Tensor = curve.points(torch.zeros(1, dtype=torch.long, device=like.device), segment, t)[0]
    return points
