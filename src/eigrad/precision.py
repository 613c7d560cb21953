"""Lower precision for a network's own computations: by explicit wish only, since it costs accuracy everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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

    bfloat16 is PyTorch's autocast, which belongs to a thread. TF32 is a setting of the process, put back afterwards.
    """
    if precision == BFLOAT16:
        with torch.autocast(device.type, torch.bfloat16):
            yield
    elif precision == TF32:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
    else:
        yield
