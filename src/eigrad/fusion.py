"""First-layer fusion: on a straight segment the first affine layer gives a blend of what it gives at the two ends.

Where one affine layer alone consumes the input, a path can be walked in that layer's outputs, and the gradients
gathered there go back to the input through the layer's transpose, once a segment instead of once a point. Exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from eigrad.slopes.trace import Seen

AFFINE = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "mm")


@dataclass(frozen=True)
class Fusion:
    """The affine layer, called at `position` among the tracked calls, on the input's numbers in another order.

    `layer` is a function of its input alone; `order` says where each number of that input comes from in a flat sample
    (None: from the same place), `shape` is the shape of one input of the layer, `sample` that of one sample.
    """

    position: int
    name: str
    layer: Callable[[Tensor], Tensor]
    weight: Tensor
    order: Tensor | None
    shape: torch.Size
    sample: torch.Size

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives for samples (rows, *sample)."""
        flat = x.flatten(1)
        with torch.no_grad():
            return self.layer((flat if self.order is None else flat[:, self.order]).view(-1, *self.shape))

    def transpose(self, gradients: Tensor) -> Tensor:
        """The layer's transpose: gradients at its output (rows, ...) to gradients at the samples (rows, *sample)."""
        if self.name == "linear":
            back = gradients @ self.weight.to(gradients.dtype)
        else:
            with torch.enable_grad():
                point = gradients.new_zeros(len(gradients), *self.shape).requires_grad_()
                back = torch.autograd.grad(self.layer(point), point, gradients)[0]
        flat = back.flatten(1)
        if self.order is not None:
            flat = torch.empty_like(flat).index_copy_(1, self.order, flat)
        return flat.view(-1, *self.sample)


def fused(seen: Seen, position: int, numbered: Tensor, sample: torch.Size) -> Fusion | str:
    """The fusion of a tracked call, or in words why there is none.

    `numbered` is the layer's input (rows, ...) for samples that hold the numbers of their features.
    """
    if seen.name not in AFFINE:
        return f"the input is first used by {seen.name}, which is not an affine layer"
    bound = _bound(seen)
    if bound is None:
        return f"the arguments of {seen.name} are not those of a layer with weights of its own"
    layer, weight = bound
    order = numbered[0].flatten().round().long()
    if not torch.equal(order.sort().values, torch.arange(sample.numel(), device=order.device)):
        return f"{seen.name} does not take every feature once"
    if bool((order.diff() == 1).all()):
        return Fusion(position, seen.name, layer, weight, None, numbered.shape[1:], sample)
    return Fusion(position, seen.name, layer, weight, order, numbered.shape[1:], sample)


def _bound(seen: Seen) -> tuple[Callable[[Tensor], Tensor], Tensor] | None:
    """The call as a function of its input, and its weight; None where more than its input depends on the sample."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given: dict[str, Any] = dict(zip(names, seen.args, strict=False)) | seen.kwargs
    given |= {
        new: given.pop(old) for old, new in (("self", "input"), ("other", "weight"), ("mat2", "weight")) if old in given
    }
    weight = given.get("weight")
    if seen.tensors[0] is None or any(tensor is not None for tensor in seen.tensors[1:]):
        return None
    if not isinstance(weight, Tensor) or "out" in given:
        return None
    given = {name: value.detach() if isinstance(value, Tensor) else value for name, value in given.items()}
    del given["input"]
    if seen.name in ("matmul", "mm"):
        if weight.ndim != 2:
            return None
        constant = given["weight"]
        return lambda x: x @ constant, weight.detach()
    function: Callable[..., Tensor] = getattr(functional, seen.name)
    return lambda x: function(x, **given), weight.detach()
