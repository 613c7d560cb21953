"""The tools compared, behind one signature.

    attribute(model, samples, baselines, target, extra, n_points, batch) -> attributions

of samples (samples, *shape) against baselines (samples, baselines, *shape), averaged over the baselines. `extra` are
further inputs, one row a sample; `batch` is how many points the tool may evaluate at once, where it can be told.
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
Attribute = Callable[[nn.Module, Tensor, Tensor, int, Extra, int | None, int | None], Tensor]

GAUSS, TRAPEZOID, LIMIT, AUTO = "Captum gauss-legendre", "Captum trapezoid", "forward and backward", "eigrad auto"
UNFUSED = "eigrad trapezoid, not fused"
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
    model: nn.Module,
    samples: Tensor,
    baselines: Tensor,
    target: int,
    extra: Extra,
    n_points: int | None = None,
    batch: int | None = None,
    **options: Any,
) -> Attributions:
    """What eigrad says, with everything it says about it; all samples must have the same baselines."""
    settings = {"n_points": n_points, "batch_size": batch, "progress": False, **options}
    return Explainer(model, target, baseline=Shared(baselines[0]), **settings)(samples, extra=extra)


def eigrad(*problem: Any, **options: Any) -> Tensor:
    return explain(*problem, **options).values


def unfused(model: nn.Module, *problem: Any, **options: Any) -> Tensor:
    """What eigrad gives where every point goes through the first layer, as it must where a backward hook looks on."""
    handle = model.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    try:
        return explain(model, *problem, **options).values
    finally:
        handle.remove()


def picked(problem: Problem) -> str:
    """The tool's name for the rule eigrad picks for this network and a fixed number of points."""
    return f"eigrad {explain(*problem, n_points=5, rule='auto').rule}"


def captum_integral(
    model: nn.Module,
    samples: Tensor,
    baselines: Tensor,
    target: int,
    extra: Extra,
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
    tool = IntegratedGradients(model)

    def one(x: Tensor, start: Tensor, more: Extra) -> Tensor:
        return scale * tool.attribute(
            x, start, target, more or None, n_points, method, internal_batch_size=batch
        ).detach()  # fmt: skip

    return _over_pairs(one, samples, baselines, extra, batch)


def deep_lift(
    model: nn.Module,
    samples: Tensor,
    baselines: Tensor,
    target: int,
    extra: Extra,
    n_points: int | None,
    batch: int | None,
) -> Tensor:
    """Captum's DeepLIFT, which runs sample and baseline through the network together: one step for each pair."""
    tool = DeepLift(model)

    def one(x: Tensor, start: Tensor, more: Extra) -> Tensor:
        return tool.attribute(x, start, target, more or None).detach()

    return _over_pairs(one, samples, baselines, extra, batch)


def _over_pairs(
    one: Callable[[Tensor, Tensor, Extra], Tensor],
    samples: Tensor,
    baselines: Tensor,
    extra: Extra,
    batch: int | None,
) -> Tensor:
    n_baselines = baselines.shape[1]
    tensors = [tensor.repeat_interleave(n_baselines, 0) for tensor in (samples, *extra)]
    parts = zip(*(tensor.split(batch or len(tensor)) for tensor in (baselines.flatten(0, 1), *tensors)), strict=True)
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
    model: nn.Module,
    samples: Tensor,
    baselines: Tensor,
    target: int,
    extra: Extra,
    n_points: int | None,
    batch: int | None,
    *,
    kind: str,
) -> Tensor:
    """SHAP's explainers, sample by sample as they themselves go; the gradient one draws n_points for each baseline."""
    import shap as library

    chosen, n_baselines = Chosen(model, target), baselines.shape[1]
    found = []
    for i in range(len(samples)):
        chosen.held = tuple(tensor[i : i + 1] for tensor in extra)
        if i == 0:
            explainer = getattr(library, kind)(chosen, baselines[0].clone())
        options = (
            {"check_additivity": False}  # its check raises where the network holds what it cannot treat
            if kind == "DeepExplainer"
            else {"nsamples": n_baselines * (n_points or 1), "rseed": i}
        )
        values = explainer.shap_values(samples[i : i + 1].clone(), **options)
        found.append(torch.as_tensor(values).reshape(samples[:1].shape))
    return torch.cat(found)


def forward_and_backward(
    model: nn.Module,
    samples: Tensor,
    baselines: Tensor,
    target: int,
    extra: Extra,
    n_points: int | None,
    batch: int | None,
) -> Tensor:
    """No attribution but as many gradients as a classical rule of n_points takes: a limit for its time."""
    left = len(samples) * baselines.shape[1] * (n_points or 1)
    rows = torch.arange(min(batch or left, left)) % len(samples)
    points, more = samples[rows].requires_grad_(), tuple(tensor[rows] for tensor in extra)
    while left > 0:
        scores = model(points[:left], *(tensor[:left] for tensor in more))[:, target]
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
