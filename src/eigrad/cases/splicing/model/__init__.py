"""The splicing code: a network from features of exons to their inclusion, and what it is trained on."""

from eigrad.cases.splicing.model.dataset import PARTS, TARGETS, Dataset, assembled, parts
from eigrad.cases.splicing.model.networks import Score, SplicingCode
from eigrad.cases.splicing.model.training import NETWORKS, Recipe, Trained, load_or_train, train_autoencoder

__all__ = [
    "NETWORKS",
    "PARTS",
    "TARGETS",
    "Dataset",
    "Recipe",
    "Score",
    "SplicingCode",
    "Trained",
    "assembled",
    "load_or_train",
    "parts",
    "train_autoencoder",
]
