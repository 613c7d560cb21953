"""Points until the estimated error is small enough, and only for the samples that need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigrad.integrate import Integral

# (pairs, points, their integral on half of the parts where it is known) to the integral of these pairs
Run = Callable[[Tensor, int, Integral | None], Integral]


@dataclass(frozen=True)
class Refined:
    """An integral whose samples took different numbers of points, with the relative error each reached."""

    integral: Integral
    relative_error: Float[Tensor, "scores samples"]
    n_points: Int[Tensor, " samples"]


def to_tolerance(
    run: Run,
    n_samples: int,
    n_baselines: int,
    first: int,
    tol: float | None,
    most: int,
    caution: float,
    fall: float,
    device: torch.device,
) -> Refined:
    """Double the points of the samples whose relative error is above `tol`, from `first` up to at most `most`.

    Without a tolerance all samples take `first` points. Two coarse grids can agree by missing the same bend: a first
    estimate must lie `caution` times below `tol`, and one that falls more than `fall`-fold where the points double is
    taken for chance.
    """
    pairs = torch.arange(n_samples * n_baselines, device=device).view(n_samples, n_baselines)
    found = run(pairs.flatten(), first, None)
    values, difference, n_evaluations = found.values, found.difference, found.n_evaluations
    estimates = _relative(found, n_baselines)
    reached = estimates.clone()
    points = torch.full((n_samples,), first, device=device)
    n = first
    last, pairs_of_last = found, pairs.flatten()
    while tol is not None and 2 * n - 1 <= most:
        pending = torch.nonzero((reached > (tol / caution if n == first else tol)).any(0)).squeeze(1)
        if len(pending) == 0:
            break
        n = 2 * n - 1
        chosen = pairs[pending].flatten()
        last = run(chosen, n, last.take(torch.isin(pairs_of_last, chosen).nonzero().squeeze(1)))
        pairs_of_last = chosen
        values[:, chosen], difference[:, chosen] = last.values, last.difference
        estimate = _relative(last, n_baselines)
        reached[:, pending] = torch.maximum(estimate, estimates[:, pending] / fall)
        estimates[:, pending] = estimate
        points[pending] = n
        n_evaluations += last.n_evaluations
    return Refined(Integral(values, difference, n_evaluations), reached, points)


def _relative(integral: Integral, n_baselines: int) -> Float[Tensor, "scores samples"]:
    """sum_j |error of the mean over baselines| / sum_j |that mean|, zero where both are."""
    error, size = (
        part.unflatten(1, (-1, n_baselines)).mean(2).abs().flatten(2).sum(2)
        for part in (integral.difference, integral.values)
    )
    return torch.where(error == 0, 0.0, error / size)
