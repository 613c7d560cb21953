"""Points until the estimated error is small enough, and only for the samples that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigrad.attribute.change import Change
from eigrad.integrate import CROWDED, Integral, Rule
from eigrad.plan import Plan

# (pairs, points, rule, gradients their grid of half the parts has kept, if any) to the integral of these pairs
Run = Callable[[Tensor, int, Rule, Tensor | None], Integral]
STALLED = 5.0  # an estimate of slopes falls about ninefold where the points double twice: less than this is too slow
WORTH_CROWDING = 2.0  # how many times lower an estimate must be with nodes crowded at the ends than with as many evenly
# How nodes lie: evenly, both ways for a trial, crowded for good, or evenly for good.
EVEN, ON_TRIAL, CROWDED_FOR_GOOD, EVEN_FOR_GOOD = range(4)


@dataclass(frozen=True)
class Goal:
    """A number of points for every path, or else the tolerance to reach with at most so many."""

    n_points: int | None
    tol: float
    most: int


@dataclass(frozen=True)
class Refined:
    """An integral whose samples took different numbers of points, with the relative error each reached."""

    integral: Integral
    relative_error: Float[Tensor, "scores samples"]
    n_points: Int[Tensor, " samples"]
    crowded: Bool[Tensor, " samples"]


def to_goal(run: Run, change: Change, plan: Plan, goal: Goal, n_segments: int) -> Refined:
    """Double the points of the samples whose relative error is above the tolerance, as long as there may be more.

    With a number of points given all samples take that many. Two coarse grids can agree by missing the same bend: a
    first estimate must lie `plan.caution` times below it, but not below `plan.doubted`, and one that falls more than
    `plan.fall`-fold where the points double is taken for chance. Where the estimate of slopes on a straight line
    falls too slowly, their nodes are tried crowded at its ends, and stay so if that is better.
    """
    first = goal.n_points or min(plan.first_points(goal.tol, n_segments), goal.most)
    state = _Refining.begun(run, change, plan, first, n_segments)
    n = first
    while goal.n_points is None and 2 * n - 1 <= goal.most:
        pending = state.above(goal.tol / plan.caution, plan.doubted) if n == first else state.above(goal.tol)
        if len(pending) == 0:
            break
        n = 2 * n - 1
        on_trial, crowded = state.nodes[pending] == ON_TRIAL, state.nodes[pending] == CROWDED_FOR_GOOD
        state.take(pending[~on_trial & ~crowded], n, plan.rule)
        state.take(pending[crowded], n, CROWDED)
        state.compare(pending[on_trial], n)
    integral = Integral(state.values, state.difference, state.n_evaluations)
    return Refined(integral, state.reached, state.points, state.nodes == CROWDED_FOR_GOOD)


@dataclass
class _Refining:
    """What the samples have reached so far."""

    run: Run
    change: Change
    plan: Plan
    values: Tensor
    difference: Tensor
    n_evaluations: int
    kept: Tensor | None
    tried: Int[Tensor, " samples"]  # those whose gradients are kept
    estimates: Float[Tensor, "scores samples"]
    earlier: Float[Tensor, "scores samples"]  # the estimates one doubling before
    reached: Float[Tensor, "scores samples"]
    points: Int[Tensor, " samples"]
    nodes: Int[Tensor, " samples"]  # how they lie

    @classmethod
    def begun(cls, run: Run, change: Change, plan: Plan, first: int, n_segments: int) -> _Refining:
        n_samples, n_baselines = change.along.shape[1:]
        every = torch.arange(n_samples, device=change.along.device)
        part = run(torch.arange(n_samples * n_baselines, device=every.device), first, plan.rule, None)
        estimates = _relative(part, change, every, plan)
        nodes = EVEN if plan.rule.slopes and n_segments == 1 else EVEN_FOR_GOOD
        nodes = CROWDED_FOR_GOOD if plan.rule == CROWDED else nodes
        state = (run, change, plan, part.values, part.difference, part.n_evaluations, part.kept, every, estimates)
        earlier, points = torch.full_like(estimates, torch.inf), torch.full_like(every, first)
        return cls(*state, earlier, estimates.clone(), points, torch.full_like(every, nodes))

    def above(self, tol: float, doubted: float = 0.0) -> Int[Tensor, " samples"]:
        """The samples whose error is above a tolerance, or too small to be believed."""
        return torch.nonzero(((self.reached > tol) | (self.reached < doubted)).any(0)).squeeze(1)

    def take(self, samples: Int[Tensor, " samples"], n: int, rule: Rule) -> None:
        """These samples again, with n points."""
        if len(samples):
            kept = None if self.kept is None else _of(self.kept, torch.isin(self.tried, samples), self._n_baselines)
            part = self.run(self._pairs(samples), n, rule, kept)
            slow = (_relative(part, self.change, samples, self.plan) > self.earlier[:, samples] / STALLED).any(0)
            self.nodes[samples] += (self.nodes[samples] == EVEN) & slow  # on trial from now on
            self._put(samples, n, part)

    def compare(self, samples: Int[Tensor, " samples"], n: int) -> None:
        """These samples again, with n points evenly and as many crowded, of which each keeps the better for good."""
        if len(samples):
            even, crowded = (self.run(self._pairs(samples), n, rule, None) for rule in (self.plan.rule, CROWDED))
            now, then = (_relative(part, self.change, samples, self.plan) for part in (even, crowded))
            better = (then <= now / WORTH_CROWDING).all(0)
            self._put(samples, n, _chosen(better.repeat_interleave(self._n_baselines), crowded, even))
            self.nodes[samples] = torch.where(better, CROWDED_FOR_GOOD, EVEN_FOR_GOOD)

    def _put(self, samples: Int[Tensor, " samples"], n: int, part: Integral) -> None:
        pairs, before = self._pairs(samples), self.estimates[:, samples]
        self.kept, self.tried = part.kept, samples
        self.n_evaluations += part.n_evaluations
        self.values[:, pairs], self.difference[:, pairs] = part.values, part.difference
        self.earlier[:, samples] = before
        self.estimates[:, samples] = _relative(part, self.change, samples, self.plan)
        self.reached[:, samples] = torch.maximum(self.estimates[:, samples], before / self.plan.fall)
        self.points[samples] = n

    @property
    def _n_baselines(self) -> int:
        return self.change.along.shape[2]

    def _pairs(self, samples: Int[Tensor, " samples"]) -> Int[Tensor, " pairs"]:
        n = self._n_baselines
        return (samples[:, None] * n + torch.arange(n, device=samples.device)).flatten()


def _chosen(first: Bool[Tensor, " pairs"], one: Integral, other: Integral) -> Integral:
    """One integral for some of the pairs, the other for the rest."""
    of_one = first.view(-1, *(1 for _ in one.values.shape[2:]))
    values, difference = (
        torch.where(of_one, *pair) for pair in ((one.values, other.values), (one.difference, other.difference))
    )
    return Integral(values, difference, one.n_evaluations + other.n_evaluations)


def _of(kept: Tensor, samples: Tensor, n_baselines: int) -> Tensor:
    """What was kept for the pairs of some of the samples."""
    return kept[:, samples.repeat_interleave(n_baselines)]


def _relative(part: Integral, change: Change, samples: Tensor, plan: Plan) -> Float[Tensor, "scores samples"]:
    """sum_j |error of the mean over baselines| / sum_j |that mean|, zero where both are."""
    difference, values = (each.unflatten(1, (len(samples), -1)).mean(2) for each in (part.difference, part.values))
    error, size = (each.abs().flatten(2).sum(2) for each in (difference, values))
    if not plan.rule.slopes:
        error = torch.maximum(error, change.shortfall(values, samples))
    return torch.where(error == 0, 0.0, error / size)
