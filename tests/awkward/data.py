"""Samples and baselines with ties, equal values and no room: whatever plain autograd says there is right."""

import torch
from tests.awkward.case import HIDDEN, OUTPUTS, case
from torch import nn
from torch.nn import functional as F

LETTERS = 4


def head(m, x):
    return m.last(F.relu(m.first(x.flatten(1))))


def twins(samples, baselines):
    """The first two rows of every point are equal, so that their difference is zero all along the path."""
    return tuple(torch.cat([x[:, :1], x[:, :1], x[:, 2:]], 1) for x in (samples, baselines))


def still(samples, baselines):
    """The first row is the same in every point."""
    row = baselines[:1, :1]
    return tuple(torch.cat([row.expand(len(x), -1, -1), x[:, 1:]], 1) for x in (samples, baselines))


def tie(name, function, **options):
    """A function of two equal rows and a third."""
    return case(
        f"a tie all along: {name}",
        lambda m, x: m.last(F.relu(m.first(torch.cat([function(x[:, 0], x[:, 1]), x[:, 2]], 1)))),
        lambda: {"first": nn.Linear(10, HIDDEN)},
        data=twins,
        **options,
    )


def one_hot(*points):
    """Letters by positions; the sequences repeat themselves, so that motifs score the same in several places."""
    letters = (x[:, 0, :4].argsort(1).repeat(1, 3) for x in points)
    return tuple(F.one_hot(each, LETTERS).double().transpose(1, 2) for each in letters)


def motifs(m, x):
    return m.last(F.max_pool1d(F.relu(m.first(x)), 5).flatten(1))


def requiring_grad(samples, baselines):
    return samples.requires_grad_(), baselines


def scan():
    return {"first": nn.Conv1d(LETTERS, 6, 3), "last": nn.Linear(12, OUTPUTS)}


CASES = [
    case("a sample that is a baseline", head, data=lambda x, b: (torch.cat([b[:1], x[1:]]), b)),
    case("features that never change", head, data=still),
    case(
        "a baseline that mirrors the sample",
        lambda m, x: m.last(F.relu(x.flatten(1) @ m.first.weight.T)),
        data=lambda x, b: (x, -x[:2]),
    ),
    case(
        "one-hot sequences against none",
        motifs,
        scan,
        shape=(LETTERS, 12),
        data=lambda x, b: (*one_hot(x, b)[:1], torch.zeros(2, LETTERS, 12)),
    ),
    case("one-hot sequences against others", motifs, scan, shape=(LETTERS, 12), data=one_hot),
    case("counts", head, data=lambda x, b: (x.round(), b.round())),
    case("large values", lambda m, x: head(m, x / 1e6), data=lambda x, b: (1e6 * x, 1e6 * b)),
    case("small values", lambda m, x: head(m, x * 1e9), data=lambda x, b: (x / 1e9, b / 1e9)),
    case("large offsets", lambda m, x: head(m, x - 1e6), data=lambda x, b: (1e6 + x, 1e6 + b)),
    case("samples in another order in memory", head, data=lambda x, b: (x.mT.contiguous().mT, b.mT.contiguous().mT)),
    case("samples that require a gradient", head, data=requiring_grad),
    tie("relu", lambda a, b: F.relu(a - b)),
    tie("leaky relu", lambda a, b: F.leaky_relu(a - b, 0.2)),
    tie("elu", lambda a, b: F.elu(a - b, 0.5)),
    tie("absolute value", lambda a, b: (a - b).abs()),
    tie("clamp from below", lambda a, b: (a - b).clamp(min=0)),
    tie("clamp from above", lambda a, b: (a - b).clamp(max=0)),
    tie("hardtanh", lambda a, b: F.hardtanh(a - b, 0, 1)),
    tie("relu6", lambda a, b: F.relu6(a - b)),
    tie("maximum", torch.maximum),
    tie("minimum", torch.minimum),
    tie("largest value", lambda a, b: torch.stack([a, b]).amax(0)),
    tie("largest value and its place", lambda a, b: torch.stack([a, b], 2).max(2).values),
    tie("max-pool", lambda a, b: F.max_pool1d(torch.stack([a, b], 2), 2)[:, :, 0]),
    tie("adaptive max-pool", lambda a, b: F.adaptive_max_pool1d(torch.stack([b, a], 2), 1)[:, :, 0]),
    tie("sorted", lambda a, b: torch.stack([a, b], 2).sort(dim=2, stable=True).values[:, :, 0]),
    tie("where", lambda a, b: torch.where(a > b, a, b)),
]
