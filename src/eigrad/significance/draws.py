"""Which samples of a pool make the null."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from eigrad.significance.prepare import as_labels

Places = Int[np.ndarray, " _"]


@dataclass(frozen=True)
class NullDraw:
    """Draw `n` samples of the pool at random, as many as the class has if None, `repeats` times.

    With `strata`, a label for each sample of the pool, a draw has `proportions` of them: of each label a share, those
    left out none; as in the pool if None.
    """

    n: int | None = None
    repeats: int = 1
    strata: Sequence[Hashable] | np.ndarray | None = None
    proportions: Mapping[Hashable, float] | None = None

    def __post_init__(self) -> None:
        if self.n is not None and (self.n != int(self.n) or self.n < 2):
            raise ValueError(f"n is {self.n}; expected at least 2 samples in a null draw, a whole number.")
        if self.repeats != int(self.repeats) or self.repeats < 1:
            raise ValueError(f"repeats is {self.repeats}; expected a whole number of at least 1.")
        if self.proportions is None:
            return
        if self.strata is None:
            raise ValueError("proportions were given without strata; expected a label for each sample of the pool.")
        shares = list(self.proportions.values())
        if min(shares, default=-1) < 0 or not np.isclose(sum(shares), 1):
            raise ValueError(f"proportions sum to {sum(shares):g}; expected shares of at least 0 that sum to 1.")

    def __call__(self, n_pool: int, n_class: int, seed: int = 0) -> Iterator[Places]:
        """The places of the samples of every draw, in the pool's order."""
        n = n_class if self.n is None else self.n
        wanted = self._wanted(n_pool, n)
        rng = np.random.default_rng(seed)
        for _ in range(self.repeats):
            drawn = [rng.choice(places, count, replace=False) for places, count in wanted]
            yield np.sort(np.concatenate(drawn))

    def _wanted(self, n_pool: int, n: int) -> list[tuple[Places, int]]:
        """The places of every stratum, and how many of them are drawn."""
        codes = np.zeros(n_pool, dtype=int)
        labels: list[Hashable] = ["the pool"]
        if self.strata is not None:
            codes, found = pd.factorize(as_labels(self.strata))
            labels = list(found)
            if len(codes) != n_pool or (codes < 0).any():
                raise ValueError(
                    f"strata has {np.count_nonzero(codes >= 0):,} labels; expected one for each of the {n_pool:,} "
                    "samples of the pool."
                )
        there = np.bincount(codes, minlength=len(labels))
        shares = there / n_pool if self.proportions is None else self._shares(labels)
        counts = _rounded(shares * n)
        for label, count, most in zip(labels, counts, there, strict=True):
            if count > most:
                raise ValueError(
                    f"a null draw of {n:,} takes {count:,} samples of {label}; expected at most the {most:,} there are."
                )
        return [(np.flatnonzero(codes == code), count) for code, count in enumerate(counts.tolist()) if count]

    def _shares(self, labels: list[Hashable]) -> np.ndarray:
        assert self.proportions is not None
        unknown = [label for label in self.proportions if label not in labels]
        if unknown:
            raise ValueError(f"proportions names {unknown[0]!r}, which no sample of the pool has as its label.")
        return np.array([self.proportions.get(label, 0.0) for label in labels])


def _rounded(parts: np.ndarray) -> np.ndarray:
    """Whole numbers of the same sum, nearest to the parts (largest remainders)."""
    whole = np.floor(parts + 1e-9).astype(int)
    missing = round(parts.sum()) - whole.sum()
    whole[np.argsort(whole - parts, kind="stable")[:missing]] += 1
    return whole
