"""Binding motifs as position weight matrices, and where they occur."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from eigrad.cases.splicing.events.text import content_of, read_text
from eigrad.cases.splicing.features.genome import N
from eigrad.cases.splicing.features.regions import Ragged
from eigrad.sequence import IUPAC, LETTERS

PSEUDO = 0.01  # of a consensus, the probability that is shared among all four letters
CHANCE = 2.0**-9  # at most so often a random place is a hit, unless the best word itself is more frequent
BINS = 100  # of a score to one bit, where its distribution is worked out
BLOCK = 4  # positions whose scores are looked up at once
FORBIDDEN = -1e4  # the score of a place with an N
WIDTHS = (3, 30)
MATRIX = re.compile(r"letter-probability matrix:.*?\bw=\s*(\d+)")


@dataclass(frozen=True)
class Motif:
    """Probabilities (positions, 4) of A, C, G and U."""

    name: str
    probabilities: Float64[np.ndarray, "positions 4"]
    source: str = ""

    def __len__(self) -> int:
        return len(self.probabilities)

    @cached_property
    def weights(self) -> Float64[np.ndarray, "positions 4"]:
        """Log odds against even letters, in bits."""
        softened = (1 - PSEUDO) * self.probabilities + PSEUDO / len(LETTERS)
        weights: np.ndarray = np.log2(softened * len(LETTERS))
        return weights

    @cached_property
    def threshold(self) -> float:
        """The score from which on a place is a hit: at most `CHANCE` of random places are, or only the best words."""
        steps = np.rint(self.weights * BINS).astype(int)
        low = steps.min(axis=1)
        chances = np.ones(1)
        for row, least in zip(steps, low, strict=True):
            wider = np.zeros(len(chances) + int((row - least).max()))
            for step in row - least:
                wider[step : step + len(chances)] += chances / len(LETTERS)
            chances = wider
        above = np.cumsum(chances[::-1])[::-1]
        attained = np.flatnonzero(chances)
        rare = attained[above[attained] <= CHANCE]
        bins = rare[0] if len(rare) else attained[-1]
        return float(bins + low.sum() - len(self) / 2 - 0.5) / BINS


def from_consensus(name: str, consensus: str, source: str = "") -> Motif:
    """A motif from letters of the IUPAC code."""
    if unknown := [letter for letter in consensus.upper() if letter not in IUPAC]:
        raise ValueError(f"motif {name}: got the letter {unknown[0]!r} in {consensus!r}, expected nucleotides")
    rows = [[(letter in IUPAC[code]) / len(IUPAC[code]) for letter in LETTERS] for code in consensus.upper()]
    return Motif(name, np.array(rows), source)


def built_in() -> list[Motif]:
    """Consensus motifs of well-known splicing factors, each with the publication it is from."""
    table = read_text(
        Path(str(files("eigrad.cases.splicing.features").joinpath("motifs.tsv"))), ("name", "consensus", "source")
    )
    rows = zip(*(table.columns[name] for name in ("name", "consensus", "source")), strict=True)
    return [from_consensus(*row) for row in rows]


def read_meme(path: Path | str) -> list[Motif]:
    """Motifs of a file in MEME's minimal format, gzipped or not, by their second name where they have one."""
    lines = content_of(Path(path)).splitlines()
    if not lines or not lines[0].startswith("MEME version"):
        raise ValueError(f"{path}, line 1: got {lines[0][:40] if lines else ''!r}, expected 'MEME version 4'")
    found: list[Motif] = []
    name = ""
    for number, line in enumerate(lines):
        if line.startswith("MOTIF"):
            name = line.split()[-1] if len(line.split()) > 1 else ""
        elif match := MATRIX.search(line):
            if not name:
                raise ValueError(
                    f"{path}, line {number + 1}: got a matrix without a name, expected a line MOTIF NAME above"
                )
            if len(match[1]) > 9 or not WIDTHS[0] <= int(match[1]) <= WIDTHS[1]:
                raise ValueError(
                    f"{path}, line {number + 1}: got {match[1][:9]} positions, expected {WIDTHS[0]} to {WIDTHS[1]}"
                )
            rows = [_row(path, number + 2 + i, lines) for i in range(int(match[1]))]
            found.append(Motif(_unused(name, found), np.array(rows), str(Path(path).name)))
            name = ""
    if not found:
        raise ValueError(f"{path}: has no motif, expected at least one")
    return found


