"""Attributions of a network by eigrad, Captum and SHAP, all of the same score, samples and background rows.

    attribute(score, samples, background) -> attributions (samples, features)

`score` gives one number a row, (rows, 1); `background` are rows of the reference class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from eigrad.attribute import Explainer
from eigrad.baselines import Baseline, Close, Random, Zero

Attribute = Callable[[nn.Module, Tensor, Tensor], Tensor]

N_CLOSE, N_RANDOM, CAPTUM_POINTS, SHAP_DRAWS = 5, 50, 50, 200


class Margin(nn.Module):
    """By how much an output exceeds another, (rows, 1): the log odds of two classes where outputs are logits."""

    def __init__(self, network: nn.Module, label: int, reference: int) -> None:
        super().__init__()
        self.network, self.label, self.reference = network, label, reference

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.network(x)
        return (outputs[:, self.label] - outputs[:, self.reference])[:, None]


def _eigrad(make: Callable[[Tensor], Baseline]) -> Attribute:
    def attribute(score: nn.Module, samples: Tensor, background: Tensor) -> Tensor:
        return Explainer(score, baseline=make(background), progress=False)(samples).values

    return attribute


def _captum(name: str, **options: Any) -> Attribute:
    def attribute(score: nn.Module, samples: Tensor, background: Tensor) -> Tensor:
        from captum import attr

        tool = getattr(attr, name)(score)
        result: Tensor = tool.attribute(samples.clone().requires_grad_(), target=0, **options).detach()
        return result

    return attribute


def _shap(name: str, **options: Any) -> Attribute:
    def attribute(score: nn.Module, samples: Tensor, background: Tensor) -> Tensor:
        import shap

        explainer = getattr(shap, name)(score, background.clone())
        return torch.as_tensor(explainer.shap_values(samples.clone(), **options)).reshape(samples.shape).to(samples)

    return attribute


ATTRIBUTIONS: dict[str, Attribute] = {
    "EIG close": _eigrad(lambda background: Close(background, N_CLOSE)),
    "EIG random": _eigrad(lambda background: Random(background, min(N_RANDOM, len(background)))),
    "EIG zero": _eigrad(lambda background: Zero()),
    "IG zero (Captum)": _captum("IntegratedGradients", n_steps=CAPTUM_POINTS, internal_batch_size=4096),
    "gradient": _captum("Saliency", abs=False),
    "gradient x input": _captum("InputXGradient"),
    "Deep SHAP": _shap("DeepExplainer", check_additivity=False),
    "GradientSHAP": _shap("GradientExplainer", nsamples=SHAP_DRAWS, rseed=0),
}
