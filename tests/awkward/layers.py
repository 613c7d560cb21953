"""Layers with a life of their own: recurrence, attention, normalization, convolution and pooling."""

import torch
from tests.awkward.case import HIDDEN, OUTPUTS, SHAPE, case
from torch import nn
from torch.nn import functional as F

L, C = SHAPE
IMAGE = (3, 5, 6)


def recurrent(layer):
    return lambda m, x: m.last(F.relu(layer(m, x)))


def attention(m, x):
    z = m.embed(x)
    return m.last(m.attention(z, z, z, need_weights=False)[0].mean(1))


def image(name, function, parts, n_last, nodes=6_000, **options):
    return case(
        name,
        lambda m, x: m.last(function(m, x).flatten(1)),
        lambda: {"first": nn.Conv2d(3, 4, 3, padding=1), "last": nn.Linear(n_last, OUTPUTS), **parts()},
        shape=IMAGE,
        nodes=nodes,
        **options,
    )


CASES = [
    case(
        "LSTM",
        recurrent(lambda m, x: m.first(x)[0][:, -1]),
        lambda: {"first": nn.LSTM(C, HIDDEN, batch_first=True)},
        nodes=6_000,
    ),
    case(
        "LSTM, time first, both directions",
        recurrent(lambda m, x: m.first(x.transpose(0, 1))[1][0][-1]),
        lambda: {"first": nn.LSTM(C, HIDDEN, num_layers=2, bidirectional=True, dropout=0.3)},
        nodes=6_000,
    ),
    case(
        "GRU",
        recurrent(lambda m, x: m.first(x)[1][0]),
        lambda: {"first": nn.GRU(C, HIDDEN, batch_first=True)},
        nodes=6_000,
    ),
    case(
        "plain recurrence with ReLU",
        lambda m, x: m.last(m.first(x)[0][:, -1]),
        lambda: {"first": nn.RNN(C, HIDDEN, batch_first=True, nonlinearity="relu")},
    ),
    case(
        "LSTM cell in a loop",
        lambda m, x: m.last(m.first(x[:, 1], m.first(x[:, 0]))[0]),
        lambda: {"first": nn.LSTMCell(C, HIDDEN)},
        nodes=6_000,
    ),
    case(
        "transformer layer",
        lambda m, x: m.last(m.block(m.first(x)).mean(1)),
        lambda: {
            "first": nn.Linear(C, HIDDEN),
            "block": nn.TransformerEncoderLayer(HIDDEN, 2, 9, batch_first=True),
        },
        nodes=6_000,
    ),
    case(
        "transformer layer, time first",
        lambda m, x: m.last(m.block(m.first(x).transpose(0, 1)).mean(0)),
        lambda: {
            "first": nn.Linear(C, HIDDEN),
            "block": nn.TransformerEncoderLayer(HIDDEN, 2, 9, norm_first=True, activation="gelu"),
        },
        nodes=6_000,
    ),
    case(
        "attention",
        attention,
        lambda: {"embed": nn.Linear(C, HIDDEN), "attention": nn.MultiheadAttention(HIDDEN, 2, batch_first=True)},
        nodes=6_000,
    ),
    case(
        "scaled dot product",
        lambda m, x: m.last(F.scaled_dot_product_attention(*m.first(x).chunk(3, 2)).mean(1)),
        lambda: {"first": nn.Linear(C, 3 * HIDDEN)},
        nodes=6_000,
    ),
    case(
        "layer norm net",
        lambda m, x: m.last(F.relu(m.norm(m.first(x.flatten(1))))),
        lambda: {"norm": nn.LayerNorm(HIDDEN)},
    ),
    image("group norm net", lambda m, x: F.relu(m.norm(m.first(x))), lambda: {"norm": nn.GroupNorm(2, 4)}, 120),
    image("instance norm net", lambda m, x: F.relu(m.norm(m.first(x))), lambda: {"norm": nn.InstanceNorm2d(4)}, 120),
    image("batch norm net", lambda m, x: F.relu(m.norm(m.first(x))), lambda: {"norm": nn.BatchNorm2d(4)}, 120),
    image(
        "max-pool with padding and overlap",
        lambda m, x: m.pool(F.relu(m.first(x))),
        lambda: {"pool": nn.MaxPool2d(3, stride=2, padding=1)},
        36,
    ),
    image(
        "max-pool of negative values with padding",
        lambda m, x: F.max_pool2d(-m.first(x).abs() - 1, 3, 2, 1),
        dict,
        36,
        42_000,
    ),
    image("max-pool before the first layer", lambda m, x: F.relu(m.first(F.max_pool2d(x, 2, 1))), dict, 80),
    image(
        "max-pool with dilation and a ragged end",
        lambda m, x: F.max_pool2d(m.first(x), 2, 3, 0, 2, ceil_mode=True),
        dict,
        16,
    ),
    image(
        "max-pool with its places",
        lambda m, x: m.back(*m.pool(m.first(x))),
        lambda: {"pool": nn.MaxPool2d((1, 2), return_indices=True), "back": nn.MaxUnpool2d((1, 2))},
        120,
    ),
    image(
        "adaptive max-pool that does not divide",
        lambda m, x: m.pool(m.first(x)),
        lambda: {"pool": nn.AdaptiveMaxPool2d((2, 4))},
        32,
    ),
    image("largest value of each channel", lambda m, x: m.first(x).amax((2, 3)), dict, 4),
    image(
        "average and power pools",
        lambda m, x: F.lp_pool2d(F.relu(m.first(x)) + 0.1, 2, 2) + F.avg_pool2d(m.first(x), 2),
        dict,
        24,
    ),
    image(
        "transposed, grouped and dilated convolutions",
        lambda m, x: F.relu(m.up(F.relu(m.group(m.first(x))))),
        lambda: {"group": nn.Conv2d(4, 6, 2, groups=2, dilation=2), "up": nn.ConvTranspose2d(6, 2, 2, stride=2)},
        96,
    ),
    case(
        "max-pool in one dimension",
        lambda m, x: m.last(F.max_pool1d(m.first(x), 3, 2, 1).flatten(1)),
        lambda: {"first": nn.Conv1d(L, 4, 2), "last": nn.Linear(8, OUTPUTS)},
    ),
    case(
        "cosine similarity",
        lambda m, x: m.last(F.cosine_similarity(m.first(x.flatten(1))[:, None], m.corners[None], 2)),
        lambda: {"corners": torch.randn(6, HIDDEN), "last": nn.Linear(6, OUTPUTS)},
        nodes=6_000,
    ),
    case(
        "distances to prototypes",
        lambda m, x: -torch.cdist(m.first(x.flatten(1)), m.corners),
        lambda: {"corners": torch.randn(OUTPUTS, HIDDEN)},
        nodes=6_000,
    ),
]
