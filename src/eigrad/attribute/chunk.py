"""A chunk of samples with their baselines, laid out in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.curves import Curve
from eigrad.fusion import Fusion
from eigrad.model import Score
from eigrad.paths import Path
from eigrad.survey import Survey, survey

VALUES_AT_ONCE = 2**23  # numbers of corners, and of sums at them, that are held together


@dataclass(frozen=True)
class Chunk:
    """Samples (samples, *shape) and their baselines (samples, baselines, *shape), where and as the model computes."""

    score: Score
    samples: Float[Tensor, samples * shape]
    baselines: Float[Tensor, "samples baselines *shape"]
    path: Path
    begin: int = 0  # the score's number of the first sample

    @property
    def n_baselines(self) -> int:
        return self.baselines.shape[1]

    @cached_property
    def starts(self) -> Float[Tensor, pairs * shape]:
        return self.baselines.flatten(0, 1)

    @cached_property
    def ends(self) -> Float[Tensor, pairs * shape]:
        return self.samples.repeat_interleave(self.n_baselines, 0)

    @cached_property
    def rows(self) -> Int[Tensor, " pairs"]:
        """The sample of every pair."""
        samples = torch.arange(self.begin, self.begin + len(self.samples), device=self.samples.device)
        return samples.repeat_interleave(self.n_baselines)

    @cached_property
    def curve(self) -> Curve:
        with torch.no_grad():
            return self.path.between(self.starts, self.ends)

    @property
    def shares_baselines(self) -> bool:
        """Whether all samples have the same baselines, in the same memory."""
        return len(self.samples) == 1 or self.baselines.stride(0) == 0

    @cached_property
    def paths_of_length(self) -> Int[Tensor, " pairs"]:
        """The pairs whose sample is not its baseline."""
        return torch.nonzero((self.starts != self.ends).flatten(1).any(1)).squeeze(1)

    def surveyed(self) -> Survey:
        """What the network is made of, found along the first path that has a length, if any has."""
        pair = int(self.paths_of_length[0]) if len(self.paths_of_length) else 0
        return survey(self.score, self.starts[pair], self.ends[pair], self.rows[pair : pair + 1])

    def part(self, begin: int, end: int) -> Chunk:
        """Some of the samples."""
        rows = slice(begin, end)
        return Chunk(self.score, self.samples[rows], self.baselines[rows], self.path, self.begin + begin)

    def parts(self, fusion: Fusion | None) -> Iterator[Chunk]:
        """The chunk cut so that what is held of a path at once, which with fusion may be wide, is bounded."""
        width = self.samples[0].numel()
        if fusion is not None:
            width = max(width, fusion.forward(self.samples[:1]).numel())
        with torch.no_grad():
            n_scores = self.score(self.samples[:1].clone(), self.rows[:1]).shape[1]
        held = width * self.curve.n_segments * self.n_baselines * n_scores
        size = max(1, VALUES_AT_ONCE // held)
        for begin in range(0, len(self.samples), size):
            yield self if size >= len(self.samples) else self.part(begin, begin + size)

    def inner(self, fusion: Fusion) -> Curve:
        """The curve in the first layer's outputs; what samples share is computed once."""
        forward = fusion.forward
        last = forward(self.samples).repeat_interleave(self.n_baselines, 0)
        first = (
            forward(self.baselines[0]).repeat(len(self.samples), *(1 for _ in last.shape[1:]))
            if self.shares_baselines
            else forward(self.starts)
        )
        between = self.curve.legs[0].vertices[:, 1:-1]
        middle = (
            forward(between.flatten(0, 1)).unflatten(0, between.shape[:2])
            if between.shape[1]
            else first[:, None][:, :0]
        )
        return Curve.through(torch.cat([first[:, None], middle, last[:, None]], 1))
