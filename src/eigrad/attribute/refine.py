"""Points until the estimated error is small enough, and only for the samples that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.integrate import Integral
from eigrad.plan import Plan

# (pairs, points, gradients their grid of half the parts has kept, if any) to the integral of these pairs
Run = Callable[[Tensor, int, Tensor | None], Integral]


@dataclass(frozen=True)
class Change:
    """By how much the scores change along the paths, and what of it may be rounding: what an integral is held against.

    For a rule of gradients, a completeness gap is a lower bound on the summed error. Slopes have none by their nature.
    """

    along: Float[Tensor, "scores samples baselines"]
    rounding: Float[Tensor, "scores samples"]

    def shortfall(self, values: Float[Tensor, "scores samples *shape"], samples: Tensor) -> Tensor:
        """The gap beyond rounding of attributions averaged over the baselines."""
        gap = values.flatten(2).sum(2) - self.along[:, samples].mean(2)
        return (gap.abs() - self.rounding[:, samples]).clamp(min=0)


@dataclass(frozen=True)
class Refined:
    """An integral whose samples took different numbers of points, with the relative error each reached."""

    integral: Integral
    relative_error: Float[Tensor, "scores samples"]
    n_points: Int[Tensor, " samples"]


def to_tolerance(run: Run, change: Change, plan: Plan, first: int, tol: float | None, most: int) -> Refined:
    """Double the points of the samples whose relative error is above `tol`, from `first` up to at most `most`.

    Without a tolerance all samples take `first` points. Two coarse grids can agree by missing the same bend: a first
    estimate must lie `plan.caution` times below `tol`, but not below `plan.doubted`, and one that falls more than
    `plan.fall`-fold where the points double is taken for chance.
    """
    n_samples, n_baselines = change.along.shape[1:]
    samples = torch.arange(n_samples, device=change.along.device)
    pairs = torch.arange(n_samples * n_baselines, device=samples.device).view(n_samples, n_baselines)
    part = run(pairs.flatten(), first, None)
    values, difference, n_evaluations, kept = part.values, part.difference, part.n_evaluations, part.kept
    estimates = _relative(part, change, samples, plan)
    reached = estimates.clone()
    points = torch.full((n_samples,), first, device=samples.device)
    n, tried = first, samples
    while tol is not None and 2 * n - 1 <= most:
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
