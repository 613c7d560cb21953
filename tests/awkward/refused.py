"""Models that nothing can explain: no gradient, no fixed score, or a row whose score other rows decide."""

import random

import numpy as np
import torch
from tests.awkward.case import GRADIENT, HIDDEN, OUTPUT, OUTPUTS, RANDOM, ROWS, case
from torch import nn
from torch.nn import functional as F


def head(m, x):
    return m.last(F.relu(m.first(x.flatten(1))))


def normed(**options):
    return lambda: {"norm": nn.BatchNorm1d(HIDDEN, **options)}


CASES = [
    case("argmax", lambda m, x: head(m, x).argmax(1).double()[:, None], target=0, expected=GRADIENT),
    case("a score cut off from the input", lambda m, x: head(m, x.detach()), expected=GRADIENT),
    case("a forward pass without gradients", torch.no_grad()(head), expected=GRADIENT),
    case("a constant", lambda m, x: m.last.bias.expand(len(x), -1), expected=GRADIENT),
    case(
        "embedding first",
        lambda m, x: m.last(m.table(x[:, 0]).sum(1)),
        lambda: {"table": nn.Embedding(9, HIDDEN)},
        positive=True,
        expected="evaluate|whole|integer|gradient",
    ),
    case("two outputs in a tuple", lambda m, x: (head(m, x), x), expected=OUTPUT),
    case("outputs in a dictionary", lambda m, x: {"logits": head(m, x)}, expected=OUTPUT),
    case("a loss of the whole batch", lambda m, x: head(m, x).sum(), expected=OUTPUT),
    case("an output for each feature", lambda m, x: F.relu(x), expected=OUTPUT),
    case(
        "functional dropout", lambda m, x: m.last(F.dropout(m.first(x.flatten(1)), 0.5, training=True)), expected=RANDOM
    ),
    case("noise added to the input", lambda m, x: head(m, x + 0.5 * torch.randn_like(x)), expected=RANDOM),
    case("python's random numbers", lambda m, x: head(m, x * (1 + random.random())), expected=RANDOM),
    case("numpy's random numbers", lambda m, x: head(m, x * (1 + np.random.rand())), expected=RANDOM),  # noqa: NPY002
    case(
        "batch norm without running statistics",
        lambda m, x: m.last(F.relu(m.norm(m.first(x.flatten(1))))),
        normed(track_running_stats=False),
        expected=ROWS,
    ),
    case(
        "functional batch norm in train mode",
        lambda m, x: m.last(F.relu(F.batch_norm(m.first(x.flatten(1)), None, None, training=True))),
        expected=ROWS,
    ),
    case(
        "batch norm of images without running statistics",
        lambda m, x: m.last(F.relu(m.norm(m.first(x))).flatten(1)),
        lambda: {
            "first": nn.Conv2d(3, 4, 3),
            "norm": nn.BatchNorm2d(4, track_running_stats=False),
            "last": nn.Linear(48, OUTPUTS),
        },
        shape=(3, 5, 6),
        expected=ROWS,
    ),
    case("the mean of the rows taken away", lambda m, x: head(m, x) - 0.5 * head(m, x).mean(0), expected=ROWS),
    case("softmax over the rows", lambda m, x: head(m, x).softmax(0) + head(m, x), expected=ROWS),
    case(
        "attention among the rows",
        lambda m, x: m.last(torch.softmax(m.first(x.flatten(1)) @ m.first(x.flatten(1)).T, 1) @ m.first(x.flatten(1))),
        expected=ROWS,
    ),
    case("one output for all rows", lambda m, x: head(m, x).mean(0, keepdim=True), expected=ROWS + "|shape"),
    case("rows handed on to the next", lambda m, x: head(m, x) + head(m, x).roll(1, 0), expected=ROWS),
    case("scaled by the size of the batch", lambda m, x: head(m, x) * len(x), expected=ROWS),
]
