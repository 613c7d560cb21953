"""A rule for every operation: what stands for its derivative between neighboring rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from eigrad.slopes.elementwise import Kinks, bent, smooth
from eigrad.slopes.largest import Moved, Windows, adaptive_windows, along, largest
from eigrad.slopes.names import PRODUCTS
from eigrad.slopes.normalizing import normalized
from eigrad.slopes.products import product
from eigrad.slopes.rows import Layout

Kind = Literal["kinked", "smooth", "product"]


@dataclass(frozen=True)
class Call:
    """One call of an operation: its tensors with the layout of each (None: no rows, or the same along a path)."""

    name: str
    plain: Callable[..., Any]  # the operation as a function of the tensors alone, never in place
    tensors: tuple[Tensor, ...]
    layouts: tuple[Layout | None, ...]
    out: Layout | None
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """An argument given by name or by position."""
        if name in self.options:
            return self.options[name]
        return self.arguments[position] if position < len(self.arguments) else default


Rule = Callable[[Call], Any]


@dataclass(frozen=True)
class Operation:
    """What an operation is, and its rule."""

    kind: Kind
    rule: Rule


def rule_of(name: str, layouts: Sequence[Layout | None]) -> Operation | None:
    """The operation whose rule is needed, given which of its tensors depend on the input; None where none is."""
    dependent = sum(layout is not None for layout in layouts)
    if dependent == 0:
        return None
    if name in PRODUCTS:
        return Operation("product", _product) if dependent > 1 else None
    if name == "div" and (len(layouts) == 1 or layouts[-1] is None):
        return None
    return OPERATIONS.get(name)


def _product(call: Call) -> Any:
    return product(call.plain, call.tensors, call.layouts)


def _quotient(call: Call) -> Any:
    """A / b is a times 1 / b."""
    if call.option("rounding_mode", 9) is not None:
        return call.plain(*call.tensors)
    above, below = call.tensors
    inverse = smooth(below, _first(call.layouts[-1:]), torch.reciprocal, singular=True)
    return product(torch.mul, (above, inverse), call.layouts)


def _reversed_quotient(call: Call) -> Any:
    """b.__rtruediv__(a) is a / b."""
    return call.arguments[1] * smooth(call.tensors[0], _first(call.layouts), torch.reciprocal, singular=True)


def _first(layouts: Sequence[Layout | None]) -> Layout:
    layout = layouts[0]
    assert layout is not None
    return layout


def _smooth(singular: bool = False) -> Rule:
    def rule(call: Call) -> Any:
        if any(layout is not None for layout in call.layouts[1:]) or call.layouts[0] is None:
            return call.plain(*call.tensors)

        def function(z: Tensor) -> Tensor:
            value: Tensor = call.plain(z, *call.tensors[1:])
            return value

        return smooth(call.tensors[0], call.layouts[0], function, singular)

    return rule


def _bent(kinks: Callable[[Call], Kinks]) -> Rule:
    def rule(call: Call) -> Any:
        if any(layout is not None for layout in call.layouts[1:]) or call.layouts[0] is None:
            return call.plain(*call.tensors)
        return bent(call.tensors[0], call.layouts[0], kinks(call), lambda z: call.plain(z, *call.tensors[1:]))

    return rule


def _relu(call: Call) -> Any:
    return bent(call.tensors[0], _first(call.layouts), (0, [(0, 1, 0)]), torch.relu)


def _leaky(call: Call) -> Kinks:
    slope = call.option("negative_slope", 1, 0.01)
    return slope, [(0, 1 - slope, 0)]


def _prelu(call: Call) -> Kinks:
    z, weight = call.tensors
    slope = weight.detach() if weight.numel() == 1 else weight.detach().view(-1, *(1 for _ in z.shape[2:]))
    return slope, [(0, 1 - slope, 0)]


def _clamp(call: Call) -> Kinks:
    low, high = call.option("min", 1), call.option("max", 2)
    low, high = (None if _is_number(bound) and math.isinf(bound) else bound for bound in (low, high))
    kinks = ([] if low is None else [(low, 1, 1)]) + ([] if high is None else [(high, -1, 0)])
    return (1 if low is None else 0), kinks


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _hardtanh(call: Call) -> Kinks:
    return 0, [(call.option("min_val", 1, -1.0), 1, 0), (call.option("max_val", 2, 1.0), -1, 1)]


def _softshrink(call: Call) -> Kinks:
    width = call.option("lambd", 1, 0.5)
    return 1, [(-width, -1, 1), (width, 1, 0)]


def _larger(call: Call) -> Any:
    """The larger (or smaller) of two tensors."""
    value = call.plain(*call.tensors)
    sign = -1 if call.name == "minimum" else 1
    both = [sign * tensor for tensor in torch.broadcast_tensors(*call.tensors)]
    return sign * largest(torch.stack(both), _first([call.out]), sign * value.detach(), Moved(lambda z: z), 0.5)


def _extreme(call: Call) -> Any:
    """The largest (or smallest) along axes: amax, and max with or without an axis."""
    if len(call.tensors) == 2:
        return _larger(_renamed(call, "minimum" if call.name == "min" else "maximum"))
    z = call.tensors[0]
    found = call.plain(z)
    value = found if isinstance(found, Tensor) else found[0]
    dims = call.option("dim", 1)
    dims = tuple(range(z.ndim)) if dims is None or dims == () else (dims,) if isinstance(dims, int) else tuple(dims)
    sign = -1 if call.name in ("min", "amin") else 1
    tie = 0.5 if isinstance(found, Tensor) else 0.0  # values alone share a tie, an index takes it
    best = sign * largest(sign * z, _first([call.out]), sign * value.detach(), along(dims, value.shape), tie)
    return best if isinstance(found, Tensor) else type(found)((best, found[1]))


def _renamed(call: Call, name: str) -> Call:
    return replace(call, name=name)


def _axes(call: Call) -> int:
    """The number in the name of a pooling operation."""
    return int(call.name[call.name.index("pool") + len("pool")])


def _pool(call: Call) -> Any:
    n = _axes(call)
    z = call.tensors[0]
    with torch.no_grad():
        found = call.plain(z[:1])
        indexed = not isinstance(found, Tensor)
        # where no index is asked for, the largest of slices is found faster than by the operation itself
        found = call.plain(z) if indexed else found
    value = found[0] if indexed else found
    size = _each(call.option("kernel_size", 1), n)
    stride = _each(call.option("stride", 2), n) or size
    padding, dilation = _each(call.option("padding", 3, 0), n), _each(call.option("dilation", 4, 1), n)
    whole = size == [*z.shape[z.ndim - n :]] and not any(padding)
    contenders = (
        along(range(z.ndim - n, z.ndim), torch.Size([len(z), *value.shape[1:]]))
        if whole
        else Windows(size, stride, padding, dilation, value.shape[value.ndim - n :])
    )
    best = largest(z, _first([call.out]), value if indexed else None, contenders)
    return (best, *found[1:]) if indexed else best


def _adaptive_pool(call: Call) -> Any:
    n = _axes(call)
    found = call.plain(*call.tensors)
    value = found if isinstance(found, Tensor) else found[0]
    best = largest(call.tensors[0], _first([call.out]), value.detach(), adaptive_windows(value.shape, n))
    return best if isinstance(found, Tensor) else (best, *found[1:])


def _each(value: Any, n: int) -> list[int]:
    if value is None or value == []:
        return []
    return (
        [int(value)] * n if isinstance(value, int) else [int(v) for v in (value if len(value) == n else [*value] * n)]
    )


def _softmax(call: Call) -> Any:
    value = call.plain(*call.tensors)
    dim = call.option("dim", 1)
    layout = _first(call.layouts)
    if dim is None or dim % value.ndim == layout.dim or value.dtype != call.tensors[0].dtype:
        return value
    return normalized(call.tensors[0], dim, layout, call.name, value.detach())  # type: ignore[arg-type]


def _logsumexp(call: Call) -> Any:
    z, layout = call.tensors[0], _first(call.layouts)
    dim = call.option("dim", 1)
    if not isinstance(dim, int):
        if len(dim) != 1:
            return call.plain(z)
        dim = dim[0]
    kept = normalized(z, dim, layout, "logsumexp", z.detach().logsumexp(dim, keepdim=True))
    return kept if call.option("keepdim", 2, False) else kept.squeeze(dim)


SMOOTH = (
    "sigmoid tanh gelu silu softplus elu selu celu mish exp expm1 erf sin cos atan sinh cosh asinh logsigmoid "
    "log_sigmoid rpow softsign tanhshrink hardswish square log1p exp2 erfc swish"
)
SINGULAR = "log log2 log10 sqrt rsqrt reciprocal pow logit atanh asin acos tan lgamma digamma xlogy"

OPERATIONS: dict[str, Operation] = {
    **{name: Operation("smooth", _smooth()) for name in SMOOTH.split()},
    **{name: Operation("smooth", _smooth(singular=True)) for name in SINGULAR.split()},
    "relu": Operation("kinked", _relu),
    "abs": Operation("kinked", _bent(lambda _: (-1, [(0, 2, 0.5)]))),
    "leaky_relu": Operation("kinked", _bent(_leaky)),
    "prelu": Operation("kinked", _bent(_prelu)),
    "relu6": Operation("kinked", _bent(lambda _: (0, [(0, 1, 0), (6, -1, 1)]))),
    "hardtanh": Operation("kinked", _bent(_hardtanh)),
    "hardsigmoid": Operation("kinked", _bent(lambda _: (0, [(-3, 1 / 6, 0), (3, -1 / 6, 1)]))),
    "softshrink": Operation("kinked", _bent(_softshrink)),
    "clamp": Operation("kinked", _bent(_clamp)),
    "clamp_min": Operation("kinked", _bent(lambda call: (0, [(call.option("min", 1), 1, 1)]))),
    "clamp_max": Operation("kinked", _bent(lambda call: (1, [(call.option("max", 1), -1, 0)]))),
    **{name: Operation("kinked", _larger) for name in ("maximum", "minimum")},
    **{name: Operation("kinked", _extreme) for name in ("max", "min", "amax", "amin")},
    **{f"max_pool{n}d{end}": Operation("kinked", _pool) for n in (1, 2, 3) for end in ("", "_with_indices")},
    **{
        f"adaptive_max_pool{n}d{end}": Operation("kinked", _adaptive_pool)
        for n in (1, 2, 3)
        for end in ("", "_with_indices")
    },
    "softmax": Operation("smooth", _softmax),
    "log_softmax": Operation("smooth", _softmax),
    "logsumexp": Operation("smooth", _logsumexp),
    "div": Operation("product", _quotient),
    "rdiv": Operation("product", _reversed_quotient),
}
