"""Choosing how to integrate: the fastest rule that is right for what a network was found to contain, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from eigrad.curves import Curve
from eigrad.integrate.rules import RULES, Rule
from eigrad.precision import BFLOAT16, FULL, require_precision
from eigrad.survey import Survey

AUTO = "auto"
FIRST_POINTS = {"gauss-legendre": 8, "hale-trefethen": 9, "clenshaw-curtis": 9, "trapezoid": 17}
# Few secants can agree by chance where two bends were missed: a finer tolerance starts where it may be met.
FIRST_SECANTS = ((5e-3, 9), (1e-3, 17), (0.0, 33))
BATCH_BYTES = {
    "cpu": 2**23,
    "cuda": 2**28,
}  # what the values made for a batch may take: on a CPU they stay near its cache


@dataclass(frozen=True)
class Plan:
    """The rule, whether it was asked for, whether the first layer is fused, the points evaluated at once, and why."""

    rule: Rule
    asked: bool
    fuse: bool
    batch_size: int
    reason: str
    precision: str = FULL
    bends: bool = True  # whether anything in the network is not linear

    @property
    def fall(self) -> float:
        """How many times smaller an error may become where the points double: at order 1.5 for secants."""
        return float(2**1.5) if self.rule.slopes else math.inf

    @property
    def caution(self) -> float:
        """How far below a tolerance a first estimate must lie: few secants can agree by chance."""
        return 1.5 if self.rule.slopes else 1.0

    @property
    def doubted(self) -> float:
        """Below which a first estimate is too good to be believed."""
        return 1e-6 if self.rule.slopes and self.bends else 0.0

    def first_points(self, tol: float, n_segments: int) -> int:
        """The fewest points a path takes where a tolerance is to be reached; every segment takes two parts at least."""
        if self.rule.slopes:
            few = next(points for least, points in FIRST_SECANTS if tol >= least)
        else:
            few = FIRST_POINTS.get(self.rule.name, 2)
        return few if n_segments == 1 else max(few, 2 * n_segments + 1)

    def without_following(self, why: str) -> Plan:
        """The plan where the network took another course than when it was surveyed.

        ValueError where the secant was asked for: it follows every operation.
        """
        if not self.rule.slopes:
            return replace(self, fuse=False, reason=f"{self.reason}; not fused: {why}")
        if self.asked:
            raise ValueError(f"rule: got {self.rule.name!r} for a network it cannot follow ({why}), expected 'auto'")
        return replace(self.without_secant(why), fuse=False)

    def without_secant(self, why: str) -> Plan:
        """The plan where the secant proved wrong."""
        return replace(self, rule=RULES["trapezoid"], reason=f"trapezoid: {why}")


def plan(
    survey: Survey,
    rule: str,
    curve: Curve,
    *,
    refining: bool,
    batch_size: int | None,
    device: torch.device,
    dtype: torch.dtype,
    precision: str = FULL,
) -> Plan:
    """The plan for a surveyed network on curves like this one; `refining` says that points are added to a tolerance."""
    require_precision(precision, device)
    coarsest = torch.bfloat16 if precision == BFLOAT16 else dtype
    asked = rule != AUTO
    straight = curve.is_straight
    if not asked:
        rule, reason = _fastest(survey, refining, straight and curve.n_segments == 1, coarsest)
    else:
        reason = f"{rule}: as asked"
        if RULES[rule].slopes and survey.no_secant:
            raise ValueError(f"rule: got {rule!r} for a network it cannot follow ({survey.no_secant}), expected 'auto'")
        if rule == "clenshaw-curtis" and not straight:
            raise ValueError("rule: got 'clenshaw-curtis' on a decoded path, expected 'gauss-legendre' or 'auto'")
    fuse = straight and survey.fusion is not None
    return Plan(
        RULES[rule], asked, fuse, batch_size or _batch_size(survey, device, dtype), reason, precision, not survey.affine
    )


def _fastest(survey: Survey, refining: bool, one_line: bool, dtype: torch.dtype) -> tuple[str, str]:
    """The fastest rule that is right; while `refining` on one straight line nested grids use their gradients again."""
    hidden = sorted(survey.found.unknown | survey.found.jumping)
    if torch.finfo(dtype).eps > 1e-4:
        return "trapezoid", f"trapezoid: {dtype} is too coarse for differences between neighboring points"
    if survey.no_secant is None:
        if survey.kinked or hidden:
            return "secant", f"secant: {', '.join([*survey.kinked, *hidden])} bend"
        if survey.affine:
            return "secant", "secant: all operations are linear"
    elif survey.kinked or hidden or not survey.steps:
        return "trapezoid", f"trapezoid: no secant, since {survey.no_secant}"
    smooth = sorted({*survey.smooth, *survey.products, *survey.found.recurrent})
    rule = "hale-trefethen" if not refining else "clenshaw-curtis" if one_line else "gauss-legendre"
    return rule, f"{rule}: {', '.join(smooth)} are smooth"


def _batch_size(survey: Survey, device: torch.device, dtype: torch.dtype) -> int:
    """Points whose values fill the cache, found from what one point takes: the same on every run."""
    budget = BATCH_BYTES.get(device.type, BATCH_BYTES["cuda"])
    unseen = 3 if survey.found.recurrent else 1  # the gates of a recurrent layer are several times its outputs
    return int(min(4096, max(32, budget // (survey.values * unseen * dtype.itemsize))))
