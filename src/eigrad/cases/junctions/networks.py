"""The networks explained: convolutions over one-hot windows, several of them as one."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from eigrad.cases.junctions.settings import CLASSES, Settings
from eigrad.cases.junctions.windows import Windows
from eigrad.evaluate import Ensemble
from eigrad.sequence import LETTERS
from eigrad.training import Schedule, accuracy, fit, reloaded, save_model, seeded

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Architecture and training of a network."""

    channels: int = 32
    widths: tuple[int, int] = (7, 5)  # of the filters, in nucleotides
    hidden: int = 32
    dropout: tuple[float, float] = (0.2, 0.3)
    schedule: Schedule = field(default_factory=lambda: Schedule(20, batch_size=64, learning_rate=3e-3))


RECIPE = Recipe()


@dataclass(frozen=True)
class Trained:
    """Networks of several seeds, the mean of their logits as one network, and accuracies on held-out windows."""

    networks: tuple[nn.Module, ...]
    ensemble: nn.Module
    accuracies: tuple[float, ...]
    accuracy: float


def load_or_train(folder: Path, windows: Windows, settings: Settings, *, progress: bool = True) -> Trained:
    """The networks saved in the folder if they were trained in the same way on the same windows, else new ones."""
    networks = []
    for number in range(settings.n_networks):
        network = _reused_or_trained(folder / f"network-{number}.safetensors", windows, settings, number, progress)
        networks.append(network.requires_grad_(False).eval())
    ensemble = Ensemble(networks).eval()
    x, y = torch.from_numpy(windows.test.values), windows.test.labels
    found = Trained(
        tuple(networks), ensemble, tuple(accuracy(each, x, y) for each in networks), accuracy(ensemble, x, y)
    )
    logger.info("%d networks: test accuracy %.2f %%", len(networks), 100 * found.accuracy)
    return found


def _reused_or_trained(path: Path, windows: Windows, settings: Settings, number: int, progress: bool) -> nn.Module:
    config = {"seed": settings.seed, "number": number, "data": windows.hash, "recipe": asdict(RECIPE)}
    config = json.loads(json.dumps(config))
    seed = settings.seed * 1000 + number
    with seeded(seed, settings.device):
        network = _built(windows.length).to(settings.device)
    if reloaded(path, config, network):
        return network
    train, validation = (
        (torch.from_numpy(part.values), torch.from_numpy(part.labels)) for part in (windows.train, windows.validation)
    )
    description = f"training network {number + 1} of {settings.n_networks}"
    fit(
        network,
        _cross_entropy,
        train,
        validation,
        RECIPE.schedule,
        seed=seed,
        description=description,
        progress=progress,
    )
    save_model(path, network, config)
    return network


def _cross_entropy(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(module(x), y)


def _built(length: int) -> nn.Module:
    channels, (first, second), hidden, (early, late) = RECIPE.channels, RECIPE.widths, RECIPE.hidden, RECIPE.dropout
    return nn.Sequential(
        nn.Conv1d(len(LETTERS), channels, first, padding=first // 2), nn.ReLU(),
        nn.Conv1d(channels, channels, second, padding=second // 2), nn.ReLU(),
        nn.Dropout(early), nn.Flatten(),
        nn.Linear(channels * length, hidden), nn.ReLU(),
        nn.Dropout(late), nn.Linear(hidden, len(CLASSES)),
    )  # fmt: skip
