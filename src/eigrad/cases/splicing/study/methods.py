"""Every way to explain: all paths with all baselines, and what others do, of the same score, samples and background.

method(samples) -> attributions (samples, features)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from eigrad import baselines, paths
from eigrad.attribute import Explainer
from eigrad.autoencoder import Autoencoder
from eigrad.baselines import Baseline
from eigrad.cases.options import BASELINES, PATHS
from eigrad.cases.splicing.model.networks import Standardize, between_units
from eigrad.cases.splicing.study.settings import method_name
from eigrad.competitors import ATTRIBUTIONS

# Methods of others, and the library each comes from.
OTHERS = {
    "gradient": "captum", "gradient x input": "captum", "IG zero (Captum)": "captum", "Deep SHAP": "shap",
    "GradientSHAP": "shap",
}  # fmt: skip
N_BACKGROUND = 50

Method = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Workbench:
    """What methods need: the score, the autoencoder, training exons for graphs, and exons of the reference class.

    Distances, of neighbors and to baselines, are those of features by their spread over training exons.
    """

    score: nn.Module = field(repr=False)
    autoencoder: Autoencoder = field(repr=False)
    points: Tensor = field(repr=False)
    reference: Tensor = field(repr=False)
    n_baselines: int
    seed: int

    def path(self, name: str) -> paths.Path:
        """A path by its name; neighbors are those of standardized features, or of codes."""
        if name == "neighbors":
            return paths.LatentNeighbors(self._standardized, self.points)
        return PATHS[name](self.autoencoder, self.points)

    def baseline(self, name: str) -> Baseline:
        """A baseline by its name, among exons of the reference class."""
        near: dict[str, Callable[..., Baseline]] = {
            "median": baselines.Median,
            "k-means": partial(baselines.KMeans, seed=self.seed),
            "close": baselines.Close,
        }
        if name in near:
            return near[name](self.reference, self.n_baselines, space=self._standardized)
        return BASELINES[name](self.reference, self.n_baselines, self.seed, self.autoencoder)

    def background(self) -> Tensor:
        """Exons of the reference class for methods that average over a background."""
        drawn = torch.randperm(len(self.reference), generator=torch.Generator().manual_seed(self.seed))
        return self.reference[drawn[:N_BACKGROUND]]

    def standardized(self, values: Tensor) -> Tensor:
        """Features in units of their spread."""
        return self._standardized.encode(values)

    @property
    def _standardized(self) -> Autoencoder:
        _, standardize = between_units(self.autoencoder)
        return Autoencoder(standardize, Standardize(standardize.mean, standardize.spread, inverse=True))

    def explainer(self, path: str, baseline: str) -> Explainer:
        """Integrated gradients along a path from a baseline, by their names."""
        return Explainer(self.score, path=self.path(path), baseline=self.baseline(baseline), progress=False)


def methods(bench: Workbench) -> dict[str, Method]:
    """All methods by name: paths with baselines first."""
    return dict(_methods(bench))


def names() -> tuple[str, ...]:
    """Names of all methods, in order."""
    return (*(method_name(path, baseline) for path in PATHS for baseline in BASELINES), *OTHERS)


def missing(name: str) -> str | None:
    """The library that a method needs and that is not installed."""
    library = OTHERS.get(name)
    return library if library is not None and find_spec(library) is None else None


def _methods(bench: Workbench) -> Iterator[tuple[str, Method]]:
    for path in PATHS:
        for baseline in BASELINES:
            yield method_name(path, baseline), _integrated(bench, path, baseline)
    for name in OTHERS:
        yield name, _other(bench, name)


def _integrated(bench: Workbench, path: str, baseline: str) -> Method:
    def attribute(samples: Tensor) -> Tensor:
        return bench.explainer(path, baseline)(samples).values

    return attribute


def _other(bench: Workbench, name: str) -> Method:
    def attribute(samples: Tensor) -> Tensor:
        return ATTRIBUTIONS[name](bench.score, samples, bench.background())

    return attribute
