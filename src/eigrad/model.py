"""A network as a score per example: which output is explained, with which extra inputs, and in which state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

Model: TypeAlias = nn.Module | Callable[..., Tensor]
Target: TypeAlias = (
    int | np.integer[Any] | tuple[int, ...] | Tensor | NDArray[Any] | str | Callable[[Tensor], Tensor] | None
)
Values: TypeAlias = Tensor | NDArray[Any] | pd.DataFrame


def placement(model: object, values: Tensor) -> tuple[torch.device, torch.dtype]:
    """Device and floating dtype a model computes in: its first floating parameter's, else those of the values."""
    if isinstance(model, nn.Module):
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                return tensor.device, tensor.dtype
    return values.device, values.dtype if values.is_floating_point() else torch.get_default_dtype()


def as_tensor(values: Values, name: str) -> Tensor:
    """A tensor of numbers, which may come in an array or a data frame."""
    if isinstance(values, Tensor):
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: got rows of several lengths, expected numbers in an array or tensor") from error
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name}: got values of type {array.dtype}, expected numbers")
    # PyTorch takes none that is read only, backwards or of another byte order.
    taken = array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0
    return torch.as_tensor(array if taken else array.astype(array.dtype.newbyteorder("="), order="C"))


def as_samples(values: Values, name: str = "samples") -> Tensor:
    """Values (samples, *shape) as a tensor, refused when empty, without features or not finite."""
    tensor = as_tensor(values, name)
    if tensor.ndim < 2 or 0 in tensor.shape:
        raise ValueError(
            f"{name}: got shape {tuple(tensor.shape)}, expected (samples, features...) with at least one of each"
        )
    if tensor.is_complex():
        raise ValueError(f"{name}: got complex values, expected real numbers")
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        bad = int((~torch.isfinite(tensor.flatten(1))).any(1).sum())
        raise ValueError(f"{name}: {bad} of {len(tensor)} rows hold NaN or infinite values, expected finite ones")
    return tensor.clone() if tensor.is_inference() else tensor  # no gradient is taken of what inference mode made


def on_host(tensor: Tensor) -> NDArray[Any]:
    """The values as a NumPy array; bfloat16, which NumPy does not have, becomes float32."""
    tensor = tensor.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; to CUDA by way of pinned memory, so that the host does not wait for the copy."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def in_batches(function: Callable[..., Tensor], values: Tensor, *more: Tensor, size: int = 1024) -> Tensor:
    """The function applied to slices of at most `size` rows, without recording gradients."""
    with torch.no_grad():
        parts = zip(*(tensor.split(size) for tensor in (values, *more)), strict=True)
        return torch.cat([function(*part) for part in parts])


@dataclass(frozen=True)
class Score:
    """A model's chosen outputs, where every point knows the sample (row) it belongs to.

    `outputs` holds output indices shared by all samples, `own` one index a sample, `function` maps the outputs
    (points, outputs) to scores (points,) or (points, scores); exactly one of the three is given.
    """

    model: Model
    extra: tuple[Tensor, ...] = ()
    outputs: Tensor | None = None
    own: Tensor | None = None
    function: Callable[[Tensor], Tensor] | None = None

    @property
    def same_for_all(self) -> bool:
        """Whether the score of a point does not depend on its sample."""
        return not self.extra and self.own is None

    def __call__(
        self, points: Float[Tensor, points * shape], rows: Int[Tensor, " points"]
    ) -> Float[Tensor, "points scores"]:
        outputs = self.model(points, *(tensor[rows] for tensor in self.extra))
        if len(outputs) != len(points):
            raise ValueError(f"model output: got {len(outputs)} rows for {len(points)} points, expected one row each")
        if self.function is not None:
            scores = self.function(outputs)
            return scores if scores.ndim == 2 else scores[:, None]
        if outputs.ndim == 1:
            outputs = outputs[:, None]
        if self.own is not None:
            return outputs.gather(1, self.own[rows, None])
        return outputs[:, self.outputs]


