"""Points until the estimated error is small enough, and only for the samples that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from eigrad.attribute.change import Change
from eigrad.integrate import GRADED, Integral, Rule
from eigrad.plan import Plan

# (pairs, points, rule, gradients their grid of half the parts has kept, if any) to the integral of these pairs
Run = Callable[[Tensor, int, Rule, Tensor | None], Integral]
STALLED = 2.0  # an estimate of slopes falls about threefold where the points double: less than this is too slow
WORTH_GRADING = 4.0  # nodes stay crowded at the ends where that lowers the estimate so many times at once
UNIFORM, TRIED, CROWDED, REFUSED = range(4)


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


def to_goal(run: Run, change: Change, plan: Plan, goal: Goal, n_segments: int) -> Refined:
    """Double the points of the samples whose relative error is above the tolerance, as long as there may be more.

    With a number of points given all samples take that many. Two coarse grids can agree by missing the same bend: a
    first estimate must lie `plan.caution` times below it, but not below `plan.doubted`, and one that falls more than
    `plan.fall`-fold where the points double is taken for chance. Where the estimate of slopes on a straight line
    hardly falls, their nodes crowd at its ends, and stay so if that lowers it at once.
    """
    first = goal.n_points or min(plan.first_points(goal.tol, n_segments), goal.most)
    state = _Refining.begun(run, change, plan, first)
    n = first
    while goal.n_points is None and 2 * n - 1 <= goal.most:
        pending = state.above(goal.tol / plan.caution, plan.doubted) if n == first else state.above(goal.tol)
        if len(pending) == 0:
            break
        n = 2 * n - 1
        crowd = (state.nodes[pending] == TRIED) | (state.nodes[pending] == CROWDED)
        graded = crowd & (plan.rule.slopes and n_segments == 1)
        for rule, some in ((plan.rule, pending[~graded]), (GRADED, pending[graded])):
            if len(some):
                state.take(some, n, rule)
    return Refined(Integral(state.values, state.difference, state.n_evaluations), state.reached, state.points)


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
    reached: Float[Tensor, "scores samples"]
    points: Int[Tensor, " samples"]
    nodes: Int[Tensor, " samples"]  # how they lie

    @classmethod
    def begun(cls, run: Run, change: Change, plan: Plan, first: int) -> _Refining:
        n_samples, n_baselines = change.along.shape[1:]
        every = torch.arange(n_samples, device=change.along.device)
        part = run(torch.arange(n_samples * n_baselines, device=every.device), first, plan.rule, None)
        estimates = _relative(part, change, every, plan)
        state = (run, change, plan, part.values, part.difference, part.n_evaluations, part.kept, every, estimates)
        return cls(*state, estimates.clone(), torch.full_like(every, first), torch.full_like(every, UNIFORM))

    def above(self, tol: float, doubted: float = 0.0) -> Int[Tensor, " samples"]:
        """The samples whose error is above a tolerance, or too small to be believed."""
        return torch.nonzero(((self.reached > tol) | (self.reached < doubted)).any(0)).squeeze(1)

    def take(self, samples: Int[Tensor, " samples"], n: int, rule: Rule) -> None:
        """These samples again, with n points."""
        n_baselines = self.change.along.shape[2]
        pairs = (samples[:, None] * n_baselines + torch.arange(n_baselines, device=samples.device)).flatten()
        kept = None if self.kept is None else _of(self.kept, torch.isin(self.tried, samples), n_baselines)
        part = self.run(pairs, n, rule, kept)
        before, estimate = self.estimates[:, samples], _relative(part, self.change, samples, self.plan)
        better = self._settled(samples, before, estimate)
        self.kept, self.tried = part.kept, samples
        self.n_evaluations += part.n_evaluations
        taken, chosen = samples[better], better.repeat_interleave(n_baselines)
        self.values[:, pairs[chosen]] = part.values[:, chosen]
        self.difference[:, pairs[chosen]] = part.difference[:, chosen]
        self.reached[:, taken] = torch.maximum(estimate, before / self.plan.fall)[:, better]
        self.estimates[:, taken], self.points[taken] = estimate[:, better], n

    def _settled(self, samples: Tensor, before: Tensor, estimate: Tensor) -> Bool[Tensor, " samples"]:
        """Decide how the nodes of samples lie from now on; False where crowding them was tried in vain."""
        nodes, slow = self.nodes[samples], (estimate > before / STALLED).any(0)
        vain = (nodes == TRIED) & (estimate > before / WORTH_GRADING).any(0)
        after = torch.where(nodes == TRIED, CROWDED, torch.where((nodes == UNIFORM) & slow, TRIED, nodes))
        self.nodes[samples] = torch.where(vain, REFUSED, after)
        return ~vain


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
