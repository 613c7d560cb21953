"""Lower precision for a network's own computations: by explicit wish only, since it costs accuracy everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

FULL, TF32, BFLOAT16 = "full", "tf32", "bfloat16"
PRECISIONS = (FULL, TF32, BFLOAT16)


def require_precision(precision: str, device: torch.device) -> None:
    """ValueError where a device does not have a precision."""
    if precision == TF32 and device.type != "cuda":
        raise ValueError(f"precision: got 'tf32' on {device.type}, expected a CUDA device, or 'bfloat16' or 'full'")


@contextmanager
def computing(precision: str, device: torch.device) -> Iterator[None]:
    """A block in which matrix products and convolutions are computed in this precision.

    bfloat16 is PyTorch's autocast, which belongs to a thread; the others are settings of the process, put back
    afterwards. PyTorch itself takes TF32 for convolutions on CUDA unless it is told otherwise: full precision does not.
    """
    if precision == BFLOAT16:
        with torch.autocast(device.type, torch.bfloat16):
            yield
    else:
        with _tensor_cores(allowed=precision == TF32):
            yield


def full_precision() -> AbstractContextManager[None]:
    """A block in which no float32 is rounded to TF32 on CUDA, whatever the process allows."""
    return _tensor_cores(allowed=False)


@contextmanager
def _tensor_cores(*, allowed: bool) -> Iterator[None]:
    """A block in which float32 may, or may not, be rounded to TF32 on CUDA."""
    cudnn: Any = torch.backends.cudnn
    products = torch.backends.cuda.matmul
    newer = hasattr(cudnn, "conv")  # PyTorch 2.9 has a switch for each kind, of which the older ones are a view
    name, value = ("fp32_precision", "tf32" if allowed else "ieee") if newer else ("allow_tf32", allowed)
    switches: tuple[Any, ...] = (products, cudnn.conv, cudnn.rnn) if newer else (products, cudnn)
    before = [getattr(switch, name) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, name, value)
        yield
    finally:
        for switch, old in zip(switches, before, strict=True):
            setattr(switch, name, old)
