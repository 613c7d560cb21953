"""What found features are worth: retrained classifiers, known truth, known names, and other methods."""

from eigrad.evaluate.curves import areas, deletion_insertion
from eigrad.evaluate.enrichment import enrichment, known_features
from eigrad.evaluate.ensemble import Ensemble
from eigrad.evaluate.overlap import jaccard
from eigrad.evaluate.recovery import recovery
from eigrad.evaluate.sanity import randomized
from eigrad.evaluate.stability import distance_agreement, seed_agreement
from eigrad.evaluate.subsets import binary_problem, growing_subsets, subset_score

__all__ = [
    "Ensemble",
    "areas",
    "binary_problem",
    "deletion_insertion",
    "distance_agreement",
    "enrichment",
    "growing_subsets",
    "jaccard",
    "known_features",
    "randomized",
    "recovery",
    "seed_agreement",
    "subset_score",
]
