"""A forward function and target of Captum's interface as a network and an output index that an explainer takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from eigrad.captum.inputs import Inputs
from eigrad.model import placement
from eigrad.undisturbed import Undisturbed

CaptumTarget: TypeAlias = int | np.integer[Any] | tuple[int, ...] | Tensor | list[int] | list[tuple[int, ...]] | None


class Forward(nn.Module):
    """A forward function of points laid out as by `Inputs.as_one` and of the rows of its further arguments.

    Where points carry their baselines only the first of the two is evaluated. The outputs of a sample are flattened.
    """

    def __init__(self, forward_func: Callable[..., Any], inputs: Inputs, further: object, *, carries: bool) -> None:
        super().__init__()
        self.forward_func = forward_func  # where it is a module, its parameters and its mode are those of this one
        self.inputs, self.carries = inputs, carries
        self.further = further if isinstance(further, tuple) else () if further is None else (further,)
        self.rowwise = [i for i, each in enumerate(self.further) if isinstance(each, Tensor) and each.ndim]

    @property
    def extra(self) -> tuple[Tensor, ...]:
        """The further arguments that have one row a sample."""
        return tuple(self.further[i] for i in self.rowwise)

    def forward(self, points: Tensor, *extra: Tensor) -> Tensor:
        outputs: Tensor = self.outputs(points, *extra)
        return outputs.flatten(1) if outputs.ndim > 2 else outputs

    def outputs(self, points: Tensor, *extra: Tensor) -> Any:
        """What the function gives, a tensor if it is as it should be."""
        further = list(self.further)
        for i, rows in zip(self.rowwise, extra, strict=True):
            further[i] = rows
        return self.forward_func(*self.inputs.split(points[:, 0] if self.carries else points), *further)

    def shape(self, samples: Tensor) -> tuple[int, ...]:
        """The shape of one sample's outputs; ValueError where the function cannot be evaluated."""
        device, dtype = placement(self, samples)
        with Undisturbed(self), torch.no_grad():
            try:
                first = self.outputs(samples[:1].to(device, dtype), *(rows[:1].to(device) for rows in self.extra))
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                shapes = ", ".join(str(tuple(each.shape)) for each in self.inputs.tensors)
                reason = (str(error).splitlines() or [""])[0]
                raise ValueError(
                    f"forward_func: got inputs of shape {shapes}, expected ones it can evaluate ({reason})"
                ) from error
        if not isinstance(first, Tensor) or first.ndim == 0 or len(first) != 1:
            got = f"shape {tuple(first.shape)}" if isinstance(first, Tensor) else f"a {type(first).__name__}"
            raise ValueError(f"forward_func: got {got} for one sample, expected a tensor of one row a sample")
        return tuple(first.shape[1:])


def flat_target(target: CaptumTarget, shape: tuple[int, ...], n_samples: int) -> int | Tensor:
    """The place of a target among the flattened outputs of a sample (outputs of this shape), or one for every sample.

    An index, or a tuple of one for each axis, holds for all samples; a list or tensor of them has one for each.
    """
    rows = _rows(target, n_samples)
    if len(rows) not in (1, n_samples):
        raise ValueError(f"target: got {len(rows)} indices for {n_samples} samples, expected one, or one a sample")
    if rows.shape[1] > len(shape) or math.prod(shape[rows.shape[1] :]) != 1:
        raise ValueError(f"target: got {target!r} for outputs of shape {shape}, expected the index of one output")
    sizes = torch.tensor(shape[: rows.shape[1]], dtype=torch.long)
    if bool(((rows < -sizes) | (rows >= sizes)).any()):
        raise ValueError(f"target: got {target!r} for outputs of shape {shape}, expected indices within it")
    place = torch.zeros(len(rows), dtype=torch.long)
    for size, index in zip(sizes.tolist(), (rows % sizes).unbind(1), strict=True):
        place = place * size + index
    return int(place[0]) if len(place) == 1 else place


def _rows(target: CaptumTarget, n_samples: int) -> Tensor:
    """Indices (1 or samples, axes)."""
    if target is None:
        return torch.zeros(1, 0, dtype=torch.long)
    whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
    listed: Any = [(target,)] if whole else [target] if isinstance(target, tuple) else target
    try:
        rows = torch.as_tensor(listed).cpu()
    except (TypeError, ValueError, RuntimeError):
        rows = torch.empty(0)
    rows = rows.reshape(1, 1) if isinstance(target, Tensor) and rows.numel() == 1 else rows
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.numel() == 0 or rows.is_floating_point() or rows.dtype == torch.bool:
        raise ValueError(f"target: got {target!r}, expected whole numbers: one, a tuple of them, or one a sample")
    return rows.long()
