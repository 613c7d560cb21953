"""The attribution class: what Captum's tools call, answered by an explainer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from eigrad.attribute import Explainer
from eigrad.baselines import Baseline
from eigrad.captum.forward import CaptumTarget, Forward, flat_target
from eigrad.captum.inputs import Carried, Carrying, Given, Inputs, Same
from eigrad.data import require_whole
from eigrad.integrate import RULES
from eigrad.model import as_samples
from eigrad.paths import Path, Straight
from eigrad.plan import AUTO
from eigrad.precision import FULL

METHODS = {"gausslegendre": "gauss-legendre", "riemann_trapezoid": "trapezoid"}  # Captum's names of rules
P = ParamSpec("P")
R = TypeVar("R")


def _captums_own() -> Any:
    try:
        from captum.attr import GradientAttribution
    except ImportError:
        return object
    return GradientAttribution


def _wrapped(method: Callable[P, R]) -> Callable[P, R]:
    """A method that has `__wrapped__`, which Captum's noise tunnel calls."""

    @wraps(method)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        return method(*args, **kwargs)

    return called


_Base: Any = _captums_own()


class EnhancedIntegratedGradients(_Base):  # type: ignore[misc] # known only where Captum is installed
    """Enhanced integrated gradients, to be used where Captum's `IntegratedGradients` is.

    `forward_func` is a module or a function of the inputs and of further arguments, which gives one row a sample.
    `path`, `rule`, `precision` and `tol` are those of `eigrad.Explainer`. `baseline` is an eigrad baseline, for calls
    that give no `baselines`; attributions are averaged over its points. Several inputs follow one path together: all
    but the straight line see them flattened and joined, (samples, features). A module is explained in evaluation
    mode, and left as it was found. With `multiply_by_inputs=False` attributions are divided by x - x' (the mean
    gradient along the straight line from `baselines`). ValueError where Captum is missing, and says what cannot be
    explained.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        multiply_by_inputs: bool = True,
        *,
        path: Path | None = None,
        baseline: Baseline | None = None,
        rule: str = AUTO,
        precision: str = FULL,
        tol: float = 0.01,
    ) -> None:
        if _Base is object:
            raise ValueError("EnhancedIntegratedGradients needs captum: pip install 'eigrad[compare]'")
        super().__init__(forward_func)
        self.path, self.baseline = Straight() if path is None else path, baseline
        self.rule, self.precision, self.tol = rule, precision, tol
        self._multiply_by_inputs = multiply_by_inputs
        if not multiply_by_inputs and (baseline is not None or not isinstance(self.path, Straight)):
            raise ValueError(
                "multiply_by_inputs: got False with a path or baseline of eigrad's, expected paths.Straight() and "
                "baselines given to attribute: elsewhere there is no x - x' to divide by"
            )
        self._explainer(forward_func, Same(torch.zeros(1, 1)))  # which refuses what is no path, rule or precision

    @_wrapped
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        baselines: Given = None,
        target: CaptumTarget = None,
        additional_forward_args: object = None,
        n_steps: int | None = None,
        method: str | None = None,
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attributions of every input, in its shape; a tuple of them for a tuple of inputs.

        The arguments are Captum's. `inputs` are (samples, *shape); `baselines` a number, a tensor of the inputs' shape
        or of one row of it, or a tuple of one for each input; `target` an index or a tuple of indices, or a list or
        tensor of one a sample. Further arguments that are tensors have one row a sample, which follows it along its
        path; others are passed as they are. `n_steps` is the number of points on each path; None adds points until
        the error estimate is at most `tol`. `method` is "gausslegendre", "riemann_trapezoid" (whose weights here sum
        to 1) or a rule of eigrad, in place of the constructor's. `internal_batch_size` bounds the points evaluated at
        once. With `return_convergence_delta` the completeness gaps (samples,) follow: sum(a) - (F(x) - F(x')), in
        units of the score, before any division by x - x'. ValueError says what was got and what is expected.
        """
        given = Inputs(inputs if isinstance(inputs, tuple) else (inputs,))
        samples = as_samples(given.as_one(), "inputs")
        own = self.baseline if baselines is None else None
        start = None if own is not None else self._start(as_samples(given.baselines(baselines), "baselines"), samples)
        carries = start is not None and len(start) > 1
        explained = torch.stack([samples, start.to(samples)], 1) if start is not None and carries else samples
        forward = Forward(self.forward_func, given, additional_forward_args, carries=carries)
        chosen = flat_target(target, forward.shape(explained), len(given))
        explainer = self._explainer(
            forward,
            Carried() if carries else own if start is None else Same(start),
            path=Carrying(self.path) if carries else self.path,
            n_points=_whole("n_steps", n_steps, 2),
            rule=self.rule if method is None else _rule(method),
            batch_size=_whole("internal_batch_size", internal_batch_size, 1),
        )
        found = explainer(explained, target=chosen, extra=forward.extra)
        values = found.values[:, 0] if carries else found.values
        if not self._multiply_by_inputs and start is not None:
            values = values / (samples - start).to(values)
        parts = given.like_given(values)
        result = parts if isinstance(inputs, tuple) else parts[0]
        return (result, found.gap.mean(1).to(parts[0].dtype)) if return_convergence_delta else result

    def has_convergence_delta(self) -> bool:
        """True: `attribute` can return the completeness gap of every sample."""
        return True

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are contributions to the score, rather than mean gradients."""
        return self._multiply_by_inputs

    def _explainer(self, model: Callable[..., Any], baseline: Any, **settings: Any) -> Explainer:
        own = {"path": self.path, "rule": self.rule, "precision": self.precision, "tol": self.tol}
        return Explainer(model, baseline=baseline, progress=False, **{**own, **settings})

    def _start(self, start: Tensor, samples: Tensor) -> Tensor:
        """Baselines as given; where x - x' is divided by, a few roundings away from features that do not change."""
        if self._multiply_by_inputs:
            return start
        largest = samples.abs().flatten(1).amax(1).view(-1, *(1 for _ in samples.shape[1:]))
        step = 8 * torch.finfo(samples.dtype).eps * torch.where(largest > 0, largest, 1.0)
        return torch.where(samples == start, samples - step, start)


def _rule(method: str) -> str:
    rule = METHODS.get(method, method)
    if rule not in (AUTO, *RULES):
        known = ", ".join((*METHODS, AUTO, *RULES))
        raise ValueError(f"method: got {method!r}, expected None for the constructor's rule, or one of {known}")
    return rule


def _whole(name: str, value: int | None, least: int) -> int | None:
    try:
        return None if value is None else require_whole(name, value, least)
    except ValueError as error:
        raise ValueError(f"{error}, or None") from None
