"""Training of the splicing code: an autoencoder of features, a dense network that goes on from it, and a sparse one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from eigrad import autoencoder as autoencoders
from eigrad.autoencoder import Autoencoder, Mean, VariationalAutoencoder
from eigrad.cases.splicing.model.dataset import Dataset
from eigrad.cases.splicing.model.networks import SplicingCode, Standardize, between_units, in_units
from eigrad.sparse import fine_tune
from eigrad.threads import one_thread
from eigrad.training import Schedule, fit, reloaded, save_model, seeded

NETWORKS = ("dense", "sparse")


@dataclass(frozen=True)
class Recipe:
    """Sizes and schedules of the networks.

    The dense network's schedule runs to its end: the loss on validation exons falls late, when the learning rate does.
    """

    hidden: tuple[int, ...] = (256,)
    n_latent: int = 64
    variational: bool = False
    beta: float = 1.0
    head: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    autoencoder: Schedule = field(default_factory=lambda: Schedule(60, 128, 1e-3, 6))
    dense: Schedule = field(default_factory=lambda: Schedule(60, 128, 4e-3, 60))
    sparse: Schedule = field(default_factory=lambda: Schedule(30, 128, 2e-3, 8))

    def config(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Trained:
    """The autoencoder, in the units of the features, and the networks by name."""

    autoencoder: Autoencoder
    networks: Mapping[str, SplicingCode]


def loss(network: nn.Module, x: Tensor, y: Tensor, *, weights: Tensor) -> Tensor:
    """Cross-entropy of the three fractions over what is measured, each target by its weight."""
    there = ~y.isnan()
    each = functional.binary_cross_entropy_with_logits(network(x), torch.nan_to_num(y), reduction="none")
    return (each * there * weights.to(each)).sum() / there.sum().clamp(min=1)


def weights_of(targets: Tensor) -> Tensor:
    """One over the cross-entropy of each target's mean, so that PSI, of most entropy, does not drown the changes."""
    means = targets.flatten(0, -2).nanmean(0).clamp(1e-3, 1 - 1e-3)
    return 1 / functional.binary_cross_entropy(means, means, reduction="none")


def load_or_train(
    folder: Path,
    data: Dataset,
    recipe: Recipe,
    *,
    fingerprint: Mapping[str, Any],
    seed: int,
    device: str = "cpu",
    progress: bool = True,
) -> Trained:
    """An autoencoder and both networks, those in the folder where they are of this recipe, seed and fingerprint.

    The dense network starts from the autoencoder's encoder and is trained as a whole; the sparse one goes on from it.
    """
    train, validation = (
        (torch.from_numpy(data.features.values[rows]), torch.from_numpy(data.targets[rows]))
        for rows in map(data.rows, ("train", "validation"))
    )
    config = {"recipe": recipe.config(), "seed": seed, **fingerprint}
    objective = partial(loss, weights=weights_of(train[1]))
    with seeded(seed):
        autoencoder = _autoencoder(train[0], recipe).to(device)
        dense = SplicingCode(_encoder(autoencoder), recipe.n_latent, recipe.head, data.pairs, recipe.dropout).to(device)

    def train_dense() -> None:
        dense.encoder.load_state_dict(_encoder(autoencoder).state_dict())
        fit(
            dense, objective, train, validation, recipe.dense, seed=seed, description="training the splicing code",
            progress=progress,
        )  # fmt: skip

    def train_sparse() -> None:
        sparse.load_state_dict(dense.state_dict())
        fine_tune(sparse, objective, train, validation, recipe.sparse, seed=seed, progress=progress)

    codes = partial(_fit_codes, autoencoder, train[0], validation[0], recipe, seed, progress)
    with one_thread():
        _kept(folder / "autoencoder.safetensors", config, autoencoder, codes)
        _kept(folder / "dense.safetensors", config, dense, train_dense)
        sparse = copy.deepcopy(dense)
        _kept(folder / "sparse.safetensors", config, sparse, train_sparse)
    for module in (autoencoder, dense, sparse):
        module.requires_grad_(False).eval()
    return Trained(autoencoder, {"dense": dense, "sparse": sparse})


def _encoder(autoencoder: Autoencoder) -> nn.Module:
    """A copy of the encoder that gives codes, not their distribution."""
    variational = isinstance(autoencoder, VariationalAutoencoder)
    return copy.deepcopy(Mean(autoencoder.encoder) if variational else autoencoder.encoder)


def train_autoencoder(
    train: Tensor, validation: Tensor, recipe: Recipe, *, seed: int, device: str = "cpu", progress: bool = True
) -> Autoencoder:
    """An autoencoder of features (exons, features), in their units."""
    with seeded(seed):
        autoencoder = _autoencoder(train, recipe).to(device)
    _fit_codes(autoencoder, train, validation, recipe, seed, progress)
    return autoencoder.requires_grad_(False).eval()


def _autoencoder(values: Tensor, recipe: Recipe) -> Autoencoder:
    inner = autoencoders.dense(
        tuple(values.shape[1:]), recipe.hidden, recipe.n_latent, variational=recipe.variational, binary=False,
        beta=recipe.beta,
    )  # fmt: skip
    return in_units(inner, Standardize.of(values))


def _fit_codes(
    autoencoder: Autoencoder, train: Tensor, validation: Tensor, recipe: Recipe, seed: int, progress: bool
) -> None:
    """Train what lies between the units of the features, on standardized ones."""
    inner, standardize = between_units(autoencoder)
    device = standardize.mean.device
    first, second = (standardize(part.to(device)).to(part.device) for part in (train, validation))
    autoencoders.train(inner, first, second, recipe.autoencoder, seed=seed, progress=progress)


def _kept(path: Path, config: Mapping[str, Any], module: nn.Module, train: Callable[[], None]) -> None:
    """The module as the file has it, or trained and saved there."""
    config = json.loads(json.dumps({**config, "network": path.stem}))
    if not reloaded(path, config, module):
        train()
        save_model(path, module, config)
