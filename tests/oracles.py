"""The exact integral of a piecewise-linear network's gradient along a straight segment, in double precision.

Written without eigrad, layer by layer. Along start + alpha (end - start) every tensor inside the network is a
continuous polyline in alpha, held as its values at the knots. An affine layer keeps the knots; an activation adds one
wherever an entry crosses a level at which its slope changes, max-pooling wherever two entries of a window trade
places. Between the last knots the whole network is affine, its gradient there is that of the midpoint, and

    attribution = (end - start) * sum over pieces of (width of the piece) * (gradient at its midpoint).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROWS_AT_ONCE = 4096
AFFINE = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Flatten, nn.Unflatten,
    nn.Identity, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.BatchNorm1d,
    nn.BatchNorm2d, nn.Dropout, nn.Upsample,
)  # fmt: skip
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)


class Slopes(nn.Module):
    """slope `below` times z for negative z, `above` times z otherwise: (0, 1) is ReLU, (-1, 1) the absolute value."""

    def __init__(self, below: float, above: float) -> None:
        super().__init__()
        self.below, self.above = below, above

    def forward(self, z: Tensor) -> Tensor:
        return torch.where(z < 0, self.below * z, self.above * z)


class Residual(nn.Module):
    """x + inner(x)."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def network(layers: Sequence[tuple[Tensor, Tensor]], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """The MLP of these (weight, bias), with an activation between them."""
    parts: list[nn.Module] = []
    for weight, bias in layers:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        linear.load_state_dict({"weight": torch.as_tensor(weight), "bias": torch.as_tensor(bias)})
        parts += [linear, activation()]
    return nn.Sequential(*parts[:-1])


@dataclass(frozen=True)
class Polyline:
    """A tensor along the segment: its values (knots, *shape) at increasing alphas (knots,), affine in between."""

    alphas: Tensor
    values: Tensor

    def map(self, affine: Callable[[Tensor], Tensor]) -> Polyline:
        return Polyline(self.alphas, affine(self.values))

    def at(self, alphas: Tensor) -> Polyline:
        """The same with more knots; the old ones keep their values to the last bit."""
        after = torch.searchsorted(self.alphas, alphas).clamp(1, len(self.alphas) - 1)
        left, right = self.alphas[after - 1], self.alphas[after]
        t = ((alphas - left) / (right - left)).view(-1, *(1 for _ in self.values.shape[1:]))
        return Polyline(alphas, self.values[after - 1] * (1 - t) + self.values[after] * t)

    def crossings(self, level: float = 0.0) -> Tensor:
        """Every alpha, knots included, at which an entry passes through the level."""
        z = (self.values - level).flatten(1)
        piece, entry = torch.nonzero(z[:-1] * z[1:] < 0, as_tuple=True)
        before, after = z[piece, entry], z[piece + 1, entry]
        left, right = self.alphas[piece], self.alphas[piece + 1]
        return torch.cat([self.alphas, left + (right - left) * before / (before - after)]).unique()


def kinks(model: nn.Module, start: Tensor, end: Tensor) -> Tensor:
    """Increasing alphas from 0 to 1 between which the model is affine from start to end (both without a batch axis)."""
    return _walk(model, Polyline(torch.tensor([0.0, 1.0], dtype=torch.float64), torch.stack([start, end]))).alphas


def attributions(model: nn.Module, start: Tensor, end: Tensor, target: int = 0) -> Tensor:
    """Exact integrated gradients of one output from start to end, both of one shape and without a batch axis."""
    alphas = kinks(model, start, end)
    gradients = segment_gradients(model, start, end, (alphas[1:] + alphas[:-1]) / 2, target)
    return (end - start) * torch.tensordot(alphas.diff(), gradients, 1)


def midpoint(model: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, n: int, target: int = 0) -> Tensor:
    """The midpoint rule with n nodes, for any model."""
    alphas = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    sums = [segment_gradients(model, start, end, part, target).sum(0) for part in alphas.split(ROWS_AT_ONCE)]
    return (end - start) * torch.stack(sums).sum(0) / n


def segment_gradients(
    model: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, alphas: Tensor, target: int
) -> Tensor:
    """Gradients (alphas, *shape) of one output at points of the segment."""
    points = (start + alphas.view(-1, *(1 for _ in start.shape)) * (end - start)).requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(model(points)[:, target].sum(), points)[0]


def _walk(module: nn.Module, line: Polyline) -> Polyline:
    if isinstance(module, nn.Sequential):
        for part in module:
            line = _walk(part, line)
        return line
    if isinstance(module, Residual):
        inner = _walk(module.inner, line)
        return Polyline(inner.alphas, line.at(inner.alphas).values + inner.values)
    if isinstance(module, POOLS):
        return _pool(module, line)
    if module.training and isinstance(module, nn.Dropout | nn.BatchNorm1d | nn.BatchNorm2d):
        raise TypeError(f"{type(module).__name__} is in train mode, expected evaluation mode")
    with torch.no_grad():
        if isinstance(module, AFFINE):
            return line.map(module)
        for level in _levels(module):
            line = line.at(line.crossings(level))
        return line.map(module)


def _levels(module: nn.Module) -> tuple[float, ...]:
    """Where the slope of an elementwise activation changes."""
    if isinstance(module, nn.Hardtanh):  # ReLU6 is one
        return (module.min_val, module.max_val)
    if isinstance(module, nn.ReLU | nn.LeakyReLU | nn.PReLU | Slopes):
        return (0.0,)
    raise TypeError(f"{type(module).__name__} is not known to be piecewise linear")


def _pool(module: nn.Module, line: Polyline) -> Polyline:
    """A tournament: max(a, b) = a + relu(b - a), one entry of every window after another."""
    n_axes = 1 if isinstance(module, nn.MaxPool1d | nn.AdaptiveMaxPool1d) else 2
    size = line.values.shape[-n_axes:]
    windows, out = _windows(module, n_axes, (1,) * (2 - n_axes) + tuple(size))
    line = line.map(lambda values: values.flatten(-n_axes)[..., windows])
    winner = line.map(lambda values: values[..., 0])
    for i in range(1, windows.shape[1]):
        rival = line.at(winner.alphas).map(lambda values, i=i: values[..., i])
        knots = Polyline(winner.alphas, rival.values - winner.values).crossings()
        rival, winner = rival.at(knots), winner.at(knots)
        winner = Polyline(knots, torch.maximum(rival.values, winner.values))
    return winner.map(lambda values: values.unflatten(-1, out[-n_axes:]))


def _windows(module: nn.Module, n_axes: int, size: tuple[int, ...]) -> tuple[Tensor, tuple[int, ...]]:
    """Flat positions (windows, entries) each output of a two-dimensional pool looks at, and the output's size.

    Shorter windows repeat one of their entries, which changes no maximum.
    """
    positions = torch.arange(math.prod(size)).view(size)
    if isinstance(module, nn.AdaptiveMaxPool1d | nn.AdaptiveMaxPool2d):
        out = tuple(n or s for n, s in zip(_pair(module.output_size, n_axes), size, strict=True))
        spans = [[slice(i * s // n, -(-(i + 1) * s // n)) for i in range(n)] for n, s in zip(out, size, strict=True)]
        windows = [positions[rows, columns].flatten() for rows in spans[0] for columns in spans[1]]
        longest = max(map(len, windows))
        return torch.stack([torch.cat([w, w[:1].expand(longest - len(w))]) for w in windows]), out
    if module.ceil_mode:
        raise TypeError("max-pooling with ceil_mode is not known")
    kernel, stride, dilation = (_pair(getattr(module, name), n_axes) for name in ("kernel_size", "stride", "dilation"))
    padding = _pair(module.padding, n_axes, outside=0)
    columns = F.unfold(positions[None, None] + 1.0, kernel, dilation=dilation, padding=padding, stride=stride)
    windows = columns[0].T.long() - 1  # -1 where the window looks at padding
    out = tuple(
        (s + 2 * p - d * (k - 1) - 1) // t + 1
        for s, p, d, k, t in zip(size, padding, dilation, kernel, stride, strict=True)
    )
    return torch.where(windows < 0, windows.amax(1, keepdim=True), windows), out


def _pair(value: int | Sequence[int], n_axes: int, outside: int = 1) -> tuple[int, ...]:
    """A pooling option for both axes, of which a one-dimensional pool only has the last."""
    return (outside,) * (2 - n_axes) + ((value,) * n_axes if isinstance(value, int) else tuple(value))
