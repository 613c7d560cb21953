"""Attributions of one digit and of the null images, for a trained network, against baselines of another digit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import eigrad
from eigrad import store
from eigrad.attribute import Attributions, Explainer
from eigrad.cases.digits.mnist import Digits
from eigrad.cases.digits.networks import Trained
from eigrad.cases.digits.settings import Settings
from eigrad.cases.options import BASELINES, PATHS
from eigrad.data import Examples
from eigrad.paths import Path as AttributionPath
from eigrad.significance import patches, recommended, significance
from eigrad.training import model_hash

GRAPH_POINTS = 10_000  # training images in the neighbor graph, drawn when there are more
PATCH = 3  # side of the patches that stand for a convolutional network's features, in pixels


@dataclass(frozen=True)
class Images:
    """The images explained: of the digit of interest, and a null set over all digits, without a common image."""

    sample: Examples
    null: Examples

    @classmethod
    def draw(cls, train: Examples, digit: int, n: int, seed: int) -> Images:
        """N training images of the digit, and n of the other training images, whatever digit they show."""
        there = np.flatnonzero(train.labels == digit)
        most = min(len(there), len(train) // 2)
        if n > most:
            raise ValueError(
                f"--n-samples: got {n}, expected at most {most} of {len(there)} training images of "
                f"digit {digit} among {len(train)}"
            )
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(there, n, replace=False))
        rest = np.setdiff1d(np.arange(len(train)), chosen)
        return cls(train.take(chosen), train.take(np.sort(rng.choice(rest, n, replace=False))))


@dataclass(frozen=True)
class Explanation:
    """Attributions of the class of interest and of the null, and the table of tested features."""

    sample: Attributions
    null: Attributions
    table: pd.DataFrame
    groups: Any = None

    @cached_property
    def kept(self) -> Any:
        """Whether each pixel belongs to a significant feature."""
        significant = self.table["significant"].to_numpy()
        if self.groups is None:
            return significant
        return np.isin(self.groups, self.table["feature"][significant])

    def ranked(self) -> Any:
        """Indices of the significant features, largest effect first."""
        rows = self.table[self.table["significant"]]
        return rows["effect"].sort_values(ascending=False, kind="stable").index.to_numpy()


@dataclass(frozen=True)
class Study:
    """What every explanation of one study shares."""

    settings: Settings
    digits: Digits
    models: dict[str, Trained]
    images: Images

    @cached_property
    def graph_points(self) -> Tensor:
        values = torch.from_numpy(self.digits.train.values)
        if len(values) <= GRAPH_POINTS:
            return values
        drawn = np.random.default_rng(self.settings.seed).choice(len(values), GRAPH_POINTS, replace=False)
        return values[torch.from_numpy(np.sort(drawn))]

    def autoencoder(self, kind: str) -> Any:
        """The network's own autoencoder; the plain CNN has none and borrows the convolutional one for baselines."""
        return self.models[kind].autoencoder or self.models["cvae"].autoencoder

    @cached_property
    def paths(self) -> dict[tuple[str, str], AttributionPath]:
        """Every path of every network by (network, path), so that each neighbor graph is built once."""
        return {
            (kind, name): make(self.models[kind].autoencoder, self.graph_points)
            for kind in self.models
            for name, make in PATHS.items()
            if self.models[kind].autoencoder is not None or not name.startswith("latent")
        }

    def baseline_points(self, digit: int) -> Tensor:
        return torch.from_numpy(self.digits.train.of_class(digit).values)

    def explainer(
        self,
        kind: str,
        digit: int,
        *,
        path: str | None = None,
        n_points: int | None = None,
        logits: bool = False,
        progress: bool = True,
    ) -> Explainer:
        """Explain the digit of interest's probability (or logit) against baselines of another digit."""
        settings, network = self.settings, self.models[kind].network
        make = BASELINES[settings.baseline_kind]
        return Explainer(
            network if logits else nn.Sequential(network, nn.Softmax(1)),
            target=settings.sample,
            path=self.paths[kind, path or settings.path_for(kind)],
            baseline=make(
                self.baseline_points(digit),
                settings.n_baselines,
                settings.seed,
                self.autoencoder(kind),
            ),
            rule="trapezoid",  # the paper's, on points as many as it took
            n_points=n_points or settings.n_points,
            progress=progress,
        )

    def explain(self, kind: str, digit: int, n_points: int, folder: Path) -> Explanation:
        """Class against null for one network and one baseline digit; finished parts are reused from `folder`."""
        settings, images = self.settings, self.images
        explained = partial(self._attributions, kind, digit, n_points, folder)
        sample = explained("class", images.sample, settings.sample)
        null = explained("null", images.null, "predicted" if settings.null_target == "own" else settings.sample)
        groups = None if kind == "vae" else patches(self.digits.train.shape, PATCH)
        names = self.digits.train.feature_names if groups is None else None
        table = significance(sample, null, transform=settings.transform, groups=groups, feature_names=names)
        return Explanation(sample, null, table, groups)

    def recommended(self, kind: str, folder: Path) -> Explanation:
        """The recommended mode: signed, against all digits and the baseline digit's test images, all for the class."""
        settings, images = self.settings, self.images
        explained = partial(self._attributions, kind, settings.baseline, settings.n_points, folder)
        sample = explained("class", images.sample, settings.sample)
        null = explained("null" if settings.null_target == "class" else "null-for-class", images.null, settings.sample)
        unseen = self.digits.test.of_class(settings.baseline)
        reference = explained("reference", unseen.take(np.arange(len(unseen)) < settings.n_samples), settings.sample)
        names = self.digits.train.feature_names
        table = recommended(sample, null, reference, feature_names=names, seed=settings.seed)
        return Explanation(sample, null, table)

    def _attributions(
        self, kind: str, digit: int, n_points: int, folder: Path, name: str, images: Examples,
        target: int | Literal["predicted"],
    ) -> Attributions:  # fmt: skip
        settings, explainer = self.settings, self.explainer(kind, digit, n_points=n_points)
        fingerprint = {
            "version": eigrad.__version__,
            "data": self.digits.hash,
            "model": model_hash(self.models[kind].network, self.autoencoder(kind)),
            "explainer": repr(explainer),
            "baseline_digit": digit,
            "seed": settings.seed,
            "n_samples": settings.n_samples,
            "target": target,
        }
        return store.load_or_compute(
            folder / f"{kind}-{digit}-{name}", fingerprint, lambda: explainer(images.values, target=target)
        )
