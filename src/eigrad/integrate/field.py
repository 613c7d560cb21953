"""The field that is integrated: gradients of a score at points, or slopes between neighboring points."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.fusion import Fusion
from eigrad.model import Score
from eigrad.precision import FULL, computing
from eigrad.slopes.watch import Replacing, Secant, Step
from eigrad.survey import Survey


@dataclass(frozen=True)
class Field:
    """Gradients of every score with respect to points; with `fusion`, to points in the first layer's outputs.

    With `secant` a row's gradient is the slope of the network between it and the next row: the scores' change is then
    exactly its product with the step between the two. The last row of all has none (zeros).
    """

    score: Score
    steps: tuple[Step, ...] = ()
    secant: bool = False
    fusion: Fusion | None = None
    in_place: bool = False
    blind: Tensor | None = None  # with fusion, what stands in the place of the input
    precision: str = FULL  # of the network's forward and backward passes

    @classmethod
    def of(
        cls, score: Score, survey: Survey, *, secant: bool, fuse: bool, sample: Tensor, precision: str = FULL
    ) -> Field:
        """The field of a surveyed score; `sample` (1, *shape) is any one sample."""
        fusion = survey.fusion if fuse else None
        return cls(score, survey.steps, secant, fusion, survey.found.in_place, sample if fusion else None, precision)

    def __call__(
        self, points: Float[Tensor, points * space], rows: Int[Tensor, " points"]
    ) -> Float[Tensor, "scores points *space"]:
        """Gradient (or slope) of every score, from one forward pass."""
        with torch.enable_grad():
            points = points.detach().requires_grad_()
            inputs = points.clone() if self.in_place else points
            with computing(self.precision, points.device), self._watching(inputs, secant=self.secant):
                scores = self._scored(inputs, rows)
            last = scores.shape[1] - 1
            gradients = [
                torch.autograd.grad(scores[:, i].sum(), points, retain_graph=i < last)[0] for i in range(last + 1)
            ]
            return torch.stack(gradients) if last else gradients[0][None]  # not copied where there is one

    @torch.no_grad()
    def scores(
        self, points: Float[Tensor, points * space], rows: Int[Tensor, " points"]
    ) -> Float[Tensor, "points scores"]:
        """The scores themselves."""
        inputs = points.clone()  # which a model may change in place
        with self._watching(inputs, secant=False):
            return self._scored(inputs, rows)

    def _scored(self, inputs: Tensor, rows: Tensor) -> Tensor:
        return self.score(inputs if self.blind is None else self.blind.expand(len(rows), *self.blind.shape[1:]), rows)

    def _watching(self, inputs: Tensor, *, secant: bool) -> AbstractContextManager[object]:
        given = None if self.fusion is None else (self.fusion.position, inputs)
        if secant:
            return Secant(self.steps, given)
        return nullcontext() if given is None else Replacing(self.steps, given)
