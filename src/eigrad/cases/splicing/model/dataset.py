"""What the splicing code learns from: features of exons, three targets for every ordered pair of conditions, splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
import pandas as pd
from jaxtyping import Float32

from eigrad.cases.splicing.events import Events, targets
from eigrad.cases.splicing.features import Features

TARGETS = ("psi", "increased", "decreased")
PARTS = ("train", "validation", "test")
FRACTIONS = (0.6, 0.15, 0.25)  # of the exons, as nearly as whole chromosomes allow
TOLERANCE, ORDERS_TRIED = 0.1, 200
EPSILON = (0.01, 0.03)


@dataclass(frozen=True)
class Dataset:
    """Exons with their features and targets.

    `targets`: (exons, pairs, 3), NaN where a pair of conditions is not compared; `pairs`: condition and reference of
    each; `part`: which of `PARTS` an exon belongs to, by its chromosome; `annotated`: exons that are constitutive by
    annotation, whose targets are those of an exon that is always there.
    """

    exons: pd.DataFrame
    features: Features
    targets: Float32[np.ndarray, "exons pairs 3"]
    pairs: tuple[tuple[str, str], ...]
    part: np.ndarray
    annotated: np.ndarray

    def __len__(self) -> int:
        return len(self.exons)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Every condition of a pair."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of features, targets and parts: what a network depends on."""
        digest = hashlib.sha256()
        for values in (self.features.values, self.targets):
            digest.update(np.ascontiguousarray(values).tobytes())
        digest.update("\n".join([*self.part, *map("/".join, self.pairs)]).encode())
        return digest.hexdigest()

    def rows(self, part: str) -> np.ndarray:
        """Places of the exons of a part."""
        return np.flatnonzero(self.part == part)

    def of_pair(self, condition: str, reference: str) -> Float32[np.ndarray, "exons 3"]:
        """The targets of one pair."""
        if (condition, reference) not in self.pairs:
            known = ", ".join(self.conditions)
            raise ValueError(
                f"pair: got {condition!r} and {reference!r}, expected two conditions that are compared, of {known}"
            )
        return self.targets[:, self.pairs.index((condition, reference))]


def joined(events: Events, annotated: Events) -> Events:
    """Quantified events and, after them, those of an annotation about other exons, without PSI or changes.

    An exon that is quantified between any splice sites is not constitutive for being so by annotation.
    """
    exon = ["chrom", "strand", "exon_start", "exon_end"]
    mine, others = (pd.MultiIndex.from_frame(each.exons[exon]) for each in (events, annotated))
    new = annotated.take(~others.isin(mine))
    exons = pd.concat([events.exons, new.exons], ignore_index=True)
    return Events(exons, events.psi.reindex(pd.Index(exons["event_id"])), events.changes)


def assembled(events: Events, n_quantified: int, features: Features, part: np.ndarray, *, seed: int = 0) -> Dataset:
    """A dataset of events, of which those after the first `n_quantified` are constitutive by annotation.

    `part` is the part of every exon (see `parts`).
    """
    exons = events.exons
    if tuple(exons["event_id"]) != features.event_ids:
        raise ValueError("dataset: the features are not those of the events in their order, expected one row each")
    pairs = tuple(pair for pair in permutations(events.conditions, 2) if _compared(events.changes, pair))
    if not pairs:
        raise ValueError("dataset: got events without changes between two conditions, expected some")
    values = np.full((len(exons), len(pairs), len(TARGETS)), np.nan, np.float32)
    place = pd.Series(np.arange(len(exons)), index=exons["event_id"])
    for i, (condition, reference) in enumerate(pairs):
        table = targets(events, condition, reference, seed=seed)
        values[place[table.index], i] = table[list(TARGETS)]
    annotated = np.arange(len(exons)) >= n_quantified
    values[annotated, :, 0] = 1.0
    small = np.random.default_rng((seed, 1)).uniform(*EPSILON, (int(annotated.sum()), 1, 1))
    values[annotated, :, 1:] = small
    return Dataset(exons, features, values, pairs, part, annotated)


def _compared(changes: pd.DataFrame, pair: tuple[str, str]) -> bool:
    one, two = changes["condition_1"], changes["condition_2"]
    return bool((((one == pair[0]) & (two == pair[1])) | ((one == pair[1]) & (two == pair[0]))).any())


def parts(chromosomes: np.ndarray, quantified: np.ndarray, seed: int) -> np.ndarray:
    """Each exon's part: whole chromosomes in random order go to the part that lacks most of its share.

    Of several orders the first is taken in which no part's share, of all exons and of quantified ones, is off by more
    than `TOLERANCE`; else the one that is off by least.
    """
    names, place = np.unique(chromosomes.astype(str), return_inverse=True)
    counts = np.stack([np.bincount(place), np.bincount(place, quantified.astype(float))])
    present = int((counts[1] > 0).sum())
    if present < len(PARTS):
        raise ValueError(
            f"dataset: got quantified exons on {present} chromosomes, expected at least {len(PARTS)}: exons of one "
            "chromosome are kept together"
        )
    rng = np.random.default_rng((seed, 2))
    best, least = np.zeros(len(names), int), np.inf
    for _ in range(ORDERS_TRIED):
        chosen = _dealt(counts[0], rng.permutation(len(names)))
        off = _off(counts, chosen)
        if off < least:
            best, least = chosen, off
        if off <= TOLERANCE:
            break
    return np.array(PARTS, object)[best[place]]


def _dealt(counts: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The part of each chromosome, taken in this order."""
    wanted, have = np.array(FRACTIONS) * counts.sum(), np.zeros(len(PARTS))
    chosen = np.zeros(len(counts), int)
    for done, i in enumerate(order):
        empty = have == 0
        lacking = np.where(empty, np.inf, wanted - have) if len(order) - done <= empty.sum() else wanted - have
        chosen[i] = int(lacking.argmax())
        have[chosen[i]] += counts[i]
    return chosen


def _off(counts: np.ndarray, chosen: np.ndarray) -> float:
    """By how much the share of a part is off at most; infinite where a part has no quantified exon."""
    shares = np.stack([np.bincount(chosen, row, len(PARTS)) / row.sum() for row in counts])
    return float(np.abs(shares - FRACTIONS).max()) if shares.min() > 0 else np.inf
