"""Who is explained, and from where: the class, the reference, the null, and the points baselines are chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from eigrad.data import require_whole

MOST_POINTS = 2000  # among which baselines are sought, and a neighbor graph is made
FEWEST = 4
MOST_OF_CLASS = 0.5  # of the null

Places = Int[np.ndarray, " _"]


@dataclass(frozen=True)
class Sets:
    """Places of samples, ascending: those of three sets that are explained, and `points` of the reference, of none.

    `group` is of the class, `null` of all samples.
    """

    group: Places
    null: Places
    reference: Places
    points: Places

    @property
    def explained(self) -> dict[str, Places]:
        """The three sets by the names that files and pages have for them."""
        return {"class": self.group, "reference": self.reference, "null": self.null}


def draw_sets(group: Any, reference: Any, *, n_samples: int = 300, seed: int = 0) -> Sets:
    """Who to explain, so that no sample is compared with itself.

    `group` and `reference` are flags, one a sample of the data (samples,), that say which are of the class and which of
    what it is compared with. Up to `n_samples` of each are drawn by `seed`: at most three quarters of the class and
    half of the reference. As many as of the class are drawn for the null, of class, reference and others in the
    proportions of the data, but no more than half of the class, and none of the class that is explained. What is left
    of the reference, up to 2,000, are points to choose baselines among.

    ValueError where a sample is of both, or the class has fewer than 4 samples or the reference fewer than 8.
    """
    flags = {"group": _flags(group, "group"), "reference": _flags(reference, "reference")}
    first, second = flags.values()
    if len(first) != len(second):
        raise ValueError(f"reference: got {len(second)} flags, expected {len(first)} as of the group")
    most, seed = require_whole("n_samples", n_samples, FEWEST), require_whole("seed", seed, 0)
    return split(np.flatnonzero(first), np.flatnonzero(second), len(first), most, seed)


def split(
    group: Places,
    reference: Places,
    n_all: int,
    n_samples: int,
    seed: int,
    names: tuple[str, str] = ("group", "reference"),
) -> Sets:
    """As `draw_sets`, of the places of the class and of the reference; `names` are what a refusal calls them."""
    if both := len(np.intersect1d(group, reference)):
        raise ValueError(f"{names[1]}: {both} samples are of the class as well, expected others")
    for name, found, least in zip(names, (group, reference), (FEWEST, 2 * FEWEST), strict=True):
        if len(found) < least:
            raise ValueError(f"{name}: got {len(found)} samples, expected at least {least}")
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(reference)
    explained, left = np.split(shuffled, [min(n_samples, len(reference) // 2)])
    some = _some(group, min(n_samples, max(FEWEST, len(group) * 3 // 4)), rng)
    others = np.setdiff1d(np.arange(n_all), np.concatenate([group, reference]))
    rest = np.setdiff1d(group, some)
    of_class, of_reference, of_others = _shares(len(some), len(rest), len(group), len(reference), len(others))
    kept = min(of_reference, len(left) // 2)  # of those left, for the null; more of it are explained as reference too
    versus = np.concatenate([left[:kept], _some(explained, of_reference - kept, rng)])
    null = np.concatenate([_some(rest, of_class, rng), versus, _some(others, of_others, rng)])
    return Sets(some, np.sort(null), np.sort(explained), np.sort(left[kept : kept + MOST_POINTS]))


def _shares(n: int, n_rest: int, n_class: int, n_reference: int, n_others: int) -> tuple[int, int, int]:
    """How many of class, reference and others make a null of n, where `n_rest` of the class are there to be drawn."""
    n_all = n_class + n_reference + n_others
    of_class = min(round(n * min(n_class / n_all, MOST_OF_CLASS)), n_rest)
    of_others = min(round((n - of_class) * n_others / (n_others + n_reference)), n_others)
    return of_class, n - of_class - of_others, of_others


def _flags(values: Any, name: str) -> np.ndarray:
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype != bool:
        raise ValueError(f"{name}: got {found.dtype} of shape {found.shape}, expected a flag (True or False) a sample")
    return found


def _some(places: Places, n: int, rng: np.random.Generator) -> Places:
    return np.sort(rng.choice(places, min(n, len(places)), replace=False))
