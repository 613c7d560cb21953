"""How much each exon is included: from the letters that are there, by the programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features import REGIONS, sites
from eigrad.cases.splicing.features.genome import Genome
from eigrad.cases.splicing.features.motifs import Scanner
from eigrad.cases.splicing.features.regions import SITES, by_chromosome
from eigrad.cases.splicing.simulate.programme import TISSUES, Programme

AT_ONCE = 2000
SITE_WEIGHTS = dict(
    zip(SITES, (-0.4, 0.8, 0.8, -0.4), strict=True)
)  # log odds for a standard deviation of a site's strength
LENGTH_WEIGHT, INTRON_WEIGHT = 0.4, -0.3  # likewise, of log lengths
MIDDLE, OWN, TISSUE = 0.3, 0.8, 0.15  # mean log odds of cassette exons, and what is not explained, by exon and tissue
ALWAYS = (5.0, 0.7)  # log odds of constitutive exons


@dataclass(frozen=True)
class Inclusion:
    """Log odds (events, tissues), and how many sites of each motif lie in each region (events, motifs, regions)."""

    log_odds: Float64[np.ndarray, "events tissues"]
    counts: Float64[np.ndarray, "events motifs regions"]

    @property
    def psi(self) -> Float64[np.ndarray, "events tissues"]:
        """The true fraction of transcripts with the exon."""
        odds: np.ndarray = 1 / (1 + np.exp(-self.log_odds))
        return odds


def included(
    events: Events, cassette: np.ndarray, genome: Genome, programme: Programme, rng: np.random.Generator
) -> Inclusion:
    """The inclusion of exons in every tissue; those that are not `cassette` are always there, but for a little."""
    counts, strengths = _read(events, genome, programme)
    own = MIDDLE + OWN * rng.normal(size=len(events))
    for name, weight in SITE_WEIGHTS.items():
        own += weight * _standard(strengths[name], cassette)
    lengths = {name: events.lengths[name].to_numpy(float) for name in ("exon", "upstream_intron", "downstream_intron")}
    own += LENGTH_WEIGHT * _standard(np.log(lengths["exon"]), cassette)
    own += INTRON_WEIGHT * _standard(np.log(lengths["upstream_intron"] + lengths["downstream_intron"]), cassette)
    own = np.where(cassette, own, rng.normal(*ALWAYS, len(events)))
    noise = TISSUE * rng.normal(size=(len(events), len(TISSUES)))
    regulated = np.where(cassette[:, None], regulation(counts, programme), 0.0)
    return Inclusion(own[:, None] + regulated + noise, counts)


def regulation(counts: np.ndarray, programme: Programme) -> Float64[np.ndarray, "events tissues"]:
    """What the programme adds to the log odds, by its own definition."""
    place = {motif.name: i for i, motif in enumerate(programme.motifs)}
    total = np.zeros((len(counts), len(TISSUES)))
    activity = {factor.name: np.array(factor.activity) for factor in programme.factors}
    for factor in programme.factors:
        for effect in factor.effects:
            n = counts[:, place[factor.name], REGIONS.index(effect.region)]
            total += np.outer(effect.size * (1 - np.exp(-n)), activity[factor.name])
    for pair in programme.together:
        both = np.prod(
            [counts[:, place[name], REGIONS.index(pair.region)] > 0 for name in (pair.first, pair.second)], axis=0
        )
        total += np.outer(pair.size * both, activity[pair.first] * activity[pair.second])
    return total


def _standard(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    standard: np.ndarray = (values - values[among].mean()) / values[among].std()
    return standard


def _read(events: Events, genome: Genome, programme: Programme) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sites of every motif in every region, and strengths of the splice sites, from the genome's letters."""
    motifs = programme.motifs
    counts = np.zeros((len(events), len(motifs), len(REGIONS)))
    strengths = {name: np.zeros(len(events)) for name in SITES}
    widest = max(len(motif) for motif in motifs)
    for rows, regions, windows in by_chromosome(events, genome, AT_ONCE):
        for i, sequences in enumerate(regions):
            scanner, owner = Scanner(sequences, widest), sequences.owner
            for j, motif in enumerate(motifs):
                hits = scanner.scores(motif) >= motif.threshold
                counts[rows, j, i] = np.bincount(owner[hits], minlength=len(rows))
        for name, each in zip(SITES, windows, strict=True):
            strengths[name][rows] = sites.strength(each, name.split("_")[1])
    return counts, strengths
