"""A chunk of samples with their baselines: laid out in pairs, integrated, and averaged over the baselines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.attribute.refine import Change, Refined, to_tolerance
from eigrad.attribute.result import Attributions
from eigrad.integrate import Field, Integral, integrate
from eigrad.model import Score, in_batches
from eigrad.paths import Curve, Path
from eigrad.plan import Plan
from eigrad.slopes.watch import Diverged
from eigrad.survey import Survey, survey

VALUES_AT_ONCE = 2**23  # numbers of corners, and of sums at them, that are held together
logger = logging.getLogger(__name__)

INCOMPLETE = 1e-3  # a gap of the secant beyond rounding, as a part of the summed attributions, betrays an unknown bend


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

    def parts(self, found: Survey, plan: Plan) -> Iterator[Chunk]:
        """The chunk cut so that what is held of a path at once, which may be wider than a sample, is bounded."""
        width = self.samples[0].numel()
        if plan.fuse and found.fusion is not None:
            width = max(width, found.fusion.forward(self.samples[:1]).numel())
        with torch.no_grad():
            n_scores = self.score(self.samples[:1].clone(), self.rows[:1]).shape[1]
        held = width * self.curve.n_segments * self.n_baselines * n_scores
        size = max(1, VALUES_AT_ONCE // held)
        for begin in range(0, len(self.samples), size):
            yield self if size >= len(self.samples) else self.part(begin, begin + size)

    def explained(
        self, found: Survey, plan: Plan, *, n_points: int | None, tol: float, most: int
    ) -> tuple[Attributions, Plan]:
        """The attributions by a plan, and the plan that held: another where the secant proved incomplete."""
        field = Field.of(
            self.score,
            found,
            secant=plan.rule.slopes,
            fuse=plan.fuse,
            sample=self.samples[:1],
            precision=plan.precision,
        )
        inner = self._inner(field)
        try:
            change, at_ends = self._change(field, inner, plan.batch_size)
            refined, plan = self._refined(field, inner, plan, change, at_ends, n_points, tol, most)
        except Diverged as error:
            plan = plan.without_following(str(error))
            logger.warning("%s", plan.reason)
            return self.explained(found, plan, n_points=n_points, tol=tol, most=most)
        result = self._attributions(refined, change, at_ends, plan)
        if plan.rule.slopes and (incomplete := _incomplete(result, refined, change, at_ends)):
            gap = f"the secant left a gap on {incomplete} of {len(self.rows)} paths"
            if plan.asked:
                logger.warning("%s, and was asked for", gap)
                return result, plan
            plan = plan.without_secant(f"{gap}, so something bends that it does not know")
            logger.warning("%s", plan.reason)
            return self.explained(found, plan, n_points=n_points, tol=tol, most=most)
        return result, plan

    def _refined(
        self, field: Field, inner: Curve | None, plan: Plan, change: Tensor, at_ends: Tensor, n_points: int | None,
        tol: float, most: int,
    ) -> tuple[Refined, Plan]:  # fmt: skip
        size = plan.batch_size
        refining = n_points is None and len(change) == 1

        def run(pairs: Tensor, n: int, before: Tensor | None) -> Integral:
            nonlocal size
            every = len(pairs) == len(self.rows)
            curve = self.curve if every else self.curve.take(pairs)
            blended = inner if inner is None or every else inner.take(pairs)
            integral, size = backing_off(
                lambda size: integrate(field, curve, self.rows[pairs], plan.rule, n, size, blended, before, refining),
                size,
            )
            return integral

        first = n_points or min(plan.first_points(tol, self.curve.n_segments), most)
        held = Change(change, rounding(change, at_ends).mean(2))
        refined = to_tolerance(run, held, plan, first, None if n_points else tol, most)
        return refined, replace(plan, batch_size=size)

    def _inner(self, field: Field) -> Curve | None:
        """The curve in the first layer's outputs; what samples share is computed once."""
        if field.fusion is None:
            return None
        forward = field.fusion.forward
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

    def _change(self, field: Field, inner: Curve | None, batch_size: int) -> tuple[Tensor, Tensor]:
        """F(x) - F(x') (scores, samples, baselines), and F(x) (scores, samples)."""
        corners = None if inner is None else inner.legs[0].vertices  # where there are any, they spare the first layer
        starts, ends = (
            (self.starts, self.samples) if corners is None else (corners[:, 0], corners[:: self.n_baselines, -1])
        )
        if self.shares_baselines and self.score.same_for_all:
            starts, rows = starts[: self.n_baselines], self.rows[: self.n_baselines]
        else:
            rows = self.rows
        at_ends = in_batches(field.scores, ends, self.rows[:: self.n_baselines], size=batch_size).T
        at_starts = in_batches(field.scores, starts, rows, size=batch_size).T.unflatten(1, (-1, self.n_baselines))
        _refuse_infinite(at_ends, at_starts)
        return at_ends[:, :, None] - at_starts, at_ends

    def _attributions(self, refined: Refined, change: Tensor, at_ends: Tensor, plan: Plan) -> Attributions:
        integral = refined.integral
        # Between a half (order 1.6) and a third (order 2) of what half of the points would change is the error: the
        # smallest part of it is sure to help.
        found = integral.values + integral.difference / 4 if plan.rule.slopes else integral.values
        values = found.unflatten(1, (-1, self.n_baselines))
        signs = (self.samples[:, None] - self.baselines).sign()
        return Attributions(
            values=values.mean(2),
            direction=(values * signs).mean(2),
            score=at_ends,
            change=change,
            gap=values.flatten(3).sum(3) - change,
            error=integral.error.unflatten(1, (-1, self.n_baselines)),
            relative_error=refined.relative_error,
            n_points=refined.n_points,
            rule=plan.rule.name,
            reason=plan.reason,
            n_evaluations=integral.n_evaluations,
            path=repr(self.path),
            baseline="",
            precision=plan.precision,
        )


def _refuse_infinite(at_ends: Tensor, at_starts: Tensor) -> None:
    for scores, what in ((at_ends, "samples"), (at_starts, "baselines")):
        wrong = int((~torch.isfinite(scores)).any(0).sum())
        if wrong:
            raise ValueError(f"model: its score is NaN or infinite at {wrong} {what}, expected finite scores there")


def rounding(change: Tensor, at_ends: Tensor) -> Tensor:
    """What of a completeness gap (scores, samples, baselines) rounding may explain."""
    return 1e3 * torch.finfo(change.dtype).eps * (at_ends[:, :, None].abs() * 2 + change.abs())


def _incomplete(result: Attributions, refined: Refined, change: Tensor, at_ends: Tensor) -> int:
    """How many pairs have a gap that rounding does not explain, or none that is a number."""
    size = refined.integral.values.abs().flatten(2).sum(2).unflatten(1, change.shape[1:])
    within = result.gap.abs() <= INCOMPLETE * size + rounding(change, at_ends)
    return int((~within).sum())


def backing_off(function: Callable[[int], Integral], batch_size: int) -> tuple[Integral, int]:
    """The function of a batch size that fits in memory: halved as often as it does not."""
    while True:
        try:
            return function(batch_size), batch_size
        except RuntimeError as error:
            if batch_size == 1 or not _out_of_memory(error):
                raise
        batch_size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning("out of memory: going on with batches of %d points", batch_size)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
