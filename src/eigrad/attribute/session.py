"""Samples explained chunk by chunk, in any order and in any process."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from eigrad.attribute.chunk import Chunk
from eigrad.attribute.course import Course, Settled
from eigrad.attribute.refine import Goal
from eigrad.attribute.result import Attributions
from eigrad.baselines import Baseline
from eigrad.model import Target, Values, as_samples, as_tensor, on_device, placement, score
from eigrad.plan import Plan, plan
from eigrad.precision import full_precision
from eigrad.survey import Survey
from eigrad.undisturbed import Undisturbed

if TYPE_CHECKING:
    from eigrad.attribute.explainer import Explainer

Shipped: TypeAlias = tuple[Tensor, Target, tuple[Tensor, ...]]  # values, targets and further inputs of a chunk

PAIRS_AT_ONCE = 256  # pairs whose curves are held together; only a batch of their points ever is
VALUES_AT_ONCE = 2**22  # and at most this many numbers for one corner of those curves


class Session:
    """Samples to be explained by an explainer: `session(i)` are the attributions of `chunks[i]`, whatever came before.

    `samples` is anything with a length whose slices are values. What the first chunk with a path that has a length
    `settled` (rule, fusion, batch size) holds for all; handed to a session in another process, it need not be found
    again. Tensors have their axis of outputs even where there is one.
    """

    def __init__(
        self,
        explainer: Explainer,
        samples: Any,
        *,
        target: Target = None,
        extra: Values | Sequence[Values] = (),
        settled: Settled | None = None,
    ) -> None:
        self.feature_names: tuple[Hashable, ...] | None = None
        if isinstance(samples, pd.DataFrame):
            self.feature_names, samples = tuple(samples.columns), as_samples(samples)
        self._explainer, self._samples = explainer, samples
        self._target = explainer.target if target is None else target
        n_samples = length_of(samples)
        self._extra = tuple(_of_rows(values, n_samples) for values in _several(extra))
        if isinstance(self._target, Tensor | np.ndarray) and self._target.ndim and len(self._target) != n_samples:
            raise ValueError(
                f"target: got {len(self._target)} indices for {n_samples} samples, expected one index a sample"
            )
        self.chunks = chunks_of(samples, explainer.baseline)
        _refuse_own_class((as_samples(samples[rows]) for rows in self.chunks), explainer.baseline)
        self._undisturbed = Undisturbed(explainer.model)
        self._course = Course(self._plan, Goal(explainer.n_points, explainer.tol, explainer.max_points), settled)
        self._first = 0
        self._begun: tuple[int, Attributions] | None = None  # the chunk that settled the plan, until it is asked for

    def __len__(self) -> int:
        return len(self.chunks)

    @property
    def several(self) -> bool:
        """Whether outputs were asked for by a tuple, even of one: their axis is wanted."""
        return isinstance(self._target, tuple)

    @property
    def settled(self) -> Settled:
        """What holds for all chunks, found by explaining one of them."""
        self._begin()
        assert self._course.settled is not None
        return self._course.settled

    @property
    def first(self) -> int:
        """The number of the chunk that settles them."""
        self._begin()
        return self._first

    def __call__(self, i: int) -> Attributions:
        self._begin()
        if self._begun is not None and self._begun[0] == i:
            (_, result), self._begun = self._begun, None
            return result
        return self.explained(self.shipped(i))

    def shipped(self, i: int) -> Shipped:
        """What chunk i is made of, for a session in another process to explain."""
        rows, target = self.chunks[i], self._target
        part = target[rows] if isinstance(target, Tensor | np.ndarray) and target.ndim else target
        return as_samples(self._samples[rows]), part, tuple(other[rows] for other in self._extra)

    def explained(self, shipped: Shipped) -> Attributions:
        """The attributions of a chunk of other samples, by what was settled here."""
        self._begin()
        with self._undisturbed, torch.inference_mode(False), full_precision():
            chunk, home = self._placed(*shipped)
            return self._said(self._course.explained(chunk), home)

    def surveyed(self) -> tuple[Survey, Plan]:
        """What the network is made of near the first sample, and how it would be explained."""
        with self._undisturbed, torch.inference_mode(False), full_precision():
            values, target, extra = self.shipped(0)
            first = target[:1] if isinstance(target, Tensor | np.ndarray) and target.ndim else target
            chunk, _ = self._placed(values[:1], first, tuple(other[:1] for other in extra))
            found = chunk.surveyed()
            return found, self._plan(chunk, found)

    def _begin(self) -> None:
        if self._course.ready:
            return
        with self._undisturbed, torch.inference_mode(False), full_precision():
            self._first, chunk, home = self._first_of_length()
            result = self._course.begin(chunk)
            self._begun = None if result is None else (self._first, self._said(result, home))

    def _first_of_length(self) -> tuple[int, Chunk, torch.device]:
        """The first chunk that has a sample which is not its baseline, or the first of all."""
        for i in range(len(self)):
            chunk, home = self._placed(*self.shipped(i))
            if len(chunk.paths_of_length):
                return i, chunk, home
        return 0, *self._placed(*self.shipped(0))

    def _said(self, result: Attributions, home: torch.device) -> Attributions:
        return replace(result.on(home, repr(self._explainer.baseline)), feature_names=self.feature_names)

    def _placed(self, values: Tensor, target: Target, extra: tuple[Tensor, ...]) -> tuple[Chunk, torch.device]:
        explainer = self._explainer
        device, dtype = placement(explainer.model, values)
        # sums depend on how numbers lie in memory: always alike
        values = values.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)
        scored = score(explainer.model, values, target, extra)
        placed = on_device(values, device)
        return Chunk(scored, placed, explainer.baseline(placed).to(placed), explainer.path), values.device

    def _plan(self, chunk: Chunk, found: Survey) -> Plan:
        samples, explainer = chunk.samples, self._explainer
        return plan(
            found, explainer.rule, chunk.curve, refining=explainer.n_points is None, batch_size=explainer.batch_size,
            device=samples.device, dtype=samples.dtype, precision=explainer.precision,
        )  # fmt: skip


def chunks_of(samples: Any, baseline: Baseline) -> list[slice]:
    """The rows of each chunk: as many as hold a bounded number of pairs and of values."""
    first = as_samples(samples[:1])
    n_baselines = baseline(first).shape[1]
    pairs = min(PAIRS_AT_ONCE, max(1, VALUES_AT_ONCE // first[0].numel()))
    size = max(1, pairs // n_baselines)
    n_samples = length_of(samples)
    return [slice(begin, min(begin + size, n_samples)) for begin in range(0, n_samples, size)]


def length_of(samples: Any) -> int:
    """How many samples there are; a Zarr array says it by its shape alone."""
    return int(samples.shape[0]) if hasattr(samples, "shape") else len(samples)


def _refuse_own_class(chunks: Iterable[Tensor], baseline: Baseline) -> None:
    """A class compared with itself explains nothing: refuse samples that all are points of the baseline class.

    Rows that stand there several times, as those of few whole numbers do, may be there by chance: most must stand once.
    """
    points = getattr(baseline, "points", None)
    if not isinstance(points, Tensor):
        return
    n_samples, n_once = 0, 0
    for samples in chunks:
        rows = points.to(samples)
        if rows.shape[1:] != samples.shape[1:]:
            return
        for each in samples:
            times = int((rows == each).flatten(1).all(1).sum())
            if not times:
                return  # the first that is of another class settles it
            n_samples, n_once = n_samples + 1, n_once + (times == 1)
    if 2 * n_once > n_samples:
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
