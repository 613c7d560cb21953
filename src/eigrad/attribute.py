"""Explain samples against baselines: the one call most users make, and the value it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from eigrad.baselines import Baseline, Zero
from eigrad.integrate import RULES, integrate
from eigrad.model import (
    Model,
    Score,
    Target,
    Values,
    as_samples,
    evaluating,
    in_batches,
    on_host,
    placement,
    score,
)
from eigrad.paths import Path, Straight
from eigrad.progress import track

PAIRS_AT_ONCE = 256  # pairs whose curves are held together; only a batch of their points ever is
VALUES_AT_ONCE = 2**22  # and at most this many numbers for one corner of those curves
BATCH_VALUES = 2**20  # default batch: the points that hold this many numbers, between 32 and 256 to stay in the cache


@dataclass(frozen=True)
class Attributions:
    """Attributions of samples, averaged over their baselines, with their own check.

    With several outputs every tensor but `score` gains a leading axis of outputs; `output(i)` takes one.
    `direction` is attribution * sign(x - x'): positive where a larger value than the baseline's speaks for the
    score, or a smaller one against it. `change` is F(x) - F(x'), `gap` the completeness gap sum(a) - change and
    `error` the half-grid estimate of the summed absolute error, all in units of the score, for every baseline.
    """

    values: Float[Tensor, "*outputs samples *shape"]
    direction: Float[Tensor, "*outputs samples *shape"]
    score: Float[Tensor, "*outputs samples"]
    change: Float[Tensor, "*outputs samples baselines"]
    gap: Float[Tensor, "*outputs samples baselines"]
    error: Float[Tensor, "*outputs samples baselines"]
    rule: str
    n_points: int
    n_evaluations: int
    path: str
    baseline: str

    @property
    def n_outputs(self) -> int | None:
        """Number of outputs explained together, None where a single one was asked for."""
        return len(self.score) if self.score.ndim == 2 else None

    def __len__(self) -> int:
        return self.score.shape[-1]

    def output(self, i: int) -> Attributions:
        """The attributions of the i-th of several outputs."""
        if self.n_outputs is None:
            raise ValueError("attributions: a single output was explained, there is none to choose")
        return self._mapped(lambda tensor: tensor[i])

    @property
    def relative_gap(self) -> Tensor:
        """|completeness gap| / |F(x) - F(x')|; zero where both are, infinite where only the change is."""
        return torch.where(self.gap == 0, 0.0, self.gap.abs() / self.change.abs())

    def numpy(self) -> NDArray[Any]:
        """Values as a table (samples, features)."""
        if self.n_outputs is not None:
            raise ValueError(f"attributions: {self.n_outputs} outputs were explained, choose one with output(i)")
        return on_host(self.values.flatten(1))

    def _mapped(self, function: Any) -> Attributions:
        return replace(self, **{name: function(getattr(self, name)) for name in TENSORS})


TENSORS = ("values", "direction", "score", "change", "gap", "error")


@dataclass(frozen=True)
class Explainer:
    """Integrated gradients of a model's score along paths from baselines to samples.

    `target` is as in `eigrad.model.score`. `batch_size` bounds the points evaluated at once, and with them the
    memory. The model is left as it was found: mode, device, dtype and gradient flags.
    """

    model: Model = field(repr=False)
    target: Target = None
    path: Path = field(default_factory=Straight)
    baseline: Baseline = field(default_factory=Zero)
    n_points: int = 250
    rule: str = "trapezoid"
    batch_size: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        _require("path", self.path, Path, "paths.Straight()")
        _require("baseline", self.baseline, Baseline, "baselines.Zero()")
        if self.rule not in RULES:
            raise ValueError(f"rule: got {self.rule!r}, expected one of {', '.join(RULES)}")
        for name, value, least in (
            ("n_points", self.n_points, 2),
            ("batch_size", self.batch_size, 1),
        ):
            if value is not None and (isinstance(value, bool) or int(value) != value or value < least):
                raise ValueError(f"{name}: got {value!r}, expected a whole number of at least {least}")

    def __call__(
        self, samples: Values, *, target: Target = None, extra: Values | Sequence[Values] = ()
    ) -> Attributions:
        """Explain samples (samples, *shape); `target` given here takes precedence, e.g. one index a sample.

        `extra` are further inputs of the model that are not explained (one tensor or several, one row a sample).
        """
        with torch.inference_mode(False), evaluating(self.model):
            values = as_samples(samples)
            device, dtype = placement(self.model, values)
            values = values.detach().to(dtype)
            _refuse_own_class(values, self.baseline)
            target = self.target if target is None else target
            scored = score(self.model, values, target, _several(extra))
            parts = [
                self._explain(scored, values[rows].to(device), torch.as_tensor(rows, device=device))
                for rows in track(self._chunks(values), "explaining", enabled=self.progress)
            ]
        joined = {name: torch.cat([part[name] for part in parts], 1).to(values.device) for name in TENSORS}
        result = Attributions(
            **joined,
            rule=self.rule,
            n_points=self.n_points,
            n_evaluations=sum(part["n_evaluations"] for part in parts),
            path=repr(self.path),
            baseline=repr(self.baseline),
        )
        return result if isinstance(target, tuple) or len(result.values) > 1 else result.output(0)

    def _chunks(self, values: Tensor) -> list[NDArray[np.int64]]:
        n_baselines = self.baseline(values[:1]).shape[1]
        pairs = min(PAIRS_AT_ONCE, max(1, VALUES_AT_ONCE // values[0].numel()))
        size = max(1, pairs // n_baselines)
        return [np.arange(first, min(first + size, len(values))) for first in range(0, len(values), size)]

    def _explain(self, scored: Score, samples: Tensor, rows: Tensor) -> dict[str, Any]:
        baselines = self.baseline(samples).to(samples)
        n_baselines = baselines.shape[1]
        starts, ends = baselines.flatten(0, 1), samples.repeat_interleave(n_baselines, 0)
        owners = rows.repeat_interleave(n_baselines)
        batch_size = self.batch_size or min(256, max(32, BATCH_VALUES // samples[0].numel()))
        with torch.no_grad():
            curve = self.path.between(starts, ends)
        integral = integrate(scored, curve, owners, RULES[self.rule], self.n_points, batch_size)
        at_ends, at_starts = (
            in_batches(scored, points, owners, size=batch_size).T.unflatten(1, (-1, n_baselines))
            for points in (ends, starts)
        )
        change = at_ends - at_starts
        values = integral.values.unflatten(1, (-1, n_baselines))
        return {
            "values": values.mean(2),
            "direction": (values * (ends - starts).sign().unflatten(0, (-1, n_baselines))).mean(2),
            "score": at_ends[:, :, 0],
            "change": change,
            "gap": values.flatten(3).sum(3) - change,
            "error": integral.error.unflatten(1, (-1, n_baselines)),
            "n_evaluations": integral.n_evaluations,
        }


def _require(name: str, value: object, protocol: type, example: str) -> None:
    if isinstance(value, type) or not isinstance(value, protocol):
        raise ValueError(f"{name}: got {value!r}, expected an object such as {example}")


def simple_gradients(
    model: Model,
    samples: Values,
    target: Target = None,
    *,
    extra: Values | Sequence[Values] = (),
    batch_size: int | None = None,
    progress: bool = True,
) -> Attributions:
    """Gradient * input, the floor every path is compared with: one gradient a sample, seen from the zero baseline.

    Completeness does not hold, which `gap` shows, and no error is estimated (NaN).
    """
    return Explainer(model, target, rule="gradient", batch_size=batch_size, progress=progress)(samples, extra=extra)


def _refuse_own_class(samples: Tensor, baseline: Baseline) -> None:
    """A class compared with itself explains nothing: refuse samples that all are points of the baseline class."""
    points = getattr(baseline, "points", None)
    if not isinstance(points, Tensor) or points.shape[1:] != samples.shape[1:]:
        return
    rows = points.to(samples)
    if all(bool((rows == sample).flatten(1).all(1).any()) for sample in samples):
        raise ValueError(
            f"baseline: all {len(samples)} samples explained are among the {len(points)} points of the baseline "
            "class, expected another class"
        )


def _several(extra: Values | Sequence[Values]) -> tuple[Values, ...]:
    return (extra,) if isinstance(extra, Tensor | np.ndarray | pd.DataFrame) else tuple(extra)