def _row(path: Path | str, number: int, lines: Sequence[str]) -> list[float]:
    """A row of a matrix, as probabilities that sum to 1."""
    text = lines[number - 1] if number <= len(lines) else ""
    try:
        row = [float(value) for value in text.split()]
    except ValueError:
        row = []
    if len(row) != len(LETTERS) or min(row) < 0 or not math.isclose(sum(row), 1, abs_tol=0.01):
        raise ValueError(f"{path}, line {number}: got {text[:60]!r}, expected four probabilities that sum to 1")
    return [value / sum(row) for value in row]


def _unused(name: str, motifs: list[Motif]) -> str:
    """The name, with a number where it is taken: compendia have several motifs of a protein."""
    taken = {motif.name for motif in motifs}
    return (
        name
        if name not in taken
        else next(new for i in range(2, len(taken) + 3) if (new := f"{name}-{i}") not in taken)
    )


class Scanner:
    """Scores of motifs at every place of some sequences; the places' words are worked out once for all motifs."""

    def __init__(self, sequences: Ragged, widest: int) -> None:
        self.sequences = sequences
        padded = np.concatenate([sequences.codes, np.full(widest + BLOCK, N, np.uint8)]).astype(np.int32)
        n = len(padded) - BLOCK + 1
        self.words = np.zeros(n, np.int32)
        for i in range(BLOCK):
            self.words = self.words * (N + 1) + padded[i : i + n]

    def scores(self, motif: Motif) -> Float32[np.ndarray, " letters"]:
        """The score of the motif from every letter on; very low where it would hold an N."""
        total = np.zeros(len(self.sequences.codes), np.float32)
        weights = np.column_stack([motif.weights, np.full(len(motif), FORBIDDEN)])
        for first in range(0, len(motif), BLOCK):
            block = weights[first : first + BLOCK]
            block = np.vstack([block, np.zeros((BLOCK - len(block), N + 1))])
            table = sum(block[i].reshape([-1 if axis == i else 1 for axis in range(BLOCK)]) for i in range(BLOCK))
            total += np.ascontiguousarray(table, np.float32).reshape(-1)[self.words[first : first + len(total)]]
        return total


WINDOW = 50  # nucleotides in which hits make a cluster
KINDS = ("affinity", "density", "cluster")


def occurrence(scanner: Scanner, motif: Motif) -> Float32[np.ndarray, "sequences 3"]:
    """How a motif occurs in each sequence, in the order of `KINDS`.

    affinity: log2 of the mean odds over all places without an N; density: hits per 100 nucleotides; cluster: the most
    hits that begin within 50 nucleotides. A sequence too short for the motif has 0 in all.
    """
    sequences, scores = scanner.sequences, scanner.scores(motif)
    n, owner = len(sequences), sequences.owner
    there = scores > FORBIDDEN / 2
    places = np.bincount(owner[there], minlength=n)
    odds = np.bincount(owner[there], np.exp2(scores[there].astype(np.float64)), minlength=n)
    hits = np.flatnonzero(scores >= motif.threshold)
    of_hit = owner[hits]
    last = np.searchsorted(hits, np.minimum(hits + WINDOW, (sequences.starts + sequences.lengths)[of_hit]))
    cluster = np.zeros(n)
    np.maximum.at(cluster, of_hit, last - np.arange(len(hits)))
    affinity = np.where(places > 0, np.log2(np.maximum(odds, 1e-30) / np.maximum(places, 1)), 0.0)
    density = 100 * np.bincount(of_hit, minlength=n) / np.maximum(sequences.lengths, 1)
    return np.column_stack([affinity, density, cluster]).astype(np.float32)
