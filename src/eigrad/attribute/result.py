"""The attributions of samples: a value that carries its own check."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from eigrad.attribute.frames import as_dataset, as_explanation, as_frame
from eigrad.model import Values, on_host
from eigrad.precision import FULL


@dataclass(frozen=True, repr=False)
class Attributions:
    """Attributions of samples, averaged over their baselines, with their own check.

    With several outputs every tensor but `n_points` and `crowded` gains a leading axis of outputs; `output(i)` takes
    one. `direction` is attribution * sign(x - x'): positive where a larger value than the baseline's speaks for the
    score, or a smaller one against it. `change` is F(x) - F(x'), `gap` the completeness gap sum(a) - change and
    `error` the estimated summed absolute error, all in units of the score, for every baseline. `relative_error` is the
    estimated summed absolute error of the values over their summed absolute value, for every sample. `reason` says why
    `rule` was taken, `n_points` how many points each path of a sample took, and `crowded` whether they crowd at its
    ends, as those of the rule crowded-secant do. `precision_error` is the summed absolute difference a lower
    `precision` makes over the summed absolute attributions, measured on the first sample. `feature_names` are the
    columns of a data frame that was explained; `significance` names its rows by them.
    """

    values: Float[Tensor, "*outputs samples *shape"]
    direction: Float[Tensor, "*outputs samples *shape"]
    score: Float[Tensor, "*outputs samples"]
    change: Float[Tensor, "*outputs samples baselines"]
    gap: Float[Tensor, "*outputs samples baselines"]
    error: Float[Tensor, "*outputs samples baselines"]
    relative_error: Float[Tensor, "*outputs samples"]
    n_points: Int[Tensor, " samples"]
    crowded: Bool[Tensor, " samples"]
    rule: str
    reason: str
    n_evaluations: int
    path: str
    baseline: str
    precision: str = FULL
    precision_error: float = 0.0
    feature_names: tuple[Hashable, ...] | None = None

    @property
    def n_outputs(self) -> int | None:
        """Number of outputs explained together, None where a single one was asked for."""
        return len(self.score) if self.score.ndim == 2 else None

    def __repr__(self) -> str:
        """What was done and how well, without the numbers."""
        outputs = "" if self.n_outputs is None else f", {self.n_outputs} outputs"
        return (
            f"Attributions({len(self)} samples of shape {tuple(self.values.shape[self.score.ndim :])}{outputs}; "
            f"{self.path}, {self.baseline}; {self.rule}, at most {int(self.n_points.max())} points; largest error "
            f"{float(self.relative_error.max()):.2g}, gap {float(self.gap.abs().max()):.2g})"
        )

    def __len__(self) -> int:
        return self.score.shape[-1]

    def output(self, i: int) -> Attributions:
        """The attributions of the i-th of several outputs."""
        if self.n_outputs is None:
            raise ValueError("attributions: a single output was explained, there is none to choose")
        return replace(self, **{name: getattr(self, name)[i] for name in TENSORS if name not in OF_SAMPLES})

    @property
    def relative_gap(self) -> Tensor:
        """|completeness gap| / |F(x) - F(x')|; zero where both are, infinite where only the change is."""
        return torch.where(self.gap == 0, 0.0, self.gap.abs() / self.change.abs())

    def on(self, device: torch.device, baseline: str) -> Attributions:
        """The same on another device, with the words for its baseline."""
        return replace(self, baseline=baseline, **{name: getattr(self, name).to(device) for name in TENSORS})

    def numpy(self) -> NDArray[Any]:
        """Values as a table (samples, features)."""
        if self.n_outputs is not None:
            raise ValueError(f"attributions: {self.n_outputs} outputs were explained, choose one with output(i)")
        return on_host(self.values.flatten(1))

    def to_pandas(self, index: Sequence[Hashable] | pd.Index | None = None) -> pd.DataFrame:
        """Values, in units of the score: a row a sample, labeled by `index`, and a column a feature, by its name.

        ValueError where several outputs were explained, or the index has not one label a sample.
        """
        return as_frame(self, index)

    def to_xarray(self) -> Any:
        """An `xarray.Dataset` of all tensors, with what they are of as attributes.

        Dimensions are output (where several were explained), sample, feature (of samples of several axes feature_0,
        feature_1, ...) and baseline. ValueError where xarray is not installed.
        """
        return as_dataset(self)

    def to_shap(self, samples: Values) -> Any:
        """A `shap.Explanation` of the samples that were explained, for SHAP's plots.

        `values` and `data` are (samples, *shape), `base_values` (samples,) the score at x', its mean over baselines:
        with the values they sum to the score, up to the gap. ValueError where SHAP is not installed, several outputs
        were explained, or the samples have another shape or other columns.
        """
        return as_explanation(self, samples)


OF_SAMPLES = ("n_points", "crowded")  # whatever the outputs
TENSORS = ("values", "direction", "score", "change", "gap", "error", "relative_error", *OF_SAMPLES)


def joined(parts: Sequence[Attributions]) -> Attributions:
    """The attributions of samples that were explained one part after another."""
    first = parts[0]
    axes = {name: 0 if name in OF_SAMPLES or first.n_outputs is None else 1 for name in TENSORS}
    rules = list(dict.fromkeys(part.rule for part in parts))
    tensors: dict[str, Any] = {
        name: torch.cat([getattr(part, name) for part in parts], axis) for name, axis in axes.items()
    }
    return replace(
        first,
        **tensors,
        rule=", ".join(rules),
        reason="; ".join(dict.fromkeys(part.reason for part in parts)),
        n_evaluations=sum(part.n_evaluations for part in parts),
    )