def score(model: Model, samples: Tensor, target: Target = None, extra: tuple[Values, ...] = ()) -> Score:
    """Resolve a target for these samples, and refuse what cannot be explained.

    `target` is an output index; a tuple of indices (one forward pass serves all); an array with one index a
    sample; "predicted" (each sample's own class); a function of the outputs (points, outputs), giving
    (points,) or (points, scores); or None for a model with a single output. `extra` are inputs that are not
    explained, one row a sample. The model is expected to be in evaluation mode and the samples in its dtype.
    """
    device = placement(model, samples)[0]
    others = tuple(_extra_input(values, len(samples), device) for values in extra)
    rows = torch.arange(len(samples), device=device)
    first = _first_output(model, samples, others)
    if callable(target):
        _require_scores(target(first))
        resolved = Score(model, others, function=target)
    else:
        n_outputs = 1 if first.ndim == 1 else first.shape[1]
        indices = _indices(target, len(samples), n_outputs)
        if isinstance(target, str):
            own = in_batches(
                lambda x, i: model(x.to(device).clone(), *(tensor[i] for tensor in others)).argmax(1),
                samples,
                rows,
                size=256,
            )
            resolved = Score(model, others, own=own)
        elif isinstance(target, Tensor | np.ndarray):
            resolved = Score(model, others, own=indices.to(device))
        else:
            resolved = Score(model, others, outputs=indices.to(device))
    _require_gradient(resolved, samples[:1].to(device), rows[:1])
    return resolved


def _extra_input(values: Values, n_samples: int, device: torch.device) -> Tensor:
    tensor = as_tensor(values, "extra input").to(device)
    if tensor.ndim == 0 or len(tensor) != n_samples:
        raise ValueError(f"extra input: got shape {tuple(tensor.shape)}, expected {n_samples} rows, one a sample")
    return tensor


def _first_output(model: Model, samples: Tensor, extra: tuple[Tensor, ...]) -> Tensor:
    with torch.no_grad():
        try:
            output = model(
                samples[:1].to(placement(model, samples)[0]).clone(), *(tensor[:1].clone() for tensor in extra)
            )
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"model: got a sample of shape {tuple(samples.shape[1:])}, expected one it can evaluate ({reason})"
            ) from error
    if not isinstance(output, Tensor) or output.ndim not in (1, 2) or len(output) != 1:
        got = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(
            f"model output: got {got} for one sample, expected (samples, outputs) or (samples,); wrap the model"
        )
    return output


def _indices(target: Target, n_samples: int, n_outputs: int) -> Tensor:
    """The output indices a target names, checked against the model; empty for "predicted"."""
    if isinstance(target, str):
        if target != "predicted":
            raise ValueError(f"target: got {target!r}, expected 'predicted', output indices or a function")
        if n_outputs == 1:
            raise ValueError("target: got 'predicted' for a model with one output, expected one output for each class")
        return torch.empty(0, dtype=torch.long)
    if target is None:
        if n_outputs != 1:
            raise ValueError(f"target: the model has {n_outputs} outputs, expected the index of the one to explain")
        target = 0
    if isinstance(target, list):
        raise ValueError("target: got a list, expected a tuple for several outputs or an array for one index a sample")
    indices: Tensor = torch.atleast_1d(
        as_tensor(target, "target") if isinstance(target, np.ndarray) else torch.as_tensor(target)
    )
    if indices.is_floating_point() or indices.dtype == torch.bool or indices.ndim != 1 or len(indices) == 0:
        raise ValueError(f"target: got {target!r}, expected whole numbers, the indices of outputs")
    if isinstance(target, Tensor | np.ndarray) and len(indices) != n_samples:
        raise ValueError(f"target: got {len(indices)} indices for {n_samples} samples, expected one index a sample")
    if int(indices.min()) < 0 or int(indices.max()) >= n_outputs:
        wrong = indices[(indices < 0) | (indices >= n_outputs)][0]
        raise ValueError(f"target: got output {int(wrong)}, expected 0 to {n_outputs - 1}")
    return indices.long()


def _require_scores(scores: Tensor) -> None:
    if scores.ndim not in (1, 2) or len(scores) != 1 or scores.numel() == 0:
        raise ValueError(
            f"target function: got scores of shape {tuple(scores.shape)} for one sample, expected (samples,) or "
            "(samples, scores)"
        )


def _require_gradient(resolved: Score, sample: Tensor, row: Tensor) -> None:
    with torch.enable_grad():
        point = sample.detach().requires_grad_()
        scores = resolved(point.clone(), row)  # which a model may change in place
        used = scores.requires_grad and torch.autograd.grad(scores.sum(), point, allow_unused=True)[0] is not None
    if not used:
        raise ValueError(
            "model: its output does not depend on its input through a gradient, so nothing can be explained; "
            "expected one that does"
        )
