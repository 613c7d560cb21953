"""What a network is made of, found by running a handful of points through it: the ground for choosing a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eigrad.data import one_line
from eigrad.fusion import Fusion, fused
from eigrad.model import Score
from eigrad.slopes.rows import Layout, layout_of
from eigrad.slopes.table import rule_of
from eigrad.slopes.trace import Findings, Trace
from eigrad.slopes.watch import Replacing, Step

FEW, MANY = 3, 5  # rows of the two passes that tell the axis of the rows from all others


@dataclass(frozen=True)
class Survey:
    """The tracked calls of a network, what was found on the way, and what it allows.

    `no_secant` and `no_fusion` say why not, None where nothing stands against it. `values` is the number of values
    made for one row. `found` names the operations that depend on the input.
    """

    steps: tuple[Step, ...]
    found: Findings
    no_secant: str | None
    fusion: Fusion | None
    no_fusion: str | None
    values: int

    @property
    def kinked(self) -> tuple[str, ...]:
        """Operations with kinks: on their account classical rules are of the first order only."""
        return self._named("kinked")

    @property
    def smooth(self) -> tuple[str, ...]:
        return self._named("smooth")

    @property
    def products(self) -> tuple[str, ...]:
        return self._named("product")

    @property
    def affine(self) -> bool:
        """Whether nothing but linear operations was found."""
        others = self.found.unknown | self.found.jumping | self.found.recurrent
        return not (self.kinked or self.smooth or self.products or others or self.no_secant)

    def _named(self, kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.name for step in self.steps if step.kind == kind))


def survey(score: Score, start: Tensor, end: Tensor, row: Tensor) -> Survey:
    """Survey the score near one path, from `start` to `end` (*shape), with the extra inputs of `row` (a single index).

    ValueError where the score of a point changes from one call to the next, or depends on the points it is evaluated
    with: nothing can be integrated then.
    """
    points = _between(start, end, MANY)
    changed = points[:FEW].clone()
    changed[1] = torch.lerp(start, end, 0.77)
    rows = row.expand(MANY)
    with torch.no_grad():
        once = score(points[:FEW].clone(), rows[:FEW])
        _refuse_infinite(once)
        parts = (points[:FEW], points, changed)
        try:
            traces, scores = zip(*(_trace(score, part, rows) for part in parts), strict=True)
            steps, no_secant = _steps(traces)
            reason = None
        except Exception as error:  # whatever a network does to the mode that watches it, it can still be integrated
            reason = f"its operations cannot be followed ({type(error).__name__}: {one_line(error)})"
            scores = tuple(score(part.clone(), rows[: len(part)]) for part in parts)
        again, many, other = scores
        _refuse_chance(once, again)
        _refuse_company(once, other, many)
        if reason:
            return Survey((), Findings(), reason, None, reason, once.numel())
        _refuse_shared_decisions(score, points[:FEW], rows, traces)
        fusion = _fusion(score, points, rows, traces[1], steps)
    found = traces[0].found
    no_secant = no_secant or _against_secant(found, traces[0])
    return Survey(
        steps,
        found,
        no_secant,
        fusion if isinstance(fusion, Fusion) else None,
        None if isinstance(fusion, Fusion) else fusion,
        -(-found.values // FEW) + points[0].numel(),
    )


def _between(start: Tensor, end: Tensor, n: int) -> Tensor:
    t = torch.linspace(0.1, 1, n, dtype=torch.float64).to(start).view(-1, *(1 for _ in start.shape))
    return torch.lerp(start.expand(n, *start.shape), end.expand(n, *end.shape), t)


def _trace(score: Score, points: Tensor, rows: Tensor) -> tuple[Trace, Tensor]:
    points = points.clone()
    trace = Trace(points)
    with trace:
        scores = score(points, rows[: len(points)])
    trace.ends_seen = trace.depends(scores)
    return trace, scores


def _refuse_infinite(scores: Tensor) -> None:
    if not bool(torch.isfinite(scores).all()):
        raise ValueError(
            "model: its score is NaN or infinite between a sample and its baseline, expected finite scores there"
        )


def _refuse_chance(once: Tensor, again: Tensor) -> None:
    if not _same(once, again):
        raise ValueError(
            "model: two evaluations of the same points differ, expected a network without chance in evaluation mode "
            "(is dropout left on, or does it draw random numbers or keep state?)"
        )


def _refuse_company(few: Tensor, other: Tensor, many: Tensor) -> None:
    alone = [0, 2]
    if not _same(few[alone], other[alone]) or not _same(few, many[:FEW]):
        raise ValueError(
            "model: the score of a point depends on the other points of its batch, expected rows that are independent "
            "(is batch normalization left in training mode or without running statistics?)"
        )


def _refuse_shared_decisions(score: Score, points: Tensor, rows: Tensor, traces: Sequence[Trace]) -> None:
    """A number taken out of a tensor may depend on one row, as in a loop over rows, but not on several."""
    if not traces[0].numbers:
        return
    other = points.clone()
    other[0] = torch.lerp(points[0], points[2], 0.37)
    before, second, first = (trace.numbers for trace in (traces[0], traces[2], _trace(score, other, rows)[0]))
    for number, by_second, by_first in zip(before, second, first, strict=False):
        if number not in (by_second, by_first):
            raise ValueError(
                "model: its course hangs on a number made from several points of a batch, expected rows that are "
                "independent (a branch or a loop on a sum over the batch?)"
            )


def _same(a: Tensor, b: Tensor) -> bool:
    scale = float(a.abs().max()) if a.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=1e3 * torch.finfo(a.dtype).eps * (scale + 1e-30), equal_nan=True)


def _steps(traces: Sequence[Trace]) -> tuple[tuple[Step, ...], str | None]:
    few, many, changed = ([*trace.seen] for trace in traces)
    if not [seen.name for seen in few] == [seen.name for seen in many] == [seen.name for seen in changed]:
        return (), "its course depends on the values of the input"
    steps, reason = [], None
    for calls in zip(few, many, changed, strict=True):
        layouts = tuple(_layout(*tensors) for tensors in zip(*(call.tensors for call in calls), strict=True))
        out = _layout(*(call.result for call in calls))
        dependent = tuple(layout if isinstance(layout, Layout) else None for layout in layouts)
        # what is not None depends on the input, even where its rows cannot be told
        needs_rule = rule_of(calls[0].name, [None if layout is None else Layout(0) for layout in layouts]) is not None
        steps.append(Step(calls[0].name, dependent, out if isinstance(out, Layout) else None))
        words = next((layout for layout in (*layouts, out) if isinstance(layout, str)), None)
        if needs_rule and (words or steps[-1].out is None):
            reason = reason or f"{calls[0].name}: {words or 'its result has no rows'}"
    return tuple(steps), reason


def _layout(few: Tensor | None, many: Tensor | None, changed: Tensor | None) -> Layout | str | None:
    if few is None or many is None or changed is None:
        return None
    try:
        return layout_of(few, many, changed, FEW, MANY)
    except ValueError as error:
        return str(error)


def _against_secant(found: Findings, trace: Trace) -> str | None:
    if not trace.ends_seen:
        return "its operations are hidden (a compiled or scripted module, or a function with a derivative of its own)"
    if found.recurrent:
        return f"{_listed(found.recurrent)}: recurrent layers have no rule of their own"
    if found.jumping:
        return f"{_listed(found.jumping)}: jumps, which have no slope"
    return None


def _fusion(score: Score, points: Tensor, rows: Tensor, trace: Trace, steps: tuple[Step, ...]) -> Fusion | str:
    consumers = trace.found.consumers
    if _hooked(score.model):
        return "a backward hook is registered, which must see the gradients as they are"
    if len(consumers) != 1:
        names = ", ".join(dict.fromkeys(name for name, _ in consumers))
        return f"the input is used {len(consumers)} times ({names})" if consumers else "the first layer is hidden"
    name, position = consumers[0]
    if position is None or position >= len(steps):
        return f"the input is first used by {name}, which is not an affine layer"
    if steps[position].layouts[0] != Layout(0) or steps[position].out != Layout(0):
        return f"the rows are not along the first axis of {name}"
    size = points[0].numel()
    if size > 2 / torch.finfo(points.dtype).eps:
        return f"{size} features cannot be numbered in {points.dtype}"
    numbered = torch.arange(size).to(points).view(points.shape[1:]).expand(FEW, *points.shape[1:])
    renumbered = _trace(score, numbered, rows)[0].seen[position].tensors[0]
    assert renumbered is not None
    fusion = fused(trace.seen[position], position, renumbered, points.shape[1:])
    if isinstance(fusion, str):
        return fusion
    return _proved(fusion, score, points, rows, steps) or fusion


def _hooked(model: object) -> bool:
    modules = model.modules() if isinstance(model, nn.Module) else ()
    names = ("_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name, None) for module in modules for name in names)


def _proved(fusion: Fusion, score: Score, points: Tensor, rows: Tensor, steps: tuple[Step, ...]) -> str | None:
    """Nothing if the score is a function of the layer's output alone, whatever the input, with the same gradient."""
    found, gradient = _gradient(lambda x: score(x, rows), points)
    between = fusion.forward(points)
    for i in range(2):
        blind = points[i : i + 1].expand_as(points)

        def replaced(u: Tensor, blind: Tensor = blind) -> Tensor:
            with Replacing(steps, (fusion.position, u)):
                return score(blind.clone(), rows)

        blended, inner = _gradient(replaced, between)
        if not _same(found, blended):
            return "the score depends on the input beside its first layer"
        if not _same(gradient, fusion.transpose(inner)):
            return "the gradient reaches the input beside its first layer"
    return None


def _gradient(function: Any, points: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        points = points.detach().clone().requires_grad_()
        value = function(points.clone())
        (gradient,) = torch.autograd.grad(value.sum(), points, allow_unused=True)
    return value.detach(), torch.zeros_like(points) if gradient is None else gradient


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
