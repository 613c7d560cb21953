"""What was found in a network and how it will be integrated, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eigrad.plan import Plan
from eigrad.survey import Survey


@dataclass(frozen=True)
class Diagnosis:
    """The operations of a network by kind, the rule and fusion that will be taken, and why none faster.

    `no_secant` and `no_fusion` are None where nothing stands against it. Printed, it is a short report.
    """

    rule: str
    reason: str
    fused: bool
    batch_size: int
    kinked: tuple[str, ...]
    smooth: tuple[str, ...]
    products: tuple[str, ...]
    recurrent: tuple[str, ...]
    jumping: tuple[str, ...]
    unknown: tuple[str, ...]
    no_secant: str | None
    no_fusion: str | None

    @classmethod
    def of(cls, found: Survey, plan: Plan) -> Diagnosis:
        """The diagnosis of a surveyed network and its plan."""
        names = found.found
        return cls(
            plan.rule.name, plan.reason, plan.fuse, plan.batch_size, found.kinked, found.smooth, found.products,
            _sorted(names.recurrent), _sorted(names.jumping), _sorted(names.unknown), found.no_secant, found.no_fusion,
        )  # fmt: skip

    def __str__(self) -> str:
        kinds = ("kinked", "smooth", "products", "recurrent", "jumping", "unknown")
        met = [f"{kind}: {', '.join(getattr(self, kind))}" for kind in kinds if getattr(self, kind)]
        fusion = "the first layer is fused" if self.fused else f"none: {self.no_fusion or 'the path is curved'}"
        lines = [
            f"operations  {'; '.join(met) or 'linear ones only, or none that can be seen'}",
            f"rule        {self.reason}",
            f"fusion      {fusion}",
            f"batch       {self.batch_size} points",
        ]
        if self.no_secant:
            lines.insert(2, f"no secant   {self.no_secant}")
        return "\n".join(lines)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
