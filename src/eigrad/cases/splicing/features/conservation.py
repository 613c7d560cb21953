"""Mean conservation of each region, from a bigWig track such as phastCons or phyloP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from eigrad.cases.splicing.features.regions import Spans
from eigrad.cases.splicing.libraries import require_library
from eigrad.data import one_line


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """A block in which whatever pybigtools raises becomes a ValueError; of a damaged file it panics, which is more."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise ValueError(f"{path}: cannot be read ({one_line(error)}), expected a bigWig file") from error


class Track:
    """A bigWig file; bases without a value count as 0."""

    def __init__(self, path: Path | str) -> None:
        require_library("pybigtools", "a bigWig track")
        import pybigtools

        self.path = Path(path)
        with _readable(self.path):
            self._file = pybigtools.open(str(path))
            self.lengths: dict[str, int] = dict(self._file.chroms())

    def require_any(self, chrom: np.ndarray) -> None:
        """Refuse a track that has none of these chromosomes: it names them otherwise, or is of another genome."""
        if len(chrom) and not set(chrom.tolist()) & set(self.lengths):
            got = ", ".join(map(repr, list(self.lengths)[:3])) or "none"
            raise ValueError(f"{self.path}: got chromosomes {got}, expected those of the events, such as {chrom[0]!r}")

    def means(self, chrom: np.ndarray, spans: tuple[Spans, Spans]) -> Float32[np.ndarray, "events spans"]:
        """The mean over each span of each event; 0 for an empty span, and on a chromosome the track does not have."""
        starts, ends = spans
        found = np.zeros(starts.shape, np.float32)
        for row, name in enumerate(chrom.tolist()):
            length = self.lengths.get(name, 0)
            for i, (start, end) in enumerate(zip(starts[row].tolist(), ends[row].tolist(), strict=True)):
                inside = max(start, 0), min(end, length)
                if inside[0] < inside[1]:
                    with _readable(self.path):
                        values = self._file.values(name, *inside, fillna=0)
                    found[row, i] = float(values.sum()) / (end - start)
        return found
