"""What makes windows donors, or acceptors, rather than neither: attributions, and a test of each position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import eigrad
from eigrad import store
from eigrad.attribute import Attributions, Explainer
from eigrad.cases.junctions.networks import Trained
from eigrad.cases.junctions.settings import CLASSES, NEITHER, SITES, Settings
from eigrad.cases.junctions.windows import Windows
from eigrad.cases.options import BASELINES
from eigrad.competitors import Margin, beside_network
from eigrad.data import Examples
from eigrad.significance import recommended, significance
from eigrad.training import model_hash


@dataclass(frozen=True)
class Explanation:
    """Of one kind of site: windows and their attributions, the recommended mode's table, and the paper's."""

    windows: Examples
    attributions: Attributions
    table: pd.DataFrame
    paper: pd.DataFrame

    @property
    def significant(self) -> list[int]:
        """Positions of the recommended mode, from 1."""
        return [int(position) for position in self.table["feature"][self.table["significant"]]]

    @property
    def below_floor(self) -> list[int]:
        """Positions that differ from both sets, and whose mean |attribution| is too small to be called significant."""
        table = self.table
        differ = (table["t"] != 0) & (table["p_adjusted"] <= table.attrs["alpha"])
        return [int(position) for position in table["feature"][differ & ~table["significant"]]]

    def top(self, n: int) -> list[int]:
        """The positions of the largest effects."""
        return [int(position) for position in self.table["feature"][self.order[:n]]]

    @property
    def order(self) -> np.ndarray:
        """Rows by the size of their effect."""
        return np.argsort(-self.table["effect"].abs().to_numpy(), kind="stable")

    def by_letter(self) -> np.ndarray:
        """Mean attribution (positions, 4) by the letter that stands there; a row sums to the position's mean."""
        total = self.attributions.values.numpy().reshape(self.windows.values.shape).sum(axis=1, keepdims=True)
        heights: np.ndarray = (total * self.windows.values).mean(axis=0).T
        return heights


def explain(site: str, windows: Windows, trained: Trained, settings: Settings, folder: Path) -> Explanation:
    """Held-out windows of a site against the rest, in the network's log odds of the site against neither.

    Baselines are training windows of neither kind; the null is drawn from the other held-out windows, of all classes,
    and the reference from those of neither kind. Finished attributions in the folder are reused.
    """
    label, test = SITES[site], windows.test
    of_class, null, reference = draw(test.labels, site, settings.n_samples, settings.seed)
    network = Margin(trained.ensemble, label, NEITHER)
    points = torch.from_numpy(windows.train.of_class(NEITHER).values)
    explainer = Explainer(
        network,
        baseline=BASELINES[settings.baseline_kind](points, settings.n_baselines, settings.seed, None),  # type: ignore[arg-type]
    )
    found = []
    for name, rows in (("class", of_class), ("null", null), ("reference", reference)):
        fingerprint = {
            "version": eigrad.__version__, "data": windows.hash, "model": model_hash(network), "site": site,
            "explainer": repr(explainer), "seed": settings.seed, "n_samples": settings.n_samples,
        }  # fmt: skip
        samples = test.take(rows).values
        found.append(store.load_or_compute(folder / f"{site}-{name}", fingerprint, partial(explainer, samples)))
    table = recommended(*found, groups=windows.positions, seed=settings.seed)
    paper = significance(found[0], found[1], groups=windows.positions)
    return Explanation(test.take(of_class), found[0], table, paper)


def draw(labels: np.ndarray, site: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N rows of a site, n of the others, whatever they are, and n of neither kind; ValueError where there are fewer."""
    rng, label = np.random.default_rng((seed, SITES[site])), SITES[site]
    there, neither = np.flatnonzero(labels == label), np.flatnonzero(labels == NEITHER)
    most = min(len(there), len(neither), len(labels) // 2)
    if n > most:
        raise ValueError(
            f"--n-samples: got {n}, expected at most {most} with {len(there)} windows of {CLASSES[label]} and "
            f"{len(neither)} of {CLASSES[NEITHER]} among {len(labels)} test windows"
        )
    chosen = np.sort(rng.choice(there, n, replace=False))
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    return chosen, np.sort(rng.choice(rest, n, replace=False)), np.sort(rng.choice(neither, n, replace=False))


def without_network(site: str, windows: Windows, trained: Trained, seed: int) -> pd.DataFrame:
    """How well a forest and a sparse linear model tell the site from neither, beside the networks."""
    label = SITES[site]
    train, test = (part.take(np.isin(part.labels, (label, NEITHER))) for part in (windows.train, windows.test))
    return beside_network(Margin(trained.ensemble, label, NEITHER), train, test, label, seed=seed)
