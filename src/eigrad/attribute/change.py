"""By how much the scores change along the paths: what every integral is held against."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from eigrad.attribute.chunk import Chunk
from eigrad.curves import Curve
from eigrad.integrate import Field
from eigrad.model import in_batches


@dataclass(frozen=True)
class Change:
    """F(x) - F(x') along every path, and F(x).

    For a rule of gradients, a completeness gap is a lower bound on the summed error. Slopes have none by their nature.
    """

    along: Float[Tensor, "scores samples baselines"]
    at_ends: Float[Tensor, "scores samples"]

    @classmethod
    def of(cls, chunk: Chunk, field: Field, inner: Curve | None, batch_size: int) -> Change:
        """The change along the paths of a chunk; ValueError where a score is not finite.

        Where the first layer's outputs are known at the ends (`inner`), they spare the layer.
        """
        n_baselines, rows = chunk.n_baselines, chunk.rows
        if inner is None:
            starts, ends = chunk.starts, chunk.samples
        else:
            corners = inner.legs[0].vertices
            starts, ends = corners[:, 0], corners[::n_baselines, -1]
        once = n_baselines if chunk.shares_baselines and chunk.score.same_for_all else len(rows)
        at_ends = in_batches(field.scores, ends, rows[::n_baselines], size=batch_size).T
        at_starts = in_batches(field.scores, starts[:once], rows[:once], size=batch_size).T
        _refuse_infinite(at_ends, "samples")
        _refuse_infinite(at_starts, "baselines")
        return cls(at_ends[:, :, None] - at_starts.unflatten(1, (-1, n_baselines)), at_ends)

    @property
    def rounding(self) -> Float[Tensor, "scores samples baselines"]:
        """What of a completeness gap rounding may explain."""
        return 1e3 * torch.finfo(self.along.dtype).eps * (self.at_ends[:, :, None].abs() * 2 + self.along.abs())

    def shortfall(self, values: Float[Tensor, "scores samples *shape"], samples: Tensor) -> Tensor:
        """The gap beyond rounding of attributions averaged over the baselines."""
        gap = values.flatten(2).sum(2) - self.along[:, samples].mean(2)
        return (gap.abs() - self.rounding[:, samples].mean(2)).clamp(min=0)


def _refuse_infinite(scores: Tensor, where: str) -> None:
    wrong = int((~torch.isfinite(scores)).any(0).sum())
    if wrong:
        raise ValueError(f"model: its score is NaN or infinite at {wrong} {where}, expected finite scores there")
