"""The course of an explanation: surveyed and planned once, followed chunk by chunk, left where it proves wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from eigrad.attribute.change import Change
from eigrad.attribute.chunk import Chunk
from eigrad.attribute.refine import Goal, Refined, to_goal
from eigrad.attribute.result import Attributions, joined
from eigrad.integrate import CROWDED, RULES, Field, Integral, Rule, integrate
from eigrad.plan import Plan
from eigrad.precision import FULL
from eigrad.slopes.watch import Diverged
from eigrad.survey import Survey

logger = logging.getLogger(__name__)

INCOMPLETE = 1e-3  # a gap of the secant beyond rounding, as a part of the summed attributions, betrays an unknown bend


@dataclass(frozen=True)
class Settled:
    """What one chunk settles for all: the plan that held for it, and what its precision costs there."""

    plan: Plan
    precision_error: float

    def as_json(self) -> dict[str, Any]:
        facts = {each.name: getattr(self.plan, each.name) for each in fields(self.plan)}
        return {**facts, "rule": self.plan.rule.name, "precision_error": self.precision_error}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Settled:
        """What `as_json` gave; ValueError where it is something else."""
        known: dict[str, Any] = {each.name: facts.get(each.name) for each in fields(Plan)}
        if None in known.values() or known["rule"] not in RULES or "precision_error" not in facts:
            raise ValueError(f"settled: got {dict(facts)!r}, expected what a chunk settled")
        return cls(Plan(**{**known, "rule": RULES[known["rule"]]}), float(facts["precision_error"]))


@dataclass
class Course:
    """What was found in a network, and settled for it: each chunk is explained from there, whichever came before it."""

    planned: Callable[[Chunk, Survey], Plan]
    goal: Goal
    settled: Settled | None = None
    found: Survey = field(init=False)
    _ready: bool = field(init=False, default=False)

    def begin(self, chunk: Chunk) -> Attributions | None:
        """Survey along a chunk, and settle the plan by explaining it, where it is not settled yet."""
        self.found, self._ready = chunk.surveyed(), True
        if self.settled is not None:
            return None
        result, plan = self._followed(chunk, self.planned(chunk, self.found))
        self.settled = Settled(plan, self._cost_of_precision(chunk, result, plan))
        return replace(result, precision_error=self.settled.precision_error)

    @property
    def ready(self) -> bool:
        return self._ready

    def explained(self, chunk: Chunk) -> Attributions:
        """The attributions of a chunk, once begun."""
        assert self.settled is not None
        result, _ = self._followed(chunk, self.settled.plan)
        return replace(result, precision_error=self.settled.precision_error)

    def _followed(self, chunk: Chunk, plan: Plan) -> tuple[Attributions, Plan]:
        parts = []
        for part in chunk.parts(self.found.fusion if plan.fuse else None):
            result, plan = explained(part, self.found, plan, self.goal)
            parts.append(result)
        return joined(parts), plan

    def _cost_of_precision(self, chunk: Chunk, result: Attributions, plan: Plan) -> float:
        """How far the first sample's attributions are from those in full precision, with the same points."""
        if plan.precision == FULL:
            return 0.0
        goal = replace(self.goal, n_points=int(result.n_points[0]))
        rule = CROWDED if result.crowded[0] else plan.rule
        exact, _ = explained(chunk.part(0, 1), self.found, replace(plan, rule=rule, precision=FULL), goal)
        cost, size = (result.values[:, :1] - exact.values).abs().sum(), exact.values.abs().sum()
        return float(cost / size) if size > 0 else 0.0


def explained(chunk: Chunk, found: Survey, plan: Plan, goal: Goal) -> tuple[Attributions, Plan]:
    """The attributions by a plan, and the plan that held: another where the first proved wrong."""
    while True:
        try:
            result, size, plan = _followed(chunk, found, plan, goal)
        except (Diverged, CheckpointError) as error:  # which computes a part of the network again, unwatched
            plan = plan.without_following(str(error).splitlines()[0])
        else:
            incomplete = int((~(result.gap.abs() <= size)).sum()) if plan.rule.slopes else 0
            if not incomplete:
                return result, plan
            gap = f"the secant left a gap on {incomplete} of {len(chunk.rows)} paths"
            if plan.asked:
                logger.warning("%s, and was asked for", gap)
                return result, plan
            plan = plan.without_secant(f"{gap}, so something bends that it does not know")
        logger.warning("%s", plan.reason)


def _followed(chunk: Chunk, found: Survey, plan: Plan, goal: Goal) -> tuple[Attributions, Tensor, Plan]:
    """The attributions by a plan, the gap (scores, samples, baselines) they may have, and the batch size that fits."""
    along = Field.of(
        chunk.score, found, secant=plan.rule.slopes, fuse=plan.fuse, sample=chunk.samples[:1], precision=plan.precision
    )
    inner = None if along.fusion is None else chunk.inner(along.fusion)
    change = Change.of(chunk, along, inner, plan.batch_size)
    size, refining = plan.batch_size, goal.n_points is None and len(change.along) == 1

    def run(pairs: Tensor, n: int, rule: Rule, before: Tensor | None) -> Integral:
        nonlocal size
        every = len(pairs) == len(chunk.rows)
        curve = chunk.curve if every else chunk.curve.take(pairs)
        blended = inner if inner is None or every else inner.take(pairs)
        integral, size = backing_off(
            lambda size: integrate(along, curve, chunk.rows[pairs], rule, n, size, blended, before, refining),
            size,
        )
        return integral

    refined = to_goal(run, change, plan, goal, chunk.curve.n_segments)
    summed = refined.integral.values.abs().flatten(2).sum(2).unflatten(1, change.along.shape[1:])
    result = _attributions(chunk, refined, change, plan)
    return result, INCOMPLETE * summed + change.rounding, replace(plan, batch_size=size)


def _attributions(chunk: Chunk, refined: Refined, change: Change, plan: Plan) -> Attributions:
    integral = refined.integral
    # Between a half (order 1.6) and a third (order 2) of what half of the points would change is the error: the
    # smallest part of it is sure to help.
    found = integral.values + integral.difference / 4 if plan.rule.slopes else integral.values
    values = found.unflatten(1, (-1, chunk.n_baselines))
    signs = (chunk.samples[:, None] - chunk.baselines).sign()
    return Attributions(
        values=values.mean(2),
        direction=(values * signs).mean(2),
        score=change.at_ends,
        change=change.along,
        gap=values.flatten(3).sum(3) - change.along,
        error=integral.error.unflatten(1, (-1, chunk.n_baselines)),
        relative_error=refined.relative_error,
        n_points=refined.n_points,
        crowded=refined.crowded,
        rule=plan.rule.name,
        reason=plan.reason,
        n_evaluations=integral.n_evaluations,
        path=repr(chunk.path),
        baseline="",
        precision=plan.precision,
    )


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
