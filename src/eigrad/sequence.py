"""Nucleotide sequences as numbers."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

LETTERS = "ACGT"
# Cornish-Bowden (1985), Nucleic Acids Research 13:3021: the letters that each code stands for.
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)  # not str.upper: it makes SS of ß


def one_hot(sequences: Sequence[str]) -> Float32[np.ndarray, "sequences 4 positions"]:
    """Sequences of one length as probabilities of A, C, G and T at each position, in upper or lower case.

    An ambiguous letter (IUPAC) is shared evenly between those it stands for: N is a quarter each.
    """
    if len(sequences) == 0:
        raise ValueError("sequences: got none, expected at least one")
    length = len(sequences[0])
    for number, sequence in enumerate(sequences, start=1):
        if len(sequence) != length or not length:
            raise ValueError(
                f"sequences: number {number} has {len(sequence)} letters, expected {length or 'some'} as in the first"
            )
    codes = np.array([list(sequence.translate(_UPPER)) for sequence in sequences])
    found, inverse = np.unique(codes, return_inverse=True)
    if unknown := [letter for letter in found if letter not in IUPAC]:
        row, position = np.argwhere(codes == unknown[0])[0]
        raise ValueError(
            f"sequences: number {row + 1} has {str(unknown[0])!r} at position {position + 1}, expected a nucleotide "
            f"(one of {''.join(IUPAC)})"
        )
    shares = np.array([[(letter in IUPAC[code]) / len(IUPAC[code]) for letter in LETTERS] for code in found])
    values: np.ndarray = shares.astype(np.float32)[inverse.reshape(codes.shape)]
    return np.ascontiguousarray(values.transpose(0, 2, 1))
