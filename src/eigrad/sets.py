"""Who is explained, and from where: the class, the reference, the null, and the points baselines are chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

MOST_POINTS = 2000  # among which baselines are sought, and a neighbor graph is made
FEWEST = 4

Places = Int[np.ndarray, " _"]


@dataclass(frozen=True)
class Sets:
    """Places of samples, ascending: those of three sets that are explained, and `points` of the reference, of none.

    `group` is of the class, `null` of all samples.
    """

    group: Places
    reference: Places
    null: Places
    points: Places

    @property
    def explained(self) -> dict[str, Places]:
        """The three sets by the names that files and pages have for them."""
        return {"class": self.group, "reference": self.reference, "null": self.null}


def draw_sets(group: Any, reference: Any, *, n_samples: int = 300, seed: int = 0) -> Sets:
    """Who to explain, so that no sample is compared with itself.

    `group` and `reference` are flags, one a sample of the data (samples,), that say which are of the class and which of
    what it is compared with. Up to `n_samples` of each are drawn by `seed`, and as many of all for the null: at most
    three quarters of the class and half of the reference. What is left of the reference, up to 2,000, are points to
    choose baselines among; the null holds none of these, and none of the class that is explained.

    ValueError where a sample is of both, or the class has fewer than 4 samples or the reference fewer than 8.
    """
    flags = {"group": _flags(group, "group"), "reference": _flags(reference, "reference")}
    first, second = flags.values()
    if len(first) != len(second):
        raise ValueError(f"reference: got {len(second)} flags, expected {len(first)} as of the group")
    if isinstance(n_samples, bool) or n_samples != int(n_samples) or n_samples < FEWEST:
        raise ValueError(f"n_samples: got {n_samples}, expected a whole number of at least {FEWEST}")
    places = {name: np.flatnonzero(each) for name, each in flags.items()}
    return drawn(places, len(first), int(n_samples), seed)


def drawn(places: Mapping[str, Places], n_all: int, n_samples: int, seed: int) -> Sets:
    """As `draw_sets`, of the places of the class and of the reference, by the names a refusal has for them."""
    (of, group), (versus, reference) = places.items()
    if both := len(np.intersect1d(group, reference)):
        raise ValueError(f"{versus}: {both} samples are of the class as well, expected others")
    for name, found, least in ((of, group, FEWEST), (versus, reference, 2 * FEWEST)):
        if len(found) < least:
            raise ValueError(f"{name}: got {len(found)} samples, expected at least {least}")
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(reference)
    n_explained = min(n_samples, len(reference) // 2)
    points = np.sort(shuffled[n_explained : n_explained + MOST_POINTS])
    some = _some(group, min(n_samples, max(FEWEST, len(group) * 3 // 4)), rng)
    pool = np.setdiff1d(np.arange(n_all), np.concatenate([points, some]))
    return Sets(some, np.sort(shuffled[:n_explained]), _some(pool, len(some), rng), points)


def _flags(values: Any, name: str) -> np.ndarray:
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype != bool:
        raise ValueError(f"{name}: got {found.dtype} of shape {found.shape}, expected a flag (True or False) a sample")
    return found


def _some(places: Places, n: int, rng: np.random.Generator) -> Places:
    return np.sort(rng.choice(places, min(n, len(places)), replace=False))
