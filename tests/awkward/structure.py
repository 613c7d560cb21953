"""What happens to the input before, beside and around the first layer."""

import torch
from tests.awkward.case import HIDDEN, OUTPUTS, SHAPE, case
from torch import nn
from torch.nn import functional as F

FLAT = 15


def head(m, x):
    return m.last(F.relu(m.first(x.flatten(1))))


def detached_half(m, x):
    flat = x.flatten(1)
    return head(m, torch.cat([flat[:, :6], flat[:, 6:].detach()], 1))


def written_slices(m, x):
    out = torch.zeros(len(x), HIDDEN, dtype=x.dtype)
    z = m.first(x.flatten(1))
    out[:, ::2] = z[:, ::2].relu()
    out[:, 1::2] += torch.tanh(z[:, 1::2])
    return m.last(out)


def own_input(m, x):
    x += 1
    return head(m, x)


CASES = [
    case(
        "skip from the input to the output",
        lambda m, x: head(m, x) + m.skip(x.flatten(1)),
        lambda: {"skip": nn.Linear(FLAT, OUTPUTS)},
    ),
    case("input added to the output", lambda m, x: head(m, x) + x.mean(2).sum(1, keepdim=True)),
    case(
        "hidden layer beside the input",
        lambda m, x: m.last(torch.cat([F.relu(m.first(x.flatten(1))), x.flatten(1)], 1)),
        lambda: {"last": nn.Linear(HIDDEN + FLAT, OUTPUTS)},
    ),
    case(
        "gate of the input",
        lambda m, x: m.last(F.relu(x.flatten(1) * torch.sigmoid(m.first(x.flatten(1))))),
        lambda: {"first": nn.Linear(FLAT, FLAT), "last": nn.Linear(FLAT, OUTPUTS)},
    ),
    case("fixed mask", lambda m, x: head(m, x * m.mask), lambda: {"mask": (torch.arange(FLAT) % 3 > 0).view(SHAPE)}),
    case("mask computed from the input", lambda m, x: head(m, (x > 0) * x)),
    case("mask computed without a gradient", lambda m, x: head(m, x.detach().sign() * x)),
    case("layer norm first", lambda m, x: head(m, m.norm(x)), lambda: {"norm": nn.LayerNorm(SHAPE[1])}),
    case("input divided by its sum", lambda m, x: head(m, 9 * x / x.sum((1, 2), keepdim=True)), positive=True),
    case("input divided by its norm", lambda m, x: head(m, 4 * F.normalize(x.flatten(1)))),
    case(
        "input standardized by its own deviation",
        lambda m, x: head(m, (x - x.mean(2, keepdim=True)) / (1 + x.std(2, keepdim=True))),
    ),
    case(
        "input standardized by buffers",
        lambda m, x: head(m, (x - m.mean) / m.std),
        lambda: {"mean": torch.rand(SHAPE), "std": 1 + torch.rand(SHAPE)},
    ),
    case("activation before any layer", lambda m, x: head(m, F.relu(x) - F.leaky_relu(1 - x, 0.2))),
    case("the input is clamped", lambda m, x: head(m, x.clamp(-1, 1.5))),
    case(
        "the same layer twice",
        lambda m, x: m.last(F.relu(m.first(F.relu(m.first(x.flatten(1)))))),
        lambda: {"first": nn.Linear(FLAT, FLAT), "last": nn.Linear(FLAT, OUTPUTS)},
    ),
    case(
        "the first layer on every row of the input",
        lambda m, x: m.last(F.relu(torch.stack([m.first(x[:, i]) for i in range(3)], 1)).sum(1)),
        lambda: {"first": nn.Linear(5, HIDDEN)},
    ),
    case(
        "the first layer on two views of the input",
        lambda m, x: m.last(F.relu(m.first(x.flatten(1))) * torch.tanh(m.first(x.flip(1).flatten(1)))),
    ),
    case(
        "two first layers",
        lambda m, x: m.last(F.relu(m.first(x.flatten(1))) * m.other(x.flatten(1))),
        lambda: {"other": nn.Linear(FLAT, HIDDEN)},
    ),
    case(
        "a first layer on a part of the input",
        lambda m, x: m.last(F.relu(m.first(x[:, 1]))),
        lambda: {"first": nn.Linear(5, HIDDEN)},
    ),
    case(
        "every second feature",
        lambda m, x: m.last(F.relu(m.first(x[:, :, ::2].flatten(1)))),
        lambda: {"first": nn.Linear(9, HIDDEN)},
    ),
    case("layers by matrix product", lambda m, x: F.relu(x.flatten(1) @ m.first.weight.T) @ m.last.weight.T),
    case("half of the input detached", detached_half),
    case("a first layer that is detached once", lambda m, x: head(m, x) * m.first(x.flatten(1)).detach()[:, :4]),
    case("a view of the input", lambda m, x: x[:, 1], target=3),
    case("the input itself", lambda m, x: x, shape=(5,), target=3),
    case("in-place activation", lambda m, x: m.last(m.act(m.first(x.flatten(1)))), lambda: {"act": nn.ReLU(True)}),
    case("in-place arithmetic", lambda m, x: head(m, x.clone().mul_(2).add_(1).relu_())),
    case(
        "in-place activation of a clone of the input",
        lambda m, x: head(m, m.act(x.clone())),
        lambda: {"act": nn.LeakyReLU(0.3, True)},
    ),
    case("slices written in place", written_slices),
    case("the input is changed in place", own_input, may_refuse="in.place"),
    case(
        "in-place activation of the input itself",
        lambda m, x: head(m, m.act(x)),
        lambda: {"act": nn.ReLU(True)},
        may_refuse="in.place",
    ),
    case("a cube", lambda m, x: head(m, x**3 / 9), nodes=42_000),
    case("a ratio", lambda m, x: head(m, 4 * x / (1 + x.abs()))),
    case("einsum", lambda m, x: m.last(F.relu(torch.einsum("nij,hij->nh", x, m.first.weight.view(-1, *SHAPE))))),
    case(
        "a quadratic form",
        lambda m, x: torch.einsum("ni,nj,kij->nk", x[:, 0], x[:, 2], m.form),
        lambda: {"form": torch.randn(OUTPUTS, 5, 5)},
        nodes=3_000,
    ),
    case(
        "bilinear first",
        lambda m, x: m.last(F.relu(m.first(x[:, 0], x[:, 1]))),
        lambda: {"first": nn.Bilinear(5, 5, HIDDEN)},
    ),
    case(
        "a spectrum",
        lambda m, x: m.last(F.relu(m.first(torch.fft.rfft(x.flatten(1)).abs()))),
        lambda: {"first": nn.Linear(8, HIDDEN)},
    ),
    case(
        "sparse first layer",
        lambda m, x: m.last(F.relu(torch.sparse.mm(m.weight, x.flatten(1).T).T)),
        lambda: {"weight": (torch.randn(HIDDEN, FLAT) * (torch.rand(HIDDEN, FLAT) < 0.4)).to_sparse()},
    ),
]
