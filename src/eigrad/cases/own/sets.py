"""Who is explained, and from where: the class, the reference, the null, and the points baselines are chosen from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eigrad.cases.own.settings import Settings
from eigrad.inputs import Samples, chosen

MOST_POINTS = 2000  # among which baselines are sought, and a neighbor graph is made
FEWEST = 4


@dataclass(frozen=True)
class Sets:
    """Places of samples: those `explained`, by the name of their set, and `points` of the reference, of none."""

    explained: dict[str, np.ndarray]
    points: np.ndarray
    n_class: int
    n_reference: int


def drawn(samples: Samples, settings: Settings) -> Sets:
    """Up to `n_samples` of the class and of the reference, as many of all, and of the reference those left as points.

    At most half of the reference is explained, and three quarters of the class: the null is drawn from all samples but
    those of the class that are explained and the points, and should hold some of every kind.
    """
    of, reference = (
        chosen(samples.about, query, option)
        for query, option in ((settings.of, "--class"), (settings.reference, "--reference"))
    )
    if both := len(np.intersect1d(of, reference)):
        raise ValueError(f"--reference: {both} samples are of the class as well, expected others")
    for option, found in (("--class", of), ("--reference", reference)):
        least = FEWEST if option == "--class" else 2 * FEWEST
        if len(found) < least:
            raise ValueError(f"{option}: got {len(found)} samples, expected at least {least}")
    rng = np.random.default_rng(settings.seed)
    shuffled = rng.permutation(reference)
    n_explained = min(settings.n_samples, len(reference) // 2)
    points = np.sort(shuffled[n_explained : n_explained + MOST_POINTS])
    if settings.n_baselines > len(points):
        raise ValueError(
            f"--n-baselines: got {settings.n_baselines}, expected at most the {len(points)} samples of the reference "
            "that are left for them"
        )
    of_class = _some(of, min(settings.n_samples, max(FEWEST, len(of) * 3 // 4)), rng)
    pool = np.setdiff1d(np.arange(len(samples)), np.concatenate([points, of_class]))
    null = _some(pool, len(of_class), rng)
    explained = {"class": of_class, "reference": np.sort(shuffled[:n_explained]), "null": null}
    return Sets(explained, points, len(of), len(reference))


def values_of(samples: Samples, places: np.ndarray) -> Tensor:
    """The samples at these places as numbers that a network takes."""
    values = torch.as_tensor(np.ascontiguousarray(samples.take(places)))
    return values if values.is_floating_point() else values.float()


def _some(places: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.choice(places, min(n, len(places)), replace=False))
