"""Seeing every operation of a network as it runs, and putting slopes between neighboring rows in place of derivatives.

A mode of PyTorch's functions belongs to its thread and touches neither the network nor its modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from eigrad.slopes.composites import COMPOSITES
from eigrad.slopes.names import LINEAR, PRODUCTS, name_of, opened
from eigrad.slopes.rows import Layout
from eigrad.slopes.table import OPERATIONS, Call, rule_of

TRACKED = frozenset(OPERATIONS) | PRODUCTS


class Diverged(Exception):
    """The network took another course than when it was surveyed."""


@dataclass(frozen=True)
class Step:
    """One tracked call of a surveyed network: its name, and where the rows lie in its tensors and its result."""

    name: str
    layouts: tuple[Layout | None, ...]
    out: Layout | None

    @property
    def kind(self) -> str:
        """Kinked, smooth or product where it has a rule here, else linear."""
        operation = rule_of(self.name, self.layouts)
        return "linear" if operation is None else operation.kind


class Watch(TorchFunctionMode):
    """Hands every tracked call to `tracked` and every other one to `other`, with composite functions taken apart."""

    def __init__(self) -> None:
        super().__init__()
        self.position = 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name, in_place = name_of(function)
        if name in TRACKED:
            self.position += 1
            return self.tracked(self.position - 1, name, in_place, function, args, kwargs)
        whole = COMPOSITES.get(name) or opened(function)
        if whole is None or name in LINEAR:
            return self.other(name, function, args, kwargs)
        self.entered(name)
        with self:
            return whole(*args, **kwargs)

    def entered(self, name: str) -> None:
        """A composite function begins."""

    def tracked(
        self, position: int, name: str, in_place: bool, function: Callable[..., Any], args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        """A call of an operation that may need a rule."""
        return function(*args, **kwargs)

    def other(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Any other call."""
        return function(*args, **kwargs)


class Replacing(Watch):
    """The network as it is, save that the result of one tracked call is given (None: nothing is)."""

    to_the_end = False  # whether calls after the one that is given are of interest

    def __init__(self, steps: Sequence[Step], given: tuple[int, Tensor] | None = None) -> None:
        super().__init__()
        self.steps = steps
        self.given = given

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.to_the_end and (self.given is None or self.position > self.given[0]):
            return function(*args, **(kwargs or {}))
        return super().__torch_function__(function, types, args, kwargs)

    def tracked(
        self, position: int, name: str, in_place: bool, function: Callable[..., Any], args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        if position >= len(self.steps) or self.steps[position].name != name:
            raise Diverged(f"{name} is called where it was not before")
        if self.given is not None and self.given[0] == position:
            return self.given[1]
        return self.evaluated(self.steps[position], in_place, function, args, kwargs)

    def evaluated(
        self, step: Step, in_place: bool, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The result of a call."""
        return function(*args, **kwargs)


class Secant(Replacing):
    """The network with the slope between each row and the next in place of every operation's derivative."""

    to_the_end = True

    def evaluated(
        self, step: Step, in_place: bool, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        operation = rule_of(step.name, step.layouts)
        if operation is None:
            return function(*args, **kwargs)
        tensors, _ = tensors_of(args, kwargs)
        if kwargs.get("out") is not None or any(tensor.is_complex() for tensor in tensors):
            return function(*args, **kwargs)
        plain, in_place = out_of_place(function, step.name, in_place, args, kwargs)
        target = tensors[0]
        if in_place:
            tensors = (target.clone(), *tensors[1:])
        result = operation.rule(Call(step.name, plain, tensors, step.layouts, step.out, args, kwargs))
        return target.copy_(result) if in_place else result


def tensors_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Tensor, ...], Callable[..., Any]]:
    """The tensors among arguments, and how to put others in their place."""
    flat, shape = [*args, *kwargs.values()], None
    if any(isinstance(value, tuple | list | dict) for value in flat):  # a search that is spared in most calls
        flat, shape = tree_flatten((args, kwargs))
    places = [i for i, value in enumerate(flat) if isinstance(value, Tensor)]

    def put(tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        filled = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        if shape is not None:
            new_args, new_kwargs = tree_unflatten(filled, shape)
            return new_args, new_kwargs
        return tuple(filled[: len(args)]), dict(zip(kwargs, filled[len(args) :], strict=True))

    return tuple(flat[i] for i in places), put


def out_of_place(
    function: Callable[..., Any], name: str, in_place: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], bool]:
    """The call as a function of its tensors that changes none of them, and whether it did change its first."""
    if in_place:
        function = getattr(torch.Tensor, name, None) or getattr(torch, name)
    asked = False
    position = _in_place_option(function)
    if position is not None:
        args, kwargs = list(args), dict(kwargs)  # type: ignore[assignment]
        asked = bool(kwargs.pop("inplace", False))
        if len(args) > position:
            asked = asked or bool(args[position])
            args = (*args[:position], False, *args[position + 1 :])
        args = tuple(args)
    _, put = tensors_of(args, kwargs)

    def plain(*tensors: Tensor) -> Any:
        filled, named = put(tensors)
        return function(*filled, **named)

    return plain, in_place or asked


@lru_cache(maxsize=256)
def _in_place_option(function: Callable[..., Any]) -> int | None:
    """Where a function of torch.nn.functional takes `inplace`, None where it does not."""
    try:
        names = [p.name for p in signature(function).parameters.values() if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        return None
    return names.index("inplace") if "inplace" in names else None
