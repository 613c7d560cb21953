"""Data the benchmark's networks are trained on: simulated splicing codes, handwritten digits, splice-site sequences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from eigrad.cases.digits import mnist

N_CODE, N_FACTORS, N_TISSUES = 1357, 40, 6
LENGTH, WINDOW = 1000, 60  # of a sequence, and of the splice-junction window at its center
LETTERS = "ACGT"
SITES = ("EI", "IE", "N")  # donor, acceptor, neither
MOTIFS = {"EI": "CAGGTAAGT", "IE": "TTTCTTTTCTTTTGCAGG", "N": ""}


@dataclass(frozen=True)
class Data:
    """Inputs (samples, *shape), further inputs that are not explained, and labels; the last fifth is held out."""

    values: Tensor
    extra: tuple[Tensor, ...]
    labels: Tensor

    def part(self, *, held_out: bool) -> Data:
        first = len(self.labels) * 4 // 5
        rows = slice(first, None) if held_out else slice(first)
        return Data(self.values[rows], tuple(tensor[rows] for tensor in self.extra), self.labels[rows])


@dataclass(frozen=True)
class Sources:
    """Where real data come from: a folder of MNIST's IDX files, the table of splice junctions; None: what ships."""

    digits: Path | None = None
    junctions: Path | None = None


def tabular(sources: Sources, seed: int, n: int = 20_000) -> Data:
    """Correlated features of forty factors, a pair of tissues, and three classes by products and thresholds of both."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, N_FACTORS))
    loadings = rng.standard_normal((N_FACTORS, N_CODE)) * (rng.random((N_FACTORS, N_CODE)) < 0.15)
    spread = rng.lognormal(0, 0.3, N_CODE)
    offset = np.where(rng.random(N_CODE) < 0.3, 3 * spread, rng.normal(0, 0.5, N_CODE))
    common = factors @ loadings / np.maximum(np.linalg.norm(loadings, axis=0), 1)
    code = offset + spread * (0.8 * common + 0.6 * rng.standard_normal((n, N_CODE)))
    tissues = rng.integers(0, N_TISSUES, (n, 2))
    sway = rng.standard_normal((N_TISSUES, 4))
    pull = (sway[tissues[:, 0]] - sway[tissues[:, 1]]) * factors[:, :4]
    up, down = (
        factors[:, i] + pull[:, j] + np.maximum(pull[:, j + 1], 0) + factors[:, i + 1] * factors[:, i + 2]
        for i, j in ((4, 0), (7, 2))
    )
    labels = np.stack([np.full(n, np.median(np.maximum(up, down))), up, down], 1).argmax(1)
    one_hot = np.eye(N_TISSUES, dtype=np.float32)[tissues].reshape(n, -1)
    return Data(torch.from_numpy(code.astype(np.float32)), (torch.from_numpy(one_hot),), torch.from_numpy(labels))


def digits(sources: Sources, seed: int) -> Data:
    """MNIST in [0, 1], of shape (1, 28, 28)."""
    loaded = mnist.load(None if sources.digits is None else str(sources.digits), seed)
    parts = (loaded.train, loaded.validation, loaded.test)
    values, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "labels"))
    order = np.random.default_rng(seed).permutation(len(labels))
    return Data(torch.from_numpy(values[order]), (), torch.from_numpy(labels[order]))


def sequences(sources: Sources, seed: int, n: int = 3000) -> Data:
    """One-hot sequences (4, 1000): random letters about a real splice-junction window, or a planted motif."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, 4, (n, LENGTH))
    if sources.junctions is None:
        labels = rng.integers(0, len(SITES), n)
        windows = [_codes(MOTIFS[SITES[label]]) for label in labels]
    else:
        table = pd.read_csv(sources.junctions).drop_duplicates("sequence").sample(frac=1, random_state=seed)[:n]
        labels = np.array([SITES.index(label) for label in table["label"]])
        windows = [_codes(sequence) for sequence in table["sequence"]]
        letters = letters[: len(labels)]
    start = (LENGTH - WINDOW) // 2
    for row, window in zip(letters, windows, strict=True):
        row[start : start + len(window)] = window
    table_of_columns = np.vstack([np.eye(4), np.full(4, 0.25)]).astype(np.float32)
    values = np.ascontiguousarray(table_of_columns[letters].transpose(0, 2, 1))
    return Data(torch.from_numpy(values), (), torch.from_numpy(labels))


def _codes(sequence: str) -> NDArray[np.int64]:
    """0 to 3 for A, C, G, T; 4 for a letter that stands for several."""
    return np.array([LETTERS.find(letter) if letter in LETTERS else 4 for letter in sequence], dtype=np.int64)
