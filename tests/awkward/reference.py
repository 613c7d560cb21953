"""The slow way: plain torch.autograd in double precision at equally spaced midpoints, nothing else."""

from __future__ import annotations

import torch
from tests.awkward.case import Case
from torch import Tensor

NODES_AT_ONCE = 999  # a multiple of three


def reference(case: Case, seed: int) -> tuple[Tensor, Tensor]:
    """Integrated gradients (samples, *shape) of a fresh twin of the model, and how uncertain each sample's are.

    Every third node is the midpoint of a grid three times as wide; a third of the summed difference from what that
    grid gives bounds the error wherever the error falls at least with the first power of the width.
    """
    built = case.build(torch.Generator().manual_seed(seed))
    for root in built.watched:
        for part in root.modules():
            part.training = False
        if case.dtype != torch.float64:
            root.double()
        if case.instead:
            root.function = case.instead
    samples, baselines = built.samples.double(), built.baselines.double()
    total, third = (torch.zeros_like(samples) for _ in range(2))
    alphas = (torch.arange(case.nodes, dtype=torch.float64) + 0.5) / case.nodes
    for start in baselines:
        step = samples - start
        for part in alphas.split(NODES_AT_ONCE):
            points = start + part.view(1, -1, *(1 for _ in start.shape)) * step[:, None]
            extra = (values.repeat_interleave(len(part), 0) for values in built.extra)
            x = points.flatten(0, 1).detach().requires_grad_()
            scores = _chosen(built.model(x.clone(), *extra), built.target, len(part))
            gradients = torch.autograd.grad(scores.sum(), x)[0].unflatten(0, points.shape[:2])
            total += gradients.sum(1) * step
            third += 3 * gradients[:, 1::3].sum(1) * step
    n = case.nodes * len(baselines)
    return total / n, (total - third).abs().flatten(1).sum(1) / (3 * n)


def _chosen(outputs: Tensor, target: object, times: int) -> Tensor:
    if callable(target):
        return target(outputs)
    if isinstance(target, Tensor):
        return outputs.gather(1, target.repeat_interleave(times)[:, None])
    return outputs if outputs.ndim == 1 else outputs[:, 0 if target is None else target]
