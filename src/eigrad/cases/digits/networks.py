"""The three networks of the study: a classifier on a VAE's embedding, a CNN, a classifier on a convolutional VAE's."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from eigrad import autoencoder as ae
from eigrad.autoencoder import Autoencoder, Mean, dense_layers
from eigrad.cases.digits.mnist import SHAPE, Digits
from eigrad.cases.digits.settings import KINDS, Settings
from eigrad.evaluate import randomized
from eigrad.training import (
    Schedule,
    accuracy,
    fit,
    predict,
    reloaded,
    save_model,
    seeded,
)

logger = logging.getLogger(__name__)

N_CLASSES = 10


@dataclass(frozen=True)
class Recipe:
    """Architecture and training of one network."""

    hidden: tuple[int, ...]
    n_latent: int | None
    classifier: tuple[int, ...]
    autoencoder_schedule: Schedule | None
    schedule: Schedule


@dataclass(frozen=True)
class Trained:
    """A network from images to ten logits, its autoencoder if it has one, and its held-out accuracy."""

    network: nn.Module
    autoencoder: Autoencoder | None
    config: dict[str, Any]
    accuracy: float


class Assembled(nn.Module):
    """What is saved together: the autoencoder (or nothing) and the classifier on its embedding (or on the image)."""

    def __init__(self, kind: str, recipe: Recipe) -> None:
        super().__init__()
        self.autoencoder = _autoencoder(kind, recipe)
        self.classifier = _classifier(kind, recipe)

    def network(self) -> nn.Module:
        """Encoder and classifier joined into the network that is explained."""
        if self.autoencoder is None:
            return self.classifier
        return nn.Sequential(Mean(self.autoencoder.encoder), self.classifier)


def recipe(kind: str, n_train: int, quick: bool) -> Recipe:
    """The recipe of a network; small data sets get more epochs, up to three times as many."""
    more = min(3.0, max(1.0, 60_000 / n_train))

    def schedule(epochs: int, **options: Any) -> Schedule:
        return Schedule(max(1, round(epochs * more / (4 if quick else 1))), **options)

    if kind == "vae":
        return Recipe(
            (400, 200),
            24,
            (100, 50),
            schedule(12, learning_rate=2e-3),
            schedule(5, learning_rate=4e-3),
        )
    if kind == "cnn":
        return Recipe((12, 24), None, (64,), None, schedule(4, learning_rate=4e-3))
    if kind == "cvae":
        return Recipe(
            (12, 24, 128),
            24,
            (100, 50),
            schedule(5, learning_rate=3e-3),
            schedule(5, learning_rate=4e-3),
        )
    raise ValueError(f"network: got {kind!r}, expected vae, cnn or cvae")


def load_or_train(
    folder: Path,
    kind: str,
    digits: Digits,
    *,
    seed: int,
    device: str = "cpu",
    quick: bool = False,
    progress: bool = True,
) -> Trained:
    """The network saved in the folder if it was trained in the same way on the same data, else a new one."""
    chosen = recipe(kind, len(digits.train), quick)
    config = json.loads(json.dumps({"kind": kind, "seed": seed, "data": digits.hash, "recipe": asdict(chosen)}))
    path = folder / f"{kind}.safetensors"
    with seeded(seed, device):
        # Convolutions of small images are twice as fast with the channels last.
        parts = Assembled(kind, chosen).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if reloaded(path, config, parts):
        logger.info("%s: reusing %s", kind, path)
    else:
        _train(parts, chosen, digits, seed, progress)
        save_model(path, parts, config)
    parts.requires_grad_(False).eval()
    trained = _judged(parts.network().eval(), parts.autoencoder, config, digits)
    logger.info("%s: test accuracy %.2f %%", kind, 100 * trained.accuracy)
    return trained


def load_or_train_all(folder: Path, digits: Digits, settings: Settings) -> dict[str, Trained]:
    """The three networks of a study, by kind."""
    return {
        kind: load_or_train(folder, kind, digits, seed=settings.seed, device=settings.device, quick=settings.quick)
        for kind in KINDS
    }


def of_nothing(
    kind: str, trained: Trained, digits: Digits, settings: Settings, progress: bool = True
) -> dict[str, Trained]:
    """Networks of the same architecture that know nothing of digits: one of random weights, one of shuffled labels.

    The latter is trained on the training images with their labels permuted, as long as that lowers its loss on them;
    its encoder, which has seen no labels, is the trained one. Paths go through the trained autoencoder in both.
    """
    device = next(trained.network.parameters()).device
    chosen, seed = recipe(kind, len(digits.train), settings.quick), settings.seed
    random = randomized(trained.network, seed)
    with seeded(seed, device):
        classifier = _classifier(kind, chosen).to(device)
    encoder = None if trained.autoencoder is None else Mean(trained.autoencoder.encoder)
    x = torch.from_numpy(digits.train.values)
    x = x if encoder is None else predict(encoder, x)
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(digits.train.labels))
    fit(
        classifier, _cross_entropy, (x, shuffled), (x, shuffled), chosen.schedule, seed=seed,
        description="training on shuffled labels", progress=progress,
    )  # fmt: skip
    of_noise = classifier if encoder is None else nn.Sequential(encoder, classifier)
    return {
        name: _judged(network.requires_grad_(False).eval(), trained.autoencoder, {"kind": kind, "of": name}, digits)
        for name, network in {"random weights": random, "shuffled labels": of_noise}.items()
    }


def _judged(network: nn.Module, autoencoder: Autoencoder | None, config: dict[str, Any], digits: Digits) -> Trained:
    held_out = accuracy(network, torch.from_numpy(digits.test.values), digits.test.labels)
    return Trained(network, autoencoder, config, held_out)


def _train(parts: Assembled, recipe: Recipe, digits: Digits, seed: int, progress: bool) -> None:
    (x, y), (x_held, y_held) = (
        (torch.from_numpy(part.values), torch.from_numpy(part.labels)) for part in (digits.train, digits.validation)
    )
    if parts.autoencoder is not None and recipe.autoencoder_schedule is not None:
        ae.train(parts.autoencoder, x, x_held, recipe.autoencoder_schedule, seed=seed, progress=progress)
        encoder = Mean(parts.autoencoder.encoder)
        x, x_held = predict(encoder, x), predict(encoder, x_held)
    fit(
        parts.classifier,
        _cross_entropy,
        (x, y),
        (x_held, y_held),
        recipe.schedule,
        seed=seed,
        description="training the classifier",
        progress=progress,
    )


def _cross_entropy(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(module(x), y)


def _autoencoder(kind: str, recipe: Recipe) -> Autoencoder | None:
    if recipe.n_latent is None:
        return None
    if kind == "vae":
        return ae.dense(SHAPE, recipe.hidden, recipe.n_latent, activation=nn.SiLU)
    first, second, n_hidden = recipe.hidden
    return ae.convolutional(SHAPE, (first, second), n_hidden, recipe.n_latent)


def _classifier(kind: str, recipe: Recipe) -> nn.Module:
    if recipe.n_latent is not None:
        return dense_layers([recipe.n_latent, *recipe.classifier, N_CLASSES], nn.SiLU)
    first, second = recipe.hidden
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), *dense_layers([second * 49, *recipe.classifier, N_CLASSES]),
    )  # fmt: skip
