"""Features of exon triplets from their sequences."""

from eigrad.cases.splicing.features.conservation import Track
from eigrad.cases.splicing.features.genome import Genome
from eigrad.cases.splicing.features.motifs import Motif, built_in, from_consensus, read_meme
from eigrad.cases.splicing.features.regions import REGIONS, SITES
from eigrad.cases.splicing.features.table import Features, catalogue, compute

__all__ = [
    "REGIONS",
    "SITES",
    "Features",
    "Genome",
    "Motif",
    "Track",
    "built_in",
    "catalogue",
    "compute",
    "from_consensus",
    "read_meme",
]
