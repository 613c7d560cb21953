"""The networks the engine is measured on: trained, seeded, and kept with their samples for the next run.

A case is a network with the samples and baselines to explain. It lies in two safetensors files, so that a fresh
process that measures memory loads what it needs and no training data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.data import Data, Sources, digits, sequences, tabular
from eigrad.autoencoder import dense_layers
from eigrad.baselines import Median
from eigrad.data import write_atomic
from eigrad.model import in_batches
from eigrad.training import Schedule, fit, load_config, load_weights, save_model, seeded

SEED, N_BASELINES, MOST_SAMPLES = 0, 3, 300


class Problem(NamedTuple):
    """What a tool is asked to explain: samples (samples, *shape) against baselines (samples, baselines, *shape).

    `extra` are further inputs, one row a sample, that are not explained.
    """

    model: nn.Module
    samples: Tensor
    baselines: Tensor
    target: int
    extra: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A network, its data and training, and what is explained: samples of `target` against medians of `other`."""

    title: str
    build: Callable[[], nn.Module]
    data: Callable[[Sources, int], Data]
    schedule: Schedule
    target: int
    other: int
    n_checked: int  # samples whose error is measured: a reference takes 12,000 float64 gradients each


@dataclass(frozen=True)
class Case:
    """A trained network with samples (samples, *shape), their shared baselines, and further inputs."""

    name: str
    network: nn.Module
    samples: Tensor
    baselines: Tensor
    extra: tuple[Tensor, ...]
    target: int
    config: dict[str, Any]

    def problem(self, n: int) -> Problem:
        samples = self.samples[:n]
        baselines = self.baselines.expand(len(samples), *self.baselines.shape)
        return Problem(self.network, samples, baselines, self.target, tuple(tensor[:n] for tensor in self.extra))


class Splicing(nn.Module):
    """A code's encoder, joined by two tissues, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*dense_layers([1357, 700, 200]), nn.ReLU())
        self.head = dense_layers([212, 300, 100, 3])

    def forward(self, code: Tensor, tissues: Tensor) -> Tensor:
        return self.head(torch.cat([self.encoder(code), tissues], 1))


class Residual(nn.Module):
    """x + f(x), then ReLU, with batch norm after each convolution."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(*_convolution(n, n, 1), nn.ReLU(), *_convolution(n, n, 1))
        self.last = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + self.inner(x))


class Transformer(nn.Module):
    """The rows of an image as 28 tokens of 28 pixels."""

    def __init__(self, width: int = 64, n_layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(28, width)
        self.position = nn.Parameter(0.02 * torch.randn(28, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x.squeeze(1)) + self.position).mean(1))


