"""Queries of the command line as sets of samples, and their values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eigrad.cases.own.settings import Settings
from eigrad.inputs import Samples, chosen
from eigrad.sets import Sets, split


@dataclass(frozen=True)
class Drawn(Sets):
    """The sets of an explanation, and of how many samples the class and the reference were drawn."""

    n_class: int
    n_reference: int


def drawn(samples: Samples, settings: Settings) -> Drawn:
    """What the two queries name, drawn as `eigrad.draw_sets` does."""
    of = chosen(samples.about, settings.of, "--class")
    reference = chosen(samples.about, settings.reference, "--reference")
    names = ("--class", "--reference")
    sets = split(of, reference, len(samples), settings.n_samples, settings.seed, names)
    if settings.n_baselines > len(sets.points):
        raise ValueError(
            f"--n-baselines: got {settings.n_baselines}, expected at most the {len(sets.points)} samples of the "
            "reference that are left for them"
        )
    return Drawn(**vars(sets), n_class=len(of), n_reference=len(reference))


def values_of(samples: Samples, places: np.ndarray) -> Tensor:
    """The samples at these places as numbers that a network takes."""
    values = torch.as_tensor(np.ascontiguousarray(samples.take(places)))
    return values if values.is_floating_point() else values.float()
