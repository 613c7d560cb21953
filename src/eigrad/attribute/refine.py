"""Points until the estimated error is small enough, and only for the samples that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.attribute.change import Change
from eigrad.integrate import Integral
from eigrad.plan import Plan

# (pairs, points, gradients their grid of half the parts has kept, if any) to the integral of these pairs
Run = Callable[[Tensor, int, Tensor | None], Integral]


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
    `plan.fall`-fold where the points double is taken for chance.
    """
    n_samples, n_baselines = change.along.shape[1:]
    tol, most = goal.tol, goal.most
    first = goal.n_points or min(plan.first_points(tol, n_segments), most)
    samples = torch.arange(n_samples, device=change.along.device)
    pairs = torch.arange(n_samples * n_baselines, device=samples.device).view(n_samples, n_baselines)
    part = run(pairs.flatten(), first, None)
    values, difference, n_evaluations, kept = part.values, part.difference, part.n_evaluations, part.kept
    estimates = _relative(part, change, samples, plan)
    reached = estimates.clone()
    points = torch.full((n_samples,), first, device=samples.device)
    n, tried = first, samples
    while goal.n_points is None and 2 * n - 1 <= most:
        pending = (reached > tol / plan.caution) | (reached < plan.doubted) if n == first else reached > tol
        pending = samples[pending.any(0)]
        if len(pending) == 0:
            break
        n = 2 * n - 1
        chosen = pairs[pending].flatten()
        part = run(chosen, n, None if kept is None else _of(kept, torch.isin(tried, pending), n_baselines))
        values[:, chosen], difference[:, chosen], kept = part.values, part.difference, part.kept
        estimate = _relative(part, change, pending, plan)
        reached[:, pending] = torch.maximum(estimate, estimates[:, pending] / plan.fall)
        estimates[:, pending] = estimate
        points[pending], tried = n, pending
        n_evaluations += part.n_evaluations
    return Refined(Integral(values, difference, n_evaluations), reached, points)


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