class Recurrent(nn.Module):
    """The rows of an image as a sequence, read by an LSTM."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.memory = nn.LSTM(28, width, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.memory(x.squeeze(1))[0][:, -1])


def _convolution(n_in: int, n_out: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(n_out)


def _digits_mlp() -> nn.Module:
    encoder, head = dense_layers([784, 400, 200, 24]), dense_layers([24, 100, 50, 10])
    return nn.Sequential(nn.Flatten(), *encoder, nn.ReLU(), *head)


def _digits_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), *dense_layers([24 * 49, 64, 10]),
    )  # fmt: skip


def _sequence_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(4, 48, 11, padding=5), nn.ReLU(), nn.MaxPool1d(5),
        nn.Conv1d(48, 48, 7, padding=3), nn.ReLU(), nn.MaxPool1d(5),
        nn.Flatten(), *dense_layers([48 * 40, 64, 3]),
    )  # fmt: skip


def _residual_cnn() -> nn.Module:
    return nn.Sequential(
        *_convolution(1, 16, 2), nn.ReLU(), *(Residual(16) for _ in range(3)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip


RECIPES = {
    "W1": Recipe("splicing code, MLP, ReLU", Splicing, tabular, Schedule(8, learning_rate=1e-3), 1, 0, 48),
    "W2": Recipe("digits, MLP, ReLU", _digits_mlp, digits, Schedule(8, learning_rate=2e-3), 5, 3, 60),
    "W3": Recipe("digits, CNN, ReLU, max-pool", _digits_cnn, digits, Schedule(6, learning_rate=4e-3), 5, 3, 24),
    "W4": Recipe("sequences, CNN, ReLU, max-pool", _sequence_cnn, sequences, Schedule(8, 32, 2e-3), 0, 2, 12),
    "residual": Recipe("digits, residual CNN, ReLU", _residual_cnn, digits, Schedule(4, learning_rate=6e-3), 5, 3, 16),
    "gelu": Recipe(
        "splicing code, MLP, GELU",
        lambda: dense_layers([1357, 700, 200, 64, 3], nn.GELU),
        lambda sources, seed: _alone(tabular(sources, seed)),
        Schedule(8, learning_rate=1e-3), 1, 0, 48,
    ),
    "transformer": Recipe("digits, transformer, ReLU", Transformer, digits, Schedule(5, learning_rate=3e-3), 5, 3, 16),
    "lstm": Recipe("digits, LSTM", Recurrent, digits, Schedule(6, learning_rate=6e-3), 5, 3, 24),
}  # fmt: skip


def _alone(data: Data) -> Data:
    """The data without their further inputs."""
    return Data(data.values, (), data.labels)


def load(folder: Path, name: str) -> Case:
    """A case that is in the folder."""
    path, beside = _files(folder, name)
    network = RECIPES[name].build()
    load_weights(path, network)
    tensors = load_file(beside)
    extra = tuple(tensors[key] for key in sorted(tensors) if key.startswith("extra"))
    config = load_config(path)
    return Case(name, network.eval(), tensors["samples"], tensors["baselines"], extra, RECIPES[name].target, config)


def random_case(n_features: int, n_samples: int) -> Case:
    """An untrained network of this width and random samples: for time and memory, which need no training."""
    with seeded(SEED):
        network = dense_layers([n_features, 700, 200, 3]).eval()
        samples, baselines = torch.randn(n_samples, n_features), torch.randn(N_BASELINES, n_features)
    return Case("random", network, samples, baselines, (), 1, {})


def load_or_train(folder: Path, name: str, sources: Sources) -> Case:
    """The case in the folder if it was made in the same way, else a newly trained one."""
    recipe = RECIPES[name]
    schedule = [getattr(recipe.schedule, key) for key in ("epochs", "batch_size", "learning_rate", "patience")]
    source = {key: str(value) if value else None for key, value in vars(sources).items()}
    config = {"name": name, "title": recipe.title, "seed": SEED, "schedule": schedule, "sources": source}
    path, beside = _files(folder, name)
    if path.exists() and beside.exists():
        saved = load_config(path)
        if {key: saved.get(key) for key in config} == config:
            return load(folder, name)
    data = recipe.data(sources, SEED)
    network = _trained(recipe, data)
    held_out = data.part(held_out=True)
    predicted = in_batches(network, held_out.values, *held_out.extra).argmax(1)
    right = float((predicted == held_out.labels).double().mean())
    tensors = _chosen(recipe, data, held_out, predicted)
    save_tensors(beside, tensors)
    save_model(path, network, {**config, "accuracy": right})
    return load(folder, name)


def _trained(recipe: Recipe, data: Data) -> nn.Module:
    train = data.part(held_out=False)
    first = len(train.labels) * 9 // 10
    tensors = (train.values, *train.extra, train.labels)
    with seeded(SEED):
        network = recipe.build()
    parts = [tuple(tensor[rows] for tensor in tensors) for rows in (slice(first), slice(first, None))]
    fit(network, _cross_entropy, *parts, recipe.schedule, seed=SEED, progress=False)
    return network


def _cross_entropy(module: nn.Module, *batch: Tensor) -> Tensor:
    *inputs, labels = batch
    return functional.cross_entropy(module(*inputs), labels)


def _chosen(recipe: Recipe, data: Data, held_out: Data, predicted: Tensor) -> dict[str, Tensor]:
    """Held-out samples of the target class that the network knows, and median training points of the other class."""
    rows = torch.nonzero((held_out.labels == recipe.target) & (predicted == recipe.target))[:MOST_SAMPLES, 0]
    train = data.part(held_out=False)
    samples = held_out.values[rows]
    baselines = Median(train.values[train.labels == recipe.other], N_BASELINES)(samples[:1])[0]
    extra = {f"extra{i}": tensor[rows] for i, tensor in enumerate(held_out.extra)}
    return {"samples": samples.contiguous(), "baselines": baselines.contiguous(), **extra}


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.safetensors", folder / f"{name}-data.safetensors"


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(path) as beside:
        save_file(tensors, beside, metadata)
