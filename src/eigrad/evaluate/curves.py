"""What a network's score loses as features are taken away in an order, and gains as they are put back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from eigrad.model import (
    Model,
    Score,
    Target,
    Values,
    as_samples,
    as_tensor,
    in_batches,
    on_device,
    placement,
    score,
)
from eigrad.undisturbed import evaluating

FRACTIONS = tuple(np.linspace(0, 1, 21).tolist())


def deletion_insertion(
    model: Model,
    samples: Values,
    attributions: Values,
    baseline: Values,
    target: Target = None,
    *,
    extra: tuple[Values, ...] = (),
    fractions: Sequence[float | int] = FRACTIONS,
    repeats: int = 5,
    seed: int = 0,
    batch_size: int = 1024,
) -> pd.DataFrame:
    """Mean score of samples whose features are replaced by the baseline's, the largest attribution first.

    `samples` and `attributions` are (samples, *shape); `baseline` is one point (*shape), or one a sample. One row a
    fraction of the features: fraction; `deletion`, the score without them, which falls fast where the order is good;
    `insertion`, the score with them alone, which rises fast; both for `repeats` random orders (`deletion_random`,
    `insertion_random`, means, and their standard deviations `_sd`). Points half deleted lie off the data, where the
    network was never trained: compare orders, not networks. Source: Petsiuk et al., RISE, BMVC 2018.
    """
    points, order_of = as_samples(samples), as_samples(attributions, "attributions")
    device, dtype = placement(model, points)
    points = on_device(points.to(dtype), device)
    start = as_tensor(baseline, "baseline")
    start = as_samples(start[None] if start.shape == points.shape[1:] else start, "baseline")
    start = on_device(start.to(dtype), device)
    if order_of.shape != points.shape or start.shape[1:] != points.shape[1:] or len(start) not in (1, len(points)):
        raise ValueError(
            f"deletion_insertion: got attributions of shape {tuple(order_of.shape)} and a baseline of shape "
            f"{tuple(start.shape)} for samples of shape {tuple(points.shape)}, expected the same, or one baseline"
        )
    if not len(fractions) or min(fractions) < 0 or max(fractions) > 1 or repeats < 1:
        raise ValueError(
            f"deletion_insertion: got fractions {tuple(fractions)} and {repeats} repeats, expected some from 0 to 1 "
            "and at least one repeat"
        )
    rng = np.random.default_rng(seed)
    with evaluating(model):
        curves = _Curves(score(model, points, target, extra), points, start.expand_as(points), fractions, batch_size)
        best = curves.of(torch.argsort(order_of.flatten(1), dim=1, descending=True, stable=True).to(device))
        drawn = [curves.of(_random(rng, points).to(device)) for _ in range(repeats)]
    table = pd.DataFrame({"fraction": list(fractions), "deletion": best[0], "insertion": best[1]})
    for place, name in enumerate(("deletion", "insertion")):
        each = np.stack([pair[place] for pair in drawn])
        table[f"{name}_random"] = each.mean(0)
        table[f"{name}_random_sd"] = each.std(0, ddof=1) if repeats > 1 else np.nan
    return table


def areas(curve: pd.DataFrame) -> pd.Series:
    """The mean score under every curve of `deletion_insertion`: low is good for deletion, high for insertion."""
    curve = curve.sort_values("fraction")
    width = np.ptp(curve["fraction"])
    if len(curve) < 2 or width == 0:
        raise ValueError(f"areas: got {len(curve)} fractions, expected at least two different ones")
    names = [
        name for name in curve if str(name).startswith(("deletion", "insertion")) and not str(name).endswith("_sd")
    ]
    return pd.Series({name: np.trapezoid(curve[name], curve["fraction"]) / width for name in names})


class _Curves:
    """The curves of one set of samples, for any order of their features."""

    def __init__(
        self, resolved: Score, points: Tensor, start: Tensor, fractions: Sequence[float | int], batch_size: int
    ) -> None:
        self.score, self.points, self.start = resolved, points, start
        self.counts = [round(fraction * points[0].numel()) for fraction in fractions]
        self.batch_size = batch_size

    def of(self, order: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mean score without, and with alone, so many of the first features of every sample's order."""
        rank = torch.argsort(order, 1).view(self.points.shape)
        without = [self._mean(torch.where(rank < n, self.start, self.points)) for n in self.counts]
        alone = [self._mean(torch.where(rank < n, self.points, self.start)) for n in self.counts]
        return np.array(without), np.array(alone)

    def _mean(self, points: Tensor) -> float:
        rows = torch.arange(len(points), device=points.device)
        return float(in_batches(self.score, points, rows, size=self.batch_size).mean())


def _random(rng: np.random.Generator, points: Tensor) -> Tensor:
    n = points[0].numel()
    return torch.from_numpy(rng.permuted(np.tile(np.arange(n), (len(points), 1)), axis=1))
