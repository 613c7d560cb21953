"""The slow way: plain torch.autograd in double precision at equally spaced midpoints, nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tests.awkward.case import Case
from torch import Tensor

ROWS_AT_ONCE = 14_000


def reference(case: Case, seed: int) -> tuple[Tensor, Tensor]:
    """Integrated gradients (samples, *shape) of a fresh twin of the model, and how uncertain each sample's are.

    The uncertainty is half the summed difference between the sums over the odd and over the even nodes.
    """
    built = case.build(torch.Generator().manual_seed(seed))
    for root in built.watched:
        for part in root.modules():
            part.training = False
    if case.dtype != torch.float64:
        built.model.double()
    model = _one_by_one(built.model) if case.alone else built.model
    samples, baselines = built.samples.double(), built.baselines.double()
    odd, even = (torch.zeros_like(samples) for _ in range(2))
    alphas = (torch.arange(case.nodes, dtype=torch.float64) + 0.5) / case.nodes
    for start in baselines:
        step = samples - start
        for part in alphas.split(ROWS_AT_ONCE // len(samples)):
            points = start + part.view(1, -1, *(1 for _ in start.shape)) * step[:, None]
            extra = (values.repeat_interleave(len(part), 0) for values in built.extra)
            x = points.flatten(0, 1).requires_grad_()
            scores = _chosen(model(x.clone(), *extra), built.target, len(part))
            gradients = torch.autograd.grad(scores.sum(), x)[0].unflatten(0, points.shape[:2])
            odd += gradients[:, ::2].sum(1) * step
            even += gradients[:, 1::2].sum(1) * step
    n = case.nodes * len(baselines)
    return (odd + even) / n, (odd - even).abs().flatten(1).sum(1) / n


def _chosen(outputs: Tensor, target: object, times: int) -> Tensor:
    if callable(target):
        return target(outputs)
    if isinstance(target, Tensor):
        return outputs.gather(1, target.repeat_interleave(times)[:, None])
    return outputs if outputs.ndim == 1 else outputs[:, 0 if target is None else target]


def _one_by_one(model: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def alone(x: Tensor, *extra: Tensor) -> Tensor:
        return torch.cat([model(*(values[i : i + 1] for values in (x, *extra))) for i in range(len(x))])

    return alone
