"""RNA structure about the splice sites, by ViennaRNA: how open a site is, and how firmly its neighborhood folds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features.genome import Genome
from eigrad.cases.splicing.features.regions import ACCEPTOR, DONOR, SITES, Ragged, around_sites
from eigrad.progress import track
from eigrad.sequence import LETTERS

REACH = 30  # nucleotides on either side of a site that fold together
KINDS = {"accessibility": "probability", "folding": "kcal/mol per nt"}
AT_ONCE = 2000
RNA_LETTERS = np.array(list(LETTERS.replace("T", "U") + "N"))


def require_folding() -> None:
    """ValueError, with what to install, where ViennaRNA is not there."""
    try:
        import RNA  # noqa: F401
    except ImportError as error:
        raise ValueError("RNA structure needs ViennaRNA: pip install 'eigrad[structure]'") from error


def structure(events: Events, genome: Genome, *, progress: bool = True) -> Float32[np.ndarray, "events columns"]:
    """Two columns a site, in the order of `SITES` and `KINDS`.

    accessibility: the mean probability of the site's own letters (3 before and 6 after a donor, 20 before and 3 after
    an acceptor) to be unpaired, where 30 nucleotides on either side fold; folding: the free energy of that ensemble
    over its length, the lower the firmer. Letters that are not known pair with none.

    Source: Lorenz et al., Algorithms for Molecular Biology 6:26 (2011).
    """
    require_folding()
    found = np.zeros((len(events), len(SITES) * len(KINDS)), np.float32)
    batches = around_sites(events, genome, REACH, AT_ONCE)
    for rows, windows in track(batches, "RNA structure", enabled=progress):
        for i, (site, sequences) in enumerate(zip(SITES, windows, strict=True)):
            found[rows, i * len(KINDS) : (i + 1) * len(KINDS)] = _folded(sequences, site)
    return found


def _folded(sequences: Ragged, site: str) -> Float32[np.ndarray, "sequences 2"]:
    import RNA

    before, after = DONOR if site.endswith("donor") else ACCEPTOR
    own = slice(REACH - before, REACH + after)
    found = np.zeros((len(sequences), len(KINDS)), np.float32)
    for row, (start, length) in enumerate(zip(sequences.starts.tolist(), sequences.lengths.tolist(), strict=True)):
        text = "".join(RNA_LETTERS[sequences.codes[start : start + length]])
        fold = RNA.fold_compound(text)
        energy = fold.pf()[1]
        pairs = np.array(fold.bpp())[1:, 1:]
        unpaired = 1 - (pairs + pairs.T).sum(axis=0)
        found[row] = unpaired[own].mean(), energy / length
    return found
