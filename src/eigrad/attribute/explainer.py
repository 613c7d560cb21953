"""The one call most users make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from eigrad.attribute.course import Settled
from eigrad.attribute.diagnosis import Diagnosis
from eigrad.attribute.result import Attributions, joined
from eigrad.attribute.session import Session
from eigrad.baselines import Baseline, Zero
from eigrad.data import require_whole
from eigrad.integrate import RULES
from eigrad.model import Model, Target, Values, as_samples
from eigrad.paths import Path, Straight
from eigrad.plan import AUTO
from eigrad.precision import FULL, PRECISIONS
from eigrad.progress import track


@dataclass(frozen=True)
class Explainer:
    """Integrated gradients of a model's score along paths from baselines to samples.

    `target` is as in `eigrad.model.score`. `rule` is auto, secant, crowded-secant, hale-trefethen, gauss-legendre,
    clenshaw-curtis, trapezoid, or gradient (no integral); auto takes the fastest that is right for the network, and the
    result says which. Points are added until the estimated summed error of a sample's attributions is at most `tol` of
    their summed absolute value, but not beyond `max_points`; with `n_points` every path takes that many. A path of many
    segments takes two parts for each, even where that makes more. `batch_size` bounds the points evaluated at once, and
    with them the memory. `precision` is full, bfloat16, or on CUDA tf32: what a lower one costs is measured on the
    first sample. The columns of a data frame go with its attributions as `feature_names`. The model is left as it was
    found: mode, device, dtype, buffers and gradient flags. ValueError says what cannot be explained.
    """

    model: Model = field(repr=False)
    target: Target = None
    path: Path = field(default_factory=Straight)
    baseline: Baseline = field(default_factory=Zero)
    n_points: int | None = None
    rule: str = AUTO
    batch_size: int | None = None
    progress: bool = True
    tol: float = 0.01
    max_points: int = 1025
    precision: str = FULL

    def __post_init__(self) -> None:
        if not callable(self.model) or isinstance(self.model, type):
            raise ValueError(f"model: got {_kind(self.model)}, expected a torch.nn.Module or a function of samples")
        _require("path", self.path, Path, "paths.Straight()")
        _require("baseline", self.baseline, Baseline, "baselines.Zero()")
        if self.rule not in (AUTO, *RULES):
            raise ValueError(f"rule: got {self.rule!r}, expected one of {', '.join((AUTO, *RULES))}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision: got {self.precision!r}, expected one of {', '.join(PRECISIONS)}")
        for name, value, least in (
            ("n_points", self.n_points, 2),
            ("batch_size", self.batch_size, 1),
            ("max_points", self.max_points, 2),
        ):
            if value is not None:
                require_whole(name, value, least)
        if not isinstance(self.tol, float | int) or not 0 < self.tol < 1:
            raise ValueError(f"tol: got {self.tol!r}, expected a relative error between 0 and 1")

    def __call__(
        self, samples: Values, *, target: Target = None, extra: Values | Sequence[Values] = ()
    ) -> Attributions:
        """Explain samples (samples, *shape); `target` given here takes precedence, e.g. one index a sample.

        `extra` are further inputs of the model that are not explained (one tensor or several, one row a sample).
        """
        whole = samples if isinstance(samples, pd.DataFrame) else as_samples(samples)
        result = joined(list(self.stream(whole, target=target, extra=extra)))
        target = self.target if target is None else target
        return result if isinstance(target, tuple) or result.n_outputs != 1 else result.output(0)

    def stream(
        self, samples: Any, *, target: Target = None, extra: Values | Sequence[Values] = ()
    ) -> Iterator[Attributions]:
        """Explain samples chunk by chunk, in order, holding one chunk at a time.

        `samples` is anything with a length whose slices are values: a memory-mapped or Zarr array is read as it goes.
        Tensors have their axis of outputs even where there is one.
        """
        session = self.session(samples, target=target, extra=extra)
        for i in track(range(len(session)), "explaining", enabled=self.progress):
            yield session(i)

    def session(
        self,
        samples: Any,
        *,
        target: Target = None,
        extra: Values | Sequence[Values] = (),
        settled: Settled | None = None,
    ) -> Session:
        """The samples' chunks, to be explained one by one in any order, in this process or in several."""
        return Session(self, samples, target=target, extra=extra, settled=settled)

    def diagnose(self, samples: Values, *, target: Target = None, extra: Values | Sequence[Values] = ()) -> Diagnosis:
        """What the network is made of near the first sample, and which rule and fusion it would be explained with."""
        return Diagnosis.of(*self.session(as_samples(samples), target=target, extra=extra).surveyed())


def _require(name: str, value: object, protocol: type, example: str) -> None:
    if isinstance(value, type) or not isinstance(value, protocol):
        raise ValueError(f"{name}: got {_kind(value)}, expected an object such as {example}")


def _kind(value: object) -> str:
    """What something is, in few words whatever it holds."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"


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


def diagnose(
    model: Model,
    samples: Values,
    target: Target = None,
    *,
    path: Path | None = None,
    baseline: Baseline | None = None,
    extra: Values | Sequence[Values] = (),
) -> Diagnosis:
    """Say what a network is made of, which rule and fusion will be taken for it, and why none faster."""
    explainer = Explainer(model, target, path=path or Straight(), baseline=baseline or Zero())
    return explainer.diagnose(samples, extra=extra)
