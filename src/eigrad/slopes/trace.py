"""One pass through a network with every operation noted: what depends on the input, and what is done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from eigrad.slopes.names import DECIDING, GATHERING, JUMPING, LINEAR, METADATA, MOVING, RECURRENT
from eigrad.slopes.watch import TRACKED, Watch, tensors_of


@dataclass(frozen=True)
class Seen:
    """A tracked call: its tensors that depend on the input (None for others), and its result."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: tuple[Tensor | None, ...]
    result: Tensor | None


@dataclass
class Findings:
    """What a pass met, by name, where it depends on the input."""

    jumping: set[str] = field(default_factory=set)
    recurrent: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    composites: set[str] = field(default_factory=set)
    consumers: list[tuple[str, int | None]] = field(default_factory=list)  # what uses the input's numbers, and where
    in_place: bool = False
    values: int = 0  # numbers made on the way


class Trace(Watch):
    """Follows what depends on `x`."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.numbers: list[float] = []  # what decisions are made on that depend on the input
        self.found = Findings()
        self._dependent = {id(x): x}  # kept alive, so that no other tensor takes their identity
        self._moved = {id(x): x}
        self.ends_seen = True  # whether the result was made by operations that were seen

    def depends(self, value: Any) -> bool:
        """Whether anything in the value was made from the input."""
        return any(id(leaf) in self._dependent for leaf in _tensors(value))

    def entered(self, name: str) -> None:
        self.found.composites.add(name)

    def tracked(
        self, position: int, name: str, in_place: bool, function: Callable[..., Any], args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:  # fmt: skip
        tensors, _ = tensors_of(args, kwargs)
        before = tuple(t.detach().clone() if id(t) in self._dependent else None for t in tensors)
        result = self._called(name, function, args, kwargs, position)
        first = next(_tensors(result), None)
        depends = first is not None and self.depends(first)
        self.seen.append(
            Seen(
                name, function, args, kwargs, before, first.detach().clone() if depends and first is not None else None
            )
        )
        return result

    def other(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._called(name, function, args, kwargs, None)

    def _called(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        position: int | None,
    ) -> Any:
        arguments = list(_tensors((args, kwargs)))
        used = [tensor for tensor in arguments if id(tensor) in self._dependent]
        versions = [tensor._version for tensor in used]
        result = function(*args, **kwargs)
        if [tensor._version for tensor in used] != versions:
            self.found.in_place = True
        if name in DECIDING:
            self.numbers += [float(tensor.sum()) for tensor in used if name in GATHERING or tensor.numel() == 1]
        if not used or name in METADATA:
            return result
        made = list(_tensors(result))
        self._dependent.update((id(tensor), tensor) for tensor in made)
        self.found.values += sum(tensor.numel() for tensor in made if not any(tensor is old for old in used))
        if any(id(tensor) in self._moved for tensor in used):
            if name in MOVING and all(id(tensor) in self._moved for tensor in used):
                self._moved.update((id(tensor), tensor) for tensor in made)
            else:
                self.found.consumers.append((name, position))
        for names, found in ((JUMPING, self.found.jumping), (RECURRENT, self.found.recurrent)):
            if name in names:
                found.add(name)
        if name not in LINEAR | JUMPING | RECURRENT | TRACKED:
            self.found.unknown.add(name)
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))
