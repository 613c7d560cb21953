"""The networks that are explained: the paper's kind, dense as training leaves it, and the same trained to be sparse."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from eigrad.autoencoder import dense_layers
from eigrad.competitors import Margin
from eigrad.data import Examples
from eigrad.sparse import fine_tune
from eigrad.training import Schedule, fit, predict, seeded

HIDDEN = (256, 64)
DENSE, FINE = Schedule(30, 128, 1e-3, 5), Schedule(10, 128, 1e-3, 3)
NETWORKS = ("paper", "sparse")


@dataclass(frozen=True)
class Splits:
    """Examples to train on, to stop training by, and to explain."""

    train: Examples
    validation: Examples
    test: Examples


def _cross_entropy(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(network(x), y)


def trained(splits: Splits, seed: int, progress: bool = True) -> dict[str, nn.Module]:
    """Both networks; the sparse one goes on from the paper's."""
    n_classes = int(splits.train.labels.max()) + 1
    train, validation = (_tensors(part) for part in (splits.train, splits.validation))
    with seeded(seed):
        paper = dense_layers([splits.train.n_features, *HIDDEN, n_classes])
    fit(paper, _cross_entropy, train, validation, DENSE, seed=seed, description="training", progress=progress)
    sparse = copy.deepcopy(paper)
    fine_tune(sparse, _cross_entropy, train, validation, FINE, seed=seed, progress=progress)
    return {"paper": paper, "sparse": sparse}


def _tensors(examples: Examples) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(examples.values), torch.from_numpy(examples.labels)


def auc(network: nn.Module, examples: Examples, label: int, reference: int) -> float:
    """How well a network tells a class from the reference: area under the ROC curve of its margin."""
    margin = predict(Margin(network, label, reference), torch.from_numpy(examples.values))
    return float(roc_auc_score(examples.labels == label, margin.numpy().reshape(-1)))
