"""How often each short word occurs in a sequence."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float32

from eigrad.cases.splicing.features.genome import N
from eigrad.cases.splicing.features.regions import Ragged
from eigrad.sequence import LETTERS


def words(k: int) -> list[str]:
    """Words of k letters in alphabetical order, written as RNA."""
    return ["".join(letters).replace("T", "U") for letters in product(LETTERS, repeat=k)]


def frequencies(sequences: Ragged, k: int) -> Float32[np.ndarray, "sequences words"]:
    """Occurrences of every word over the number of places without an N; 0 where there is no such place."""
    codes = sequences.codes.astype(np.int64)
    n_places = len(codes) - k + 1
    value, whole = np.zeros(n_places, np.int64), np.ones(n_places, bool)
    for i in range(k):
        letters = codes[i : i + n_places]
        value = value * len(LETTERS) + letters
        whole &= letters < N
    n_words = len(LETTERS) ** k
    at = sequences.owner[:n_places][whole] * n_words + value[whole]
    counts = np.bincount(at, minlength=len(sequences) * n_words).reshape(len(sequences), n_words)
    found: np.ndarray = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).astype(np.float32)
    return found
