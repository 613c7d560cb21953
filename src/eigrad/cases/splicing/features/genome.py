"""A genome as numbers: sequences of a FASTA file, a chromosome at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from eigrad.cases.splicing.libraries import require_library
from eigrad.data import one_line
from eigrad.sequence import LETTERS

N = len(LETTERS)  # the code of a letter that is none of A, C, G and T
Codes = UInt8[np.ndarray, " _"]

_CODE = np.full(256, N, np.uint8)
for _code, _letter in enumerate(LETTERS):
    _CODE[ord(_letter)] = _CODE[ord(_letter.lower())] = _code
_CODE[[ord("U"), ord("u")]] = LETTERS.index("T")
_COMPLEMENT = np.array([3, 2, 1, 0, N], np.uint8)


def encoded(text: str) -> Codes:
    """A, C, G, T (or U) as 0 to 3, every other letter as 4."""
    codes: Codes = _CODE[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]
    return codes


def reverse_complement(codes: Codes) -> Codes:
    """The other strand, read in its own direction."""
    other: Codes = _COMPLEMENT[codes[::-1]]
    return other


class Genome:
    """Chromosomes of a FASTA file (plain or bgzipped); its index is made beside it where there is none."""

    def __init__(self, path: Path | str) -> None:
        require_library("pyfaidx", "a genome")
        import pyfaidx

        self.path = Path(path)
        try:
            self._fasta = pyfaidx.Fasta(str(path), as_raw=True, read_ahead=None)
            self._require_whole()
        except Exception as error:  # of damaged files and indices that is many things
            raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected a FASTA file") from error

    def _require_whole(self) -> None:
        """Refuse an index by which sequences lie beyond the end of a file that is not compressed."""
        size = self.path.stat().st_size
        for name, record in self._fasta.faidx.index.items():
            if min(record) < 0 or (record.bend > size and self.path.suffix not in (".gz", ".bgz")):
                raise ValueError(f"by its index {name!r} is not in the file")

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Letters of each chromosome."""
        return {name: len(self._fasta[name]) for name in self._fasta.keys()}  # noqa: SIM118 (no mapping)

    def chromosome(self, name: str) -> Codes:
        """A whole chromosome."""
        try:
            codes = encoded(str(self._fasta[name][:]))
        except Exception as error:  # as above
            raise ValueError(
                f"{self.path}: {name!r} cannot be read ({one_line(error)}), expected a FASTA file"
            ) from error
        if len(codes) != self.lengths[name]:
            raise ValueError(
                f"{self.path}: {name!r} has {len(codes)} letters, expected {self.lengths[name]} as its index says"
            )
        return codes

    def chromosomes(self, names: Sequence[str]) -> Iterator[tuple[str, Codes]]:
        """Chromosomes, each held no longer than it is used; an unknown one is refused before the first."""
        for name in names:
            if name not in self.lengths:
                known = ", ".join(list(self.lengths)[:3])
                raise ValueError(
                    f"{self.path}: has no sequence {name!r}, expected the genome of the events (it has {known}, ...)"
                )
        for name in names:
            yield name, self.chromosome(name)
