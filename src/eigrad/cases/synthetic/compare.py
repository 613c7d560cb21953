"""Every method, in every order, on worlds whose causes are known: a row a method, order, class and data set."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from eigrad.cases.synthetic.networks import NETWORKS, Splits, auc, trained
from eigrad.cases.synthetic.worlds import Simulated, World
from eigrad.competitors import ATTRIBUTIONS, NETWORK_FREE, Margin, permutation_importance
from eigrad.data import Examples, split
from eigrad.evaluate import recovery
from eigrad.progress import track
from eigrad.significance import ORDERS, SignificanceWarning, recommended

FRACTIONS = (0.6, 0.1, 0.3)
N_BACKGROUND, FIRST = 50, (20, 50)
REFERENCE = 0

IMPORTANCE = "permutation importance"
METHODS = (*ATTRIBUTIONS, IMPORTANCE, *NETWORK_FREE)

Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A class of a data set: the rows that every method explains, and those it is explained against."""

    simulated: Simulated
    splits: Splits
    label: int
    n_explained: int
    seed: int

    def rows(self, which: str) -> Examples:
        """Rows of the class, of the reference, or of those left ("null"), as many as asked for, none in two sets.

        Where all rows of the class are explained, the null has none of them.
        """
        rng = np.random.default_rng((self.seed, self.label))
        test = self.splits.test
        order = rng.permutation(len(test))
        of_class = order[test.labels[order] == self.label][: self.n_explained]
        of_reference = order[test.labels[order] == REFERENCE][: self.n_explained]
        left = np.setdiff1d(order, np.concatenate([of_class, of_reference]))
        places = {"class": of_class, "reference": of_reference, "null": rng.permutation(left)[: self.n_explained]}
        return test.take(places[which])

    def background(self) -> torch.Tensor:
        rng = np.random.default_rng((self.seed, self.label, 1))
        there = self.splits.train.of_class(REFERENCE).values
        return torch.from_numpy(there[rng.choice(len(there), min(N_BACKGROUND, len(there)), replace=False)])

    def pair(self, part: Examples) -> Examples:
        """The examples of the class and of the reference."""
        return part.take(np.isin(part.labels, (self.label, REFERENCE)))


@dataclass(frozen=True)
class Scored:
    """What one method says of every group: a score in each order, and whether it is significant, if it says so."""

    network: str
    method: str
    auc: float | None  # held out, class against reference, of whatever predicts
    scores: dict[str, np.ndarray]
    significant: np.ndarray | None = None


@dataclass(frozen=True)
class Compared:
    """A row a method, order and class; and what every method says of every group."""

    methods: pd.DataFrame
    groups: pd.DataFrame


def compare(
    world: World,
    seed: int,
    *,
    n_samples: int = 10_000,
    n_explained: int = 450,
    networks: tuple[str, ...] = NETWORKS,
    methods: tuple[str, ...] = METHODS,
    progress: bool = True,
) -> Compared:
    """Methods on one data set: seed, label, network, method, order, and what `recovery` says.

    At most `n_explained` rows of each class are explained, as many of the reference, and of all that are left.
    `average_precision_no_proxies` leaves proxies out; n_significant, precision and recall are of the recommended mode's
    set; auc is the held-out area under the ROC curve, class against reference, of whatever predicts. Of every group:
    causal, proxy, its score in each order, and significant, where the method has them.
    """
    simulated = world.draw(n_samples, seed)
    splits = Splits(*split(simulated.examples, FRACTIONS, seed))
    models = trained(splits, seed, progress)
    rows: list[Row] = []
    groups: list[pd.DataFrame] = []
    for label in range(1, int(simulated.examples.labels.max()) + 1):
        task = Task(simulated, splits, label, n_explained, seed)
        of_networks = (_of_network(task, name, models[name], methods, progress) for name in networks)
        for found in chain(_network_free(task, methods), *of_networks):
            rows += _rows(task, found)
            groups.append(_groups(task, found))
    return Compared(pd.DataFrame(rows), pd.concat(groups, ignore_index=True))


def _of_network(
    task: Task, name: str, network: nn.Module, methods: tuple[str, ...], progress: bool
) -> Iterator[Scored]:
    score = Margin(network, task.label, REFERENCE)
    held_out = auc(network, task.pair(task.splits.test), task.label, REFERENCE)
    sets = [torch.from_numpy(task.rows(which).values) for which in ("class", "null", "reference")]
    background = task.background()
    chosen = [method for method in ATTRIBUTIONS if method in methods]
    for method in track(chosen, f"{name} network, class {task.label}", enabled=progress):
        values = [ATTRIBUTIONS[method](score, samples, background).numpy() for samples in sets]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignificanceWarning)  # the set's precision is in the table
            table = recommended(*values, test="welch", groups=task.simulated.groups, seed=task.seed, progress=False)
        scores = {order: table[order].abs().to_numpy() for order in ORDERS}
        yield Scored(name, method, held_out, scores, table["significant"].to_numpy())
    if IMPORTANCE in methods:
        rows = np.concatenate([sets[0].numpy(), sets[2].numpy()])
        of_class = np.arange(len(rows)) < len(sets[0])
        importance = permutation_importance(score, rows, of_class, task.simulated.groups, seed=task.seed)
        yield Scored(name, IMPORTANCE, held_out, {"score": importance})


def _network_free(task: Task, methods: tuple[str, ...]) -> Iterator[Scored]:
    train, test = (task.pair(part) for part in (task.splits.train, task.splits.test))
    for method in (method for method in NETWORK_FREE if method in methods):
        found = NETWORK_FREE[method](train.values, train.labels == task.label, test.values, task.seed)
        best = pd.Series(found.score).groupby(task.simulated.groups, sort=False).max()
        yield Scored("none", method, found.auc(test.labels == task.label), {"score": best.to_numpy()})


def _rows(task: Task, found: Scored) -> list[Row]:
    common = {
        "seed": task.seed, "label": task.label, "network": found.network, "auc": found.auc, "method": found.method,
    }  # fmt: skip
    chosen = {} if found.significant is None else _of_set(task, found.significant)
    return [{**common, "order": order, **_recovered(task, scores), **chosen} for order, scores in found.scores.items()]


def _groups(task: Task, found: Scored) -> pd.DataFrame:
    causal = task.simulated.causal(task.label)
    columns: dict[str, Any] = {
        "seed": task.seed, "label": task.label, "network": found.network, "method": found.method,
        "group": causal.index, "causal": causal.to_numpy(), "proxy": task.simulated.proxies().to_numpy(),
        **found.scores, "significant": found.significant,
    }  # fmt: skip
    return pd.DataFrame(columns)


def _recovered(task: Task, scores: np.ndarray) -> Row:
    causal = task.simulated.causal(task.label).to_numpy()
    if not causal.any():
        return {}
    proxies = task.simulated.proxies().to_numpy()
    at = [n for n in FIRST if n <= (~proxies).sum()]
    found, without = recovery(scores, causal, at=at), recovery(scores, causal, left_out=proxies, at=at)
    return {**found, "average_precision_no_proxies": without["average_precision"]}


def _of_set(task: Task, significant: np.ndarray) -> Row:
    causal, n = task.simulated.causal(task.label).to_numpy(), int(significant.sum())
    hits = int(causal[significant].sum())
    precision = hits / n if n else np.nan
    recall = hits / causal.sum() if causal.any() else np.nan
    return {"n_significant": n, "precision": precision, "recall": recall}
