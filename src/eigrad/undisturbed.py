"""Networks left as they were found: their mode and buffers, and the random generators of the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def evaluating(*models: object) -> Iterator[None]:
    """Put the modules in evaluation mode, and every submodule back in its own mode afterwards."""
    modules = [
        part
        for model in models
        if isinstance(model, nn.Module)
        for part in model.modules()
        if hasattr(part, "training")  # a frozen script has no mode
    ]
    modes = [part.training for part in modules]
    try:
        for part in modules:
            part.training = False
        yield
    finally:
        for part, mode in zip(modules, modes, strict=True):
            part.training = mode


class Undisturbed:
    """A block in which models are in evaluation mode; afterwards mode, buffers and random generators are as before.

    What the buffers hold is remembered when the object is made; it may be entered as often as needed.
    """

    def __init__(self, *models: object) -> None:
        modules = {part: None for model in models if isinstance(model, nn.Module) for part in model.modules()}
        self._modules = tuple(modules)
        self._buffers = tuple(dict(part._buffers) for part in modules)
        self._held = tuple(
            (buffer, None if buffer.is_inference() else buffer._version, buffer.detach().clone())
            for buffers in self._buffers
            for buffer in buffers.values()
            if buffer is not None
        )
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._stack.enter_context(_own_chance())
        self._stack.callback(self._restore)
        self._stack.enter_context(evaluating(*self._modules))
        if any(isinstance(part, nn.RNNBase) for part in self._modules):
            self._stack.enter_context(_without_cudnn())

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def _restore(self) -> None:
        for module, buffers in zip(self._modules, self._buffers, strict=True):
            if isinstance(module, torch.jit.ScriptModule):
                continue  # what it hands out is made anew each time
            if {name: id(buffer) for name, buffer in module._buffers.items()} != {
                name: id(buffer) for name, buffer in buffers.items()
            }:
                module._buffers.clear()
                module._buffers.update(buffers)
        with torch.no_grad():
            for buffer, version, held in self._held:
                if version is not None and buffer._version != version and not torch.equal(buffer, held):
                    buffer.copy_(held)


@contextmanager
def _own_chance() -> Iterator[None]:
    """Random numbers drawn in the block leave the generators of PyTorch, NumPy and Python as they were."""
    theirs, ours = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(theirs)
        np.random.set_state(ours)  # noqa: NPY002


@contextmanager
def _without_cudnn() -> Iterator[None]:
    """PyTorch's own kernels: cuDNN takes no gradient through a recurrent network in evaluation mode."""
    before = torch.backends.cudnn.enabled
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before
