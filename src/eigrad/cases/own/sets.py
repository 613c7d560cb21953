"""Queries of the command line as sets of samples, and their values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eigrad import sets
from eigrad.cases.own.settings import Settings
from eigrad.inputs import Samples, chosen


@dataclass(frozen=True)
class Chosen:
    """The sets of an explanation, and of how many samples the class and the reference were drawn."""

    sets: sets.Sets
    n_class: int
    n_reference: int


def drawn(samples: Samples, settings: Settings) -> Chosen:
    """What the two queries name, drawn as `eigrad.draw_sets` does."""
    queries = {"--class": settings.of, "--reference": settings.reference}
    places = {option: chosen(samples.about, query, option) for option, query in queries.items()}
    found = sets.drawn(places, len(samples), settings.n_samples, settings.seed)
    if settings.n_baselines > len(found.points):
        raise ValueError(
            f"--n-baselines: got {settings.n_baselines}, expected at most the {len(found.points)} samples of the "
            "reference that are left for them"
        )
    return Chosen(found, *map(len, places.values()))


def values_of(samples: Samples, places: np.ndarray) -> Tensor:
    """The samples at these places as numbers that a network takes."""
    values = torch.as_tensor(np.ascontiguousarray(samples.take(places)))
    return values if values.is_floating_point() else values.float()
