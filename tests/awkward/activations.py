"""Nonlinearities, as modules, functions, methods and by hand."""

import torch
from tests.awkward.case import HIDDEN, OUTPUTS, case
from torch import nn
from torch.nn import functional as F

FLAT = 15


class Square(torch.autograd.Function):
    """z |z| with a derivative of its own writing."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z.abs()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 * ctx.saved_tensors[0].abs()


class Guided(torch.autograd.Function):
    """A ReLU whose gradient is not its derivative: plain autograd is the definition, and completeness fails."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.relu()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0.2) * 0.7


class Doubled(nn.ReLU):
    """A subclass that is not what its class is."""

    def forward(self, z):
        return 2 * super().forward(z - 0.3)


def act(name, function, parts=dict, **options):
    return case(name, lambda m, x: m.last(function(m, m.first(x.flatten(1)))), parts, **options)


def mixed(m, x):
    z = m.act(m.first(x.flatten(1)))
    return m.last(torch.tanh(F.elu(m.inner(z))).abs() + z.clamp(max=0.5))


CASES = [
    case("modules and functions mixed", mixed, lambda: {"act": nn.ReLU(), "inner": nn.Linear(HIDDEN, HIDDEN)}),
    act(
        "the same activation module twice",
        lambda m, z: m.act(m.inner(m.act(z))),
        lambda: {"act": nn.ReLU(), "inner": nn.Linear(HIDDEN, HIDDEN)},
    ),
    act("an activation straight after another", lambda m, z: F.relu(F.relu(1 - F.relu(z)))),
    act("prelu", lambda m, z: m.act(z), lambda: {"act": nn.PReLU(HIDDEN, 0.3)}),
    act("leaky relu", lambda m, z: F.leaky_relu(z, 0.2)),
    act("leaky relu with a negative slope below", lambda m, z: F.leaky_relu(z, -0.5)),
    act("relu6 and hardtanh", lambda m, z: F.relu6(z) + F.hardtanh(z, -0.5, 0.7)),
    act("clamps", lambda m, z: z.clamp(min=-0.2) + torch.clamp(z, -1, 0.5) + torch.clip(z, max=0.1)),
    act("clamp between tensors", lambda m, z: torch.clamp(z, m.low, m.low + 1), lambda: {"low": torch.randn(HIDDEN)}),
    act("hardswish, hardsigmoid and softshrink", lambda m, z: F.hardswish(z) + F.hardsigmoid(z) + F.softshrink(z, 0.3)),
    act("smooth activations", lambda m, z: F.gelu(z) + F.silu(z) + F.mish(z) + F.softplus(z) + F.celu(z), nodes=6_000),
    act("gated linear unit", lambda m, z: F.glu(z), lambda: {"last": nn.Linear(HIDDEN // 2, OUTPUTS)}, nodes=3_000),
    act("random leaky relu", lambda m, z: m.act(z), lambda: {"act": nn.RReLU()}),
    act("relu by where", lambda m, z: torch.where(z > 0, z, -0.1 * z)),
    act("relu by product", lambda m, z: z * (z > 0)),
    act("relu by absolute value", lambda m, z: (z + z.abs()) / 2),
    act(
        "maximum and minimum",
        lambda m, z: torch.maximum(z, z.flip(1)) - torch.minimum(z, m.knot),
        lambda: {"knot": torch.tensor(0.4)},
    ),
    act("maxout", lambda m, z: z.view(len(z), -1, 2).amax(2), lambda: {"last": nn.Linear(HIDDEN // 2, OUTPUTS)}),
    act(
        "the largest entry and its value",
        lambda m, z: z.max(1, keepdim=True).values * m.spread,
        lambda: {"spread": torch.randn(HIDDEN)},
    ),
    act("sorted", lambda m, z: z.sort(1).values),
    act("topk", lambda m, z: z.topk(3, 1).values, lambda: {"last": nn.Linear(3, OUTPUTS)}),
    act("median", lambda m, z: z - z.median(1, keepdim=True).values),
    act("cumulative maximum", lambda m, z: z.cummax(1).values),
    act("logsumexp", lambda m, z: z.logsumexp(1, keepdim=True) - F.relu(z)),
    act("product of two activations", lambda m, z: F.relu(z) * F.relu(1 - z.flip(1))),
    act("an activation of its own with its derivative", lambda m, z: Square.apply(z)),
    act("an activation whose gradient is not its derivative", lambda m, z: Guided.apply(z)),
    act("a subclass of an activation", lambda m, z: m.act(z), lambda: {"act": Doubled()}),
    act("rounding with a gradient passed straight through", lambda m, z: z + (z.round() - z).detach()),
    act(
        "a gradient through an inner derivative",
        lambda m, z: torch.autograd.grad(m.energy(z).tanh().sum(), z, create_graph=True)[0] if z.requires_grad else z,
        lambda: {"energy": nn.Linear(HIDDEN, 3)},
        may_refuse="gradient",
    ),
    act(
        "checkpointed",
        lambda m, z: torch.utils.checkpoint.checkpoint(lambda z: F.relu(m.inner(F.relu(z))), z, use_reentrant=False),
        lambda: {"inner": nn.Linear(HIDDEN, HIDDEN)},
    ),
    act("single precision inside", lambda m, z: F.relu(z.float() * 1.5).double()),
    act("sine of a large argument", lambda m, z: torch.sin(2 * z), nodes=6_000),
    act("softmax inside", lambda m, z: F.softmax(z, 1), nodes=6_000),
    case("softmax output", lambda m, x: m.last(F.relu(m.first(x.flatten(1)))).softmax(1)),
    case(
        "log-softmax output, each sample its own",
        lambda m, x: m.last(F.relu(m.first(x.flatten(1)))).log_softmax(1),
        target=torch.tensor([3, 0, 2, 1, 1, 0, 3]),
    ),
    case(
        "softmax inside the target",
        lambda m, x: m.last(F.relu(m.first(x.flatten(1)))),
        target=lambda outputs: outputs.softmax(1)[:, 2] - F.relu(outputs[:, 0]),
        nodes=42_000,
    ),
    case("one output without an axis", lambda m, x: m.last(F.relu(m.first(x.flatten(1))))[:, 0], target=None),
    act("zero for some samples", lambda m, z: F.relu(z - 4), lambda: {"last": nn.Linear(HIDDEN, OUTPUTS, bias=False)}),
    act("zero for all samples", lambda m, z: F.relu(z - 100)),
]
