"""The tools compared, behind one signature.

    attribute(problem, n_points, batch) -> attributions (samples, *shape), averaged over the baselines

`batch` is how many points the tool may evaluate at once, where it can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from captum.attr import DeepLift, IntegratedGradients
from torch import Tensor, nn

from benchmarks.models import Problem
from eigrad import Explainer
from eigrad.attribute import Attributions

Extra = tuple[Tensor, ...]
Attribute = Callable[[Problem, int | None, int | None], Tensor]

GAUSS, TRAPEZOID, LIMIT, AUTO = "Captum gauss-legendre", "Captum trapezoid", "forward and backward", "eigrad auto"
OWN_TRAPEZOID, UNFUSED = "eigrad trapezoid", "eigrad trapezoid, not fused"
CAPTUM_METHODS = {TRAPEZOID: "riemann_trapezoid", GAUSS: "gausslegendre"}
# Other estimators than the integral, with the points they draw.
OTHERS = {"Captum DeepLift": None, "SHAP DeepExplainer": None, "SHAP GradientExplainer": 250}


@dataclass(frozen=True)
class Shared:
    """The same given baselines for every sample."""

    chosen: Tensor

    def __call__(self, samples: Tensor) -> Tensor:
        return self.chosen.expand(len(samples), *self.chosen.shape)


def explain(
    problem: Problem,
    n_points: int | None = None,
    batch: int | None = None,
    **options: Any,
) -> Attributions:
    """What eigrad says, with everything it says about it; all samples must have the same baselines."""
    settings = {"n_points": n_points, "batch_size": batch, "progress": False, **options}
    explainer = Explainer(problem.model, problem.target, baseline=Shared(problem.baselines[0]), **settings)
    return explainer(problem.samples, extra=problem.extra)


def eigrad(problem: Problem, n_points: int | None, batch: int | None, **options: Any) -> Tensor:
    return explain(problem, n_points, batch, **options).values


def unfused(problem: Problem, n_points: int | None, batch: int | None, **options: Any) -> Tensor:
    """What eigrad gives where every point goes through the first layer, as it must where a backward hook looks on."""
    handle = problem.model.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    try:
        return explain(problem, n_points, batch, **options).values
    finally:
        handle.remove()


def with_fixed_points(problem: Problem) -> list[str]:
    """Eigrad's tools for a given number of points: the rule it picks, and its trapezoid, unless it picks secants."""
    picked = f"eigrad {explain(problem, n_points=5, rule='auto').rule}"
    return [picked] if picked == "eigrad secant" else [picked, OWN_TRAPEZOID]


def captum_integral(
    problem: Problem,
    n_points: int | None,
    batch: int | None,
    *,
    method: str,
) -> Tensor:
    """Captum's integrated gradients of all pairs, at most `batch` points at once (None: all of them, its default).

    Its trapezoid's weights sum to (n - 1)/n on the even grid of n points: n/(n - 1) makes it the trapezoid rule.
    """
    assert n_points is not None
    scale = n_points / (n_points - 1) if method == "riemann_trapezoid" else 1.0
    tool = IntegratedGradients(problem.model)

    def one(x: Tensor, start: Tensor, more: Extra) -> Tensor:
        return scale * tool.attribute(
            x, start, problem.target, more or None, n_points, method, internal_batch_size=batch
        ).detach()  # fmt: skip

    return _over_pairs(one, problem, batch)


def deep_lift(
    problem: Problem,
    n_points: int | None,
    batch: int | None,
) -> Tensor:
    """Captum's DeepLIFT, which runs sample and baseline through the network together: one step for each pair."""
    tool = DeepLift(problem.model)

    def one(x: Tensor, start: Tensor, more: Extra) -> Tensor:
        return tool.attribute(x, start, problem.target, more or None).detach()

    return _over_pairs(one, problem, batch)


def _over_pairs(one: Callable[[Tensor, Tensor, Extra], Tensor], problem: Problem, batch: int | None) -> Tensor:
    n_baselines = problem.baselines.shape[1]
    tensors = [tensor.repeat_interleave(n_baselines, 0) for tensor in (problem.samples, *problem.extra)]
    starts = problem.baselines.flatten(0, 1)
    parts = zip(*(tensor.split(batch or len(tensor)) for tensor in (starts, *tensors)), strict=True)
    found = [one(x, start, tuple(more)) for start, x, *more in parts]
    return torch.cat(found).unflatten(0, (-1, n_baselines)).mean(1)


class Chosen(nn.Module):
    """One output of a model, a column, with further inputs held: what SHAP's explainers take."""

    def __init__(self, model: nn.Module, target: int) -> None:
        super().__init__()
        self.model, self.target = model, target
        self.held: Extra = ()

    def forward(self, x: Tensor) -> Tensor:
        held = (tensor.expand(len(x), *tensor.shape[1:]) for tensor in self.held)
        return self.model(x, *held)[:, self.target, None]


def shap(
    problem: Problem,
    n_points: int | None,
    batch: int | None,
    *,
    kind: str,
) -> Tensor:
    """SHAP's explainers, sample by sample as they themselves go; the gradient one draws n_points for each baseline."""
    import shap as library

    chosen, n_baselines = Chosen(problem.model, problem.target), problem.baselines.shape[1]
    found = []
    for i in range(len(problem.samples)):
        sample = problem.samples[i : i + 1].clone()
        chosen.held = tuple(tensor[i : i + 1] for tensor in problem.extra)
        if i == 0:
            explainer = getattr(library, kind)(chosen, problem.baselines[0].clone())
        options = (
            {"check_additivity": False}  # its check raises where the network holds what it cannot treat
            if kind == "DeepExplainer"
            else {"nsamples": n_baselines * (n_points or 1), "rseed": i}
        )
        found.append(torch.as_tensor(explainer.shap_values(sample, **options)).reshape(sample.shape))
    return torch.cat(found)


def forward_and_backward(
    problem: Problem,
    n_points: int | None,
    batch: int | None,
) -> Tensor:
    """No attribution but as many gradients as a classical rule of n_points takes: a limit for its time."""
    left = len(problem.samples) * problem.baselines.shape[1] * (n_points or 1)
    rows = torch.arange(min(batch or left, left)) % len(problem.samples)
    points, more = problem.samples[rows].requires_grad_(), tuple(tensor[rows] for tensor in problem.extra)
    while left > 0:
        scores = problem.model(points[:left], *(tensor[:left] for tensor in more))[:, problem.target]
        gradient = torch.autograd.grad(scores.sum(), points)[0]
        left -= len(points)
    return gradient


def tool(name: str) -> Attribute:
    """A tool by its name; eigrad's are "eigrad RULE" and "eigrad auto TOL"."""
    if name.startswith(AUTO):
        return partial(eigrad, rule="auto", tol=float(name.removeprefix(AUTO) or 0.01))
    if name == UNFUSED:
        return partial(unfused, rule="trapezoid")
    if name.startswith("eigrad "):
        return partial(eigrad, rule=name.removeprefix("eigrad "))
    if name in CAPTUM_METHODS:
        return partial(captum_integral, method=CAPTUM_METHODS[name])
    return {
        LIMIT: forward_and_backward,
        "Captum DeepLift": deep_lift,
        "SHAP DeepExplainer": partial(shap, kind="DeepExplainer"),
        "SHAP GradientExplainer": partial(shap, kind="GradientExplainer"),
    }[name]
