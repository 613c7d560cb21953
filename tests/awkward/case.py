"""What an awkward model comes with, and short ways to write one down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

N, B = 7, 2  # samples and baselines; no axis of a model's input has either size
SHAPE = (3, 5)
HIDDEN, OUTPUTS = 8, 4

RANDOM = r"random|determin|stochastic|twice"
ROWS = r"\brows?\b|batch|each other|one another|alone|more than 1 value per channel"
GRADIENT = r"gradient"
OUTPUT = r"model output: got .*, expected"


class Built(NamedTuple):
    """A model with what it is asked; `parts` are the modules to watch, where the model is not a module itself."""

    model: Any
    samples: Tensor
    baselines: Tensor
    target: Any = 1
    extra: tuple[Tensor, ...] = ()
    parts: tuple[nn.Module, ...] = ()

    @property
    def watched(self) -> tuple[nn.Module, ...]:
        return self.parts or (self.model,)


@dataclass(frozen=True)
class Case:
    """An awkward model: `expected` is "right", or a pattern of the one sentence that refuses it.

    `may_refuse` is the pattern of a sentence as good as being right. The reference lays `nodes` midpoints on each
    pair, of the forward pass `instead` where one row at a time says the same faster, and `rtol` replaces the usual
    tolerance. `context` is the caller's surroundings,
    `ignored` the warnings of the model's own that are no fault of anyone.
    """

    name: str
    build: Callable[[torch.Generator], Built]
    expected: str = "right"
    may_refuse: str = ""
    dtype: torch.dtype = torch.float64
    nodes: int = 21_000
    instead: Callable[..., Tensor] | None = None
    rtol: float | None = None
    context: Callable[[], AbstractContextManager[Any]] = nullcontext
    ignored: tuple[str, ...] = ()


class Made(nn.Module):
    """A module of these parts whose forward pass is a function of itself and its inputs."""

    def __init__(self, function: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor, *extra: Tensor) -> Any:
        return self.function(self, x, *extra)


def case(
    name: str,
    make: Callable[..., Any],
    parts: Callable[[], dict[str, Any]] = dict,
    *,
    shape: tuple[int, ...] = SHAPE,
    positive: bool = False,
    finish: Callable[[Any], Any] = lambda model: model,
    data: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda samples, baselines: (samples, baselines),
    target: Any = 1,
    extra: Callable[[torch.Generator], tuple[Tensor, ...]] = lambda generator: (),
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> Case:
    """A case of the module made of `parts`, with Linear layers `first` and `last` unless they are given.

    `finish` is applied to the module in evaluation mode and in its precision, and may return another model; `data`
    to the normal (or `positive`) numbers drawn for samples and baselines.
    """

    def build(generator: torch.Generator) -> Built:
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(10**6, (1,), generator=generator)))
            layers = {"first": nn.Linear(torch.Size(shape).numel(), HIDDEN), "last": nn.Linear(HIDDEN, OUTPUTS)}
            module = Made(make, **{**layers, **parts()}).to(dtype).eval()
            for parameter in module.parameters():  # biases too, so that kinks lie off the origin
                parameter.data += torch.randn(parameter.shape).to(dtype) / 4
            model = finish(module)
        samples, baselines = data(*(drawn(generator, n, shape, positive) for n in (N, B)))
        watched = () if isinstance(model, nn.Module) else (module,)
        return Built(model, samples.to(dtype), baselines.to(dtype), target, extra(generator), watched)

    return Case(name, build, dtype=dtype, **options)


def drawn(generator: torch.Generator, n: int, shape: tuple[int, ...], positive: bool) -> Tensor:
    values = 2 * torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    return values.abs() + 0.5 if positive else values
