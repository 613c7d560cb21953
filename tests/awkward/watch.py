"""Everything an explanation could change of a model, its inputs and the process, and what it did change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from tests.awkward.case import Built
from torch import Tensor, nn
from torch.nn.modules import module as hooks_of_all
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack


class Watch:
    """What was found, by name; `changes` says which of it differs now."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._found = dict(_facts(built))

    def changes(self) -> list[str]:
        now = dict(_facts(self._built))
        names = [*self._found, *(name for name in now if name not in self._found)]
        return [f"changed: {name}" for name in names if not _same(self._found.get(name), now.get(name))]


class _Is:
    """Equal to itself alone, and kept alive so that no other object takes its place."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Is) and self.value is other.value

    __hash__ = None


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor) and (a.is_sparse or b.is_sparse):
        return a.layout == b.layout and _same(a.to_dense(), b.to_dense())
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    return type(a) is type(b) and a == b


def _facts(built: Built) -> Iterator[tuple[str, Any]]:
    for i, root in enumerate(built.watched):
        for name, part in root.named_modules():
            yield from _module_facts(f"module {i} {name!r}", part)
    for i, tensor in enumerate((built.samples, built.baselines, *built.extra)):
        yield from _tensor_facts(f"input {i}", tensor)
    yield from _process_facts()


def _module_facts(name: str, part: nn.Module) -> Iterator[tuple[str, Any]]:
    yield f"{name} class", _Is(type(part))
    yield f"{name} mode", getattr(part, "training", None)  # frozen scripts have none
    yield f"{name} attributes", sorted(vars(part))
    for key, value in vars(part).items():
        if "hooks" in key and hasattr(value, "items"):
            yield f"{name} {key}", [(number, _Is(hook)) for number, hook in value.items()]
    for key, parameter in part.named_parameters(recurse=False):
        yield from _tensor_facts(f"{name} parameter {key!r}", parameter)
    for key, buffer in part.named_buffers(recurse=False):
        yield f"{name} buffer {key!r}", _Is(buffer)
        yield f"{name} buffer {key!r} values", buffer.detach().clone()


def _tensor_facts(name: str, tensor: Tensor) -> Iterator[tuple[str, Any]]:
    yield name, _Is(tensor)
    yield f"{name} values", tensor.detach().clone()
    if not tensor.is_sparse:
        yield f"{name} place", tensor.data_ptr()
    yield f"{name} version", None if tensor.is_inference() else tensor._version
    yield f"{name} requires_grad", tensor.requires_grad
    yield f"{name} hooks", bool(tensor._backward_hooks)
    if tensor.is_leaf:
        yield f"{name} grad", _Is(tensor.grad)


def _process_facts() -> Iterator[tuple[str, Any]]:
    yield "torch's random state", torch.get_rng_state()
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    yield "numpy's random state", (kind, keys.tolist(), *rest)
    yield "grad mode", torch.is_grad_enabled()
    yield "inference mode", torch.is_inference_mode_enabled()
    yield "default dtype", torch.get_default_dtype()
    yield "threads", torch.get_num_threads()
    yield "deterministic algorithms", torch.are_deterministic_algorithms_enabled()
    yield "function modes", [_Is(mode) for mode in _get_current_function_mode_stack()]
    yield "dispatch modes", [_Is(mode) for mode in _get_current_dispatch_mode_stack()]
    for key, value in vars(hooks_of_all).items():
        if key.startswith("_global") and hasattr(value, "items"):
            yield key, [(number, _Is(hook)) for number, hook in value.items()]
    for home in (torch, nn.functional, Tensor):
        for key in (
            "relu",
            "relu_",
            "sigmoid",
            "tanh",
            "softmax",
            "max_pool2d",
            "leaky_relu",
            "clamp",
            "where",
            "gelu",
        ):
            yield f"{home.__name__}.{key}", _Is(getattr(home, key, None))
    for key, kind in vars(nn).items():
        if isinstance(kind, type) and "forward" in vars(kind):
            yield f"nn.{key}.forward", _Is(vars(kind)["forward"])
    yield "nn.Module.__call__", _Is(nn.Module.__call__)
