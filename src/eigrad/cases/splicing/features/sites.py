"""Strengths of splice sites: log odds of their letters, in bits, under a model fitted to annotated primate sites.

The model is a position weight matrix after Shapiro and Senapathy (1987), Nucleic Acids Research 15:7155, fitted to the
donors and acceptors among the splice-junction windows in the package (eigrad/cases/junctions/NOTICE has their source).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Bool, Float32, Float64

from eigrad.cases.junctions.windows import shipped
from eigrad.cases.splicing.features.genome import encoded
from eigrad.cases.splicing.features.regions import ACCEPTOR, DONOR, Ragged
from eigrad.sequence import LETTERS

PSEUDO_COUNT = 1.0
WINDOWS = {"donor": ("EI", DONOR), "acceptor": ("IE", ACCEPTOR)}


@cache
def weights(kind: str) -> Float64[np.ndarray, "positions 5"]:
    """Log odds of A, C, G, T against even letters, in bits, and 0 for N, along a site's window."""
    label, (before, after) = WINDOWS[kind]
    values = shipped(label)
    middle = values.shape[-1] // 2
    counts = values[:, :, middle - before : middle + after].sum(axis=0).T + PSEUDO_COUNT
    odds = np.log2(counts / counts.sum(axis=1, keepdims=True) * len(LETTERS))
    return np.column_stack([odds, np.zeros(len(odds))])


def canonical(windows: Ragged, kind: str) -> Bool[np.ndarray, " sequences"]:
    """Whether the intron begins with GT at every donor, or ends with AG at every acceptor."""
    before, _ = WINDOWS[kind][1]
    first, letters = (before, "GT") if kind == "donor" else (before - 2, "AG")
    at = windows.starts[:, None] + first + np.arange(2)
    found: np.ndarray = (windows.codes[at] == encoded(letters)).all(axis=1)
    return found


def strength(windows: Ragged, kind: str) -> Float32[np.ndarray, " sequences"]:
    """The strength of every site, "donor" or "acceptor", in bits; letters that are not known count nothing."""
    table = weights(kind)
    at = windows.starts[:, None] + np.arange(len(table))
    found: np.ndarray = table[np.arange(len(table)), windows.codes[at]].sum(axis=1).astype(np.float32)
    return found
