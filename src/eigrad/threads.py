"""How many threads PyTorch computes with: sums are taken in another order by more of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def kept_threads() -> Iterator[None]:
    """A block after which PyTorch has as many threads as before: Numba's first parallel function changes it for all."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread within the block, so that training ends alike however many there are."""
    with kept_threads():
        torch.set_num_threads(1)
        yield
