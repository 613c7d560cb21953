"""Models that come wrapped, watched, shared, scripted, frozen, in half precision or as mere functions."""

import threading
from functools import partial

import torch
from tests.awkward.case import HIDDEN, SHAPE, N, case
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

JIT = (".*torch.jit.*", ".*TorchScript.*")
EXPORT = (".*",)  # exporting warns of torch's own affairs


def head(m, x, *extra):
    return m.last(F.relu(m.first(x.flatten(1))))


def plain(name, finish=lambda model: model, parts=dict, function=head, **options):
    return case(name, function, parts, finish=finish, **options)


class Scripted(nn.Module):
    """What torch.jit.script can read."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.first, self.act, self.last = model.first, nn.ReLU(), model.last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.act(self.first(x.flatten(1))))


class Locked(nn.Module):
    """Holds a lock and refuses to be copied or pickled."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.inner, self.lock = model, threading.Lock()

    def forward(self, x):
        with self.lock:
            return self.inner(x)

    def __deepcopy__(self, memo):
        raise TypeError("this model is not to be copied")

    __reduce__ = None


def exported(model):
    batch = torch.export.Dim("batch", min=1, max=100_000)
    example = torch.randn(3, *SHAPE, dtype=torch.float64)
    return torch.export.export(Scripted(model), (example,), dynamic_shapes=((batch, None, None),)).module()


def sequential(model):
    return nn.Sequential(nn.Flatten(), model.first, nn.ReLU(), nn.Dropout(0.5), model.last)


def counted(m, x):
    m.calls += 1
    m.replaced = m.replaced + len(x)
    m.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
    return head(m, x)


def hooked(method, hook, place="first"):
    def finish(model):
        getattr(getattr(model, place), method)(hook)
        return model

    return finish


def train(model):
    return model.train()


def frozen(model):
    return model.requires_grad_(False)


def tied(model):
    model.other = nn.Linear(HIDDEN, 15).double()
    model.other.weight = nn.Parameter(model.first.weight.T.clone())
    model.third = nn.Linear(15, HIDDEN).double()
    model.third.weight = model.first.weight
    return model


def sharing(model):
    """Another model, in train mode and with gradients of its own, holds the same weights; a list hides it here."""
    other = nn.Sequential(nn.Linear(15, HIDDEN), nn.Dropout(0.5)).double().train()
    other[0].weight = model.first.weight
    other(torch.ones(3, 15, dtype=torch.float64)).sum().backward()
    model.others = [other]
    return model


def thrice(m, x):
    z = F.relu(m.first(x.flatten(1)))
    return m.last(F.relu(m.third(F.relu(m.other(z)))))


def with_gradients(model):
    head(model, torch.ones(3, *SHAPE, dtype=torch.float64)).sum().backward()
    return model


def scaled(factor):
    return lambda generator: (factor * torch.rand(N, generator=generator, dtype=torch.float64) + 0.5,)


def places(generator):
    return (torch.randint(6, (N,), generator=generator),)


def frozen_script(model):
    script = torch.jit.freeze(torch.jit.script(Scripted(model).eval()))
    script(torch.ones(2, *SHAPE, dtype=torch.float64))  # its first call makes PyTorch keep its `forward` at hand
    return script


CASES = [
    plain("data parallel", nn.DataParallel),
    plain("sequential", sequential),
    plain("torch.jit.script", lambda model: torch.jit.script(Scripted(model)), ignored=JIT),
    plain(
        "torch.jit.trace", lambda model: torch.jit.trace(model, torch.ones(2, *SHAPE, dtype=torch.float64)), ignored=JIT
    ),
    plain("torch.jit.freeze", frozen_script, ignored=JIT),
    plain("torch.export", exported, ignored=EXPORT),
    plain("torch.fx", lambda model: torch.fx.symbolic_trace(Scripted(model))),
    plain("a model not to be copied", Locked),
    plain("a function", lambda model: lambda x: head(model, x)),
    plain("a bound method", lambda model: model.forward),
    plain("a partial function", lambda model: partial(head, model)),
    plain("a model that left gradients behind", with_gradients),
    plain("frozen parameters", frozen),
    plain("an untrained first layer among trained ones", lambda model: (frozen(model.first), model)[1]),
    plain("tied weights", tied, function=thrice),
    plain("weights shared with another model", sharing),
    plain("a hook that reads", hooked("register_forward_hook", lambda module, inputs, output: None)),
    plain(
        "a hook that replaces the output", hooked("register_forward_hook", lambda module, inputs, output: output.abs())
    ),
    plain(
        "a hook that replaces the last output",
        hooked("register_forward_hook", lambda module, inputs, output: output * output.sigmoid(), "last"),
    ),
    plain(
        "a hook that scales the input of the first layer",
        hooked("register_forward_pre_hook", lambda module, inputs: (inputs[0] * 1.7,)),
    ),
    plain(
        "a hook that squares the input of the model",
        lambda model: (model.register_forward_pre_hook(lambda module, inputs: (inputs[0] * inputs[0].abs(),)), model)[
            1
        ],
    ),
    plain("a backward hook that reads", hooked("register_full_backward_hook", lambda module, inputs, outputs: None)),
    plain(
        "a backward hook that halves the gradient",
        hooked("register_full_backward_hook", lambda module, inputs, outputs: (inputs[0] / 2,)),
    ),
    plain(
        "dropout in train mode",
        train,
        lambda: {"drop": nn.Dropout(0.5)},
        lambda m, x: m.last(m.drop(F.relu(m.first(x.flatten(1))))),
    ),
    plain(
        "batch norm in train mode",
        train,
        lambda: {"norm": nn.BatchNorm1d(HIDDEN)},
        lambda m, x: m.last(F.relu(m.norm(m.first(x.flatten(1))))),
    ),
    plain(
        "modes that differ between the parts",
        lambda model: (model.train().norm.eval(), model)[1],
        lambda: {"norm": nn.BatchNorm1d(HIDDEN), "drop": nn.Dropout(0.2)},
        lambda m, x: m.last(F.relu(m.drop(m.norm(m.first(x.flatten(1)))))),
    ),
    plain(
        "buffers that count",
        parts=lambda: {"calls": torch.tensor(0), "replaced": torch.tensor(0), "mean": torch.zeros(SHAPE)},
        function=counted,
    ),
    plain("weight norm", lambda model: (parametrizations.weight_norm(model.first), model)[1]),
    plain("spectral norm in train mode", lambda model: (parametrizations.spectral_norm(model.first), model)[1].train()),
    plain("an extra input", function=lambda m, x, s: head(m, x * s[:, None, None]), extra=scaled(2.0)),
    plain(
        "an extra input that is a place in a table",
        parts=lambda: {"table": nn.Embedding(6, HIDDEN)},
        function=lambda m, x, i: m.last(F.relu(m.first(x.flatten(1)) + m.table(i))),
        extra=places,
    ),
    plain(
        "an extra input beside the first layer",
        parts=lambda: {"first": nn.Linear(16, HIDDEN)},
        function=lambda m, x, s: m.last(F.relu(m.first(torch.cat([x.flatten(1), s[:, None]], 1)))),
        extra=scaled(4.0),
    ),
    plain("the caller's no_grad", context=torch.no_grad),
    plain("the caller's inference mode", context=torch.inference_mode),
    plain("bfloat16", dtype=torch.bfloat16, rtol=0.1),
    plain("float16", dtype=torch.float16, rtol=0.02),
    plain("float32", dtype=torch.float32),
]
