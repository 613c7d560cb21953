"""What a triplet's lengths, reading frame and dinucleotides say, whatever its motifs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from eigrad.cases.splicing.features.genome import encoded
from eigrad.cases.splicing.features.regions import Ragged

PERIOD = 10.2  # nucleotides in a turn of DNA about a nucleosome
STOPS = ("TAA", "TAG", "TGA")
FRAMES = 3
Column = Float32[np.ndarray, " sequences"]
_STOP_CODES = {tuple(encoded(stop).tolist()) for stop in STOPS}


def lengths(parts: dict[str, np.ndarray]) -> dict[str, Column]:
    """Log10 lengths of the exons and introns, and log10 ratios of them."""
    logs = {name: np.log10(np.maximum(values, 1)) for name, values in parts.items()}
    introns = np.log10(np.maximum(parts["upstream_intron"] + parts["downstream_intron"], 1) / 2)
    ratios = {
        "upstream_intron/downstream_intron": logs["upstream_intron"] - logs["downstream_intron"],
        "exon/upstream_exon": logs["exon"] - logs["upstream_exon"],
        "exon/downstream_exon": logs["exon"] - logs["downstream_exon"],
        "exon/introns": logs["exon"] - introns,
    }
    return {name: values.astype(np.float32) for name, values in (logs | ratios).items()}


def frames(upstream: Ragged, exon: Ragged, downstream: Ragged) -> dict[str, Column]:
    """The reading frame with the exon and without it.

    multiple_of_three: whether the exon's length is. open_included and open_skipped: of the three frames of the spliced
    exons, the part without a stop codon. premature_stop: 1 where a frame is open without the exon and none with it.
    """
    whole = (exon.lengths % FRAMES == 0).astype(np.float32)
    included = np.array([_open(_joined(i, upstream, exon, downstream)) for i in range(len(exon))], np.float32)
    skipped = np.array([_open(_joined(i, upstream, downstream)) for i in range(len(exon))], np.float32)
    stops = ((skipped > 0) & (included == 0)).astype(np.float32)
    return {"multiple_of_three": whole, "open_included": included, "open_skipped": skipped, "premature_stop": stops}


def _joined(i: int, *parts: Ragged) -> np.ndarray:
    return np.concatenate([part.codes[part.starts[i] : part.starts[i] + part.lengths[i]] for part in parts])


def _open(codes: np.ndarray) -> float:
    """The part of the three frames without a stop codon."""
    first, second, third = codes[:-2], codes[1:-1], codes[2:]
    stop = np.zeros(len(first), bool)
    for a, b, c in _STOP_CODES:
        stop |= (first == a) & (second == b) & (third == c)
    return sum(not stop[frame::FRAMES].any() for frame in range(FRAMES)) / FRAMES


def periodicity(sequences: Ragged) -> Column:
    """How regularly A/T and G/C dinucleotides take turns, as about a nucleosome (Segal et al. 2006, Nature 442:772).

    The power at 10.2 nucleotides of the series that is 1 at a dinucleotide of A and T, -1 at one of G and C, and 0
    elsewhere, over the power of the whole series; about 1 on random sequence, 0 where there is no dinucleotide.
    """
    codes = sequences.codes
    weak, strong = np.isin(codes, (0, 3)), np.isin(codes, (1, 2))
    series = np.zeros(len(codes))
    series[:-1] = (weak[:-1] & weak[1:]).astype(float) - (strong[:-1] & strong[1:])
    turns = np.exp(2j * np.pi * np.arange(len(codes)) / PERIOD)
    owner, n = sequences.owner, len(sequences)
    real, imaginary = (np.bincount(owner, series * part, minlength=n) for part in (turns.real, turns.imag))
    power = np.bincount(owner, series**2, minlength=n)
    found: np.ndarray = ((real**2 + imaginary**2) / np.maximum(power, 1)).astype(np.float32)
    return found
