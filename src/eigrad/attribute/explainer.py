"""The one call most users make."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from eigrad.attribute.chunk import Chunk
from eigrad.attribute.course import Course
from eigrad.attribute.diagnosis import Diagnosis
from eigrad.attribute.refine import Goal
from eigrad.attribute.result import Attributions, joined
from eigrad.baselines import Baseline, Zero
from eigrad.integrate import RULES
from eigrad.model import Model, Target, Values, as_samples, as_tensor, on_device, placement, score
from eigrad.paths import Path, Straight
from eigrad.plan import AUTO, Plan, plan
from eigrad.precision import FULL, PRECISIONS, full_precision
from eigrad.progress import track
from eigrad.survey import Survey
from eigrad.undisturbed import Undisturbed

PAIRS_AT_ONCE = 256  # pairs whose curves are held together; only a batch of their points ever is
VALUES_AT_ONCE = 2**22  # and at most this many numbers for one corner of those curves


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
            if value is not None and (isinstance(value, bool) or int(value) != value or value < least):
                raise ValueError(f"{name}: got {value!r}, expected a whole number of at least {least}")
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
        names: tuple[Hashable, ...] | None = None
        if isinstance(samples, pd.DataFrame):
            names, samples = tuple(samples.columns), as_samples(samples)
        target = self.target if target is None else target
        others = tuple(_of_rows(values, len(samples)) for values in _several(extra))
        if isinstance(target, Tensor | np.ndarray) and target.ndim and len(target) != len(samples):
            raise ValueError(
                f"target: got {len(target)} indices for {len(samples)} samples, expected one index a sample"
            )
        chunks = self._chunks(samples)
        _refuse_own_class((as_samples(samples[rows]) for rows in chunks), self.baseline)
        undisturbed = Undisturbed(self.model)
        course = Course(self._plan, Goal(self.n_points, self.tol, self.max_points))
        for rows in track(chunks, "explaining", enabled=self.progress):
            with undisturbed, torch.inference_mode(False), full_precision():
                chunk, home = self._chunk(samples, rows, target, others)
                part = course.explained(chunk)
            yield replace(part.on(home, repr(self.baseline)), feature_names=names)

    def diagnose(self, samples: Values, *, target: Target = None, extra: Values | Sequence[Values] = ()) -> Diagnosis:
        """What the network is made of near the first sample, and which rule and fusion it would be explained with."""
        values = as_samples(samples)
        target = self.target if target is None else target
        with Undisturbed(self.model), torch.inference_mode(False), full_precision():
            chunk, _ = self._chunk(
                values, slice(0, 1), target, tuple(_of_rows(e, len(values)) for e in _several(extra))
            )
            found = chunk.surveyed()
            return Diagnosis.of(found, self._plan(chunk, found))

    def _chunks(self, samples: Any) -> list[slice]:
        first = as_samples(samples[:1])
        n_baselines = self.baseline(first).shape[1]
        pairs = min(PAIRS_AT_ONCE, max(1, VALUES_AT_ONCE // first[0].numel()))
        size = max(1, pairs // n_baselines)
        return [slice(begin, min(begin + size, len(samples))) for begin in range(0, len(samples), size)]

    def _chunk(
        self, samples: Any, rows: slice, target: Target, extra: tuple[Values, ...]
    ) -> tuple[Chunk, torch.device]:
        values = as_samples(samples[rows])
        device, dtype = placement(self.model, values)
        values = values.detach().to(dtype)
        part = target[rows] if isinstance(target, Tensor | np.ndarray) and target.ndim else target
        scored = score(self.model, values, part, tuple(other[rows] for other in extra))
        placed = on_device(values, device)
        return Chunk(scored, placed, self.baseline(placed).to(placed), self.path), values.device

    def _plan(self, chunk: Chunk, found: Survey) -> Plan:
        samples = chunk.samples
        return plan(
            found, self.rule, chunk.curve, refining=self.n_points is None, batch_size=self.batch_size,
            device=samples.device, dtype=samples.dtype, precision=self.precision,
        )  # fmt: skip


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


def _refuse_own_class(chunks: Iterable[Tensor], baseline: Baseline) -> None:
    """A class compared with itself explains nothing: refuse samples that all are points of the baseline class."""
    points = getattr(baseline, "points", None)
    if not isinstance(points, Tensor):
        return
    n_samples = 0
    for samples in chunks:
        rows = points.to(samples)
        if rows.shape[1:] != samples.shape[1:] or not all((rows == each).flatten(1).all(1).any() for each in samples):
            return  # the first that is of another class settles it
        n_samples += len(samples)
    if n_samples:
        raise ValueError(
            f"baseline: all {n_samples} samples explained are among the {len(points)} points of the baseline class, "
            "expected another class"
        )


def _of_rows(values: Values, n_samples: int) -> Tensor:
    tensor = as_tensor(values, "extra input")
    if tensor.ndim == 0 or len(tensor) != n_samples:
        raise ValueError(f"extra input: got shape {tuple(tensor.shape)}, expected {n_samples} rows, one a sample")
    return tensor


def _several(extra: Values | Sequence[Values]) -> tuple[Values, ...]:
    return (extra,) if isinstance(extra, Tensor | np.ndarray | pd.DataFrame) else tuple(extra)


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
