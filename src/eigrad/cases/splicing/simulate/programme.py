"""The regulatory programme of a world: which factors act where and in which tissues, and which only seem to.

An exon's log odds of inclusion in a tissue are its own (splice sites, lengths, and what is not explained) plus, over
factors, activity in the tissue times the effect of the sites in each region. Sites of one factor in one region
saturate: n of them count 1 - exp(-n). Two factors may help each other where both have a site.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eigrad.cases.splicing.features.motifs import Motif, built_in

TISSUES = ("hippocampus", "heart", "liver", "lung", "spleen", "thymus")
# Motifs unlike each other, for factors that act in one tissue.
SPECIFIC = (
    "A1CF", "RBFOX1", "QKI", "MBNL1", "CELF2", "HNRNPL", "ESRP1", "KHDRBS1", "MATR3", "RBM24", "DAZAP1", "RBM5",
    "SNRNP70", "IGF2BP2",
)  # fmt: skip
# Factors that act everywhere, with the region in which each is known to, and whether it enhances.
EVERYWHERE = (
    ("SRSF1", "exon", 1.0), ("HNRNPA1", "exon", -1.0), ("TRA2B", "exon", 0.8), ("U2AF2", "upstream_intron_end", 0.8),
    ("PTBP1", "upstream_intron_end", -1.0), ("HNRNPH1", "downstream_intron_start", 0.7),
)  # fmt: skip
# Where sites enhance and where they silence, as maps of binding have it (Ule et al. 2006, Yeo et al. 2009).
PLACES = (("downstream_intron_start", 1.0), ("upstream_intron_end", -0.8))
PLANTED_SIZE, SPECIFIC_SIZE, TOGETHER_SIZE = 3.5, 2.2, 1.0  # log odds at saturation
BACKGROUND = 0.05  # activity where a factor of one tissue is not at home
N_DECOYS, N_STUDIED = 5, 3  # motifs that only go with a factor's; of them, proteins with CLIP and a knock-out
SHORTEST = 6  # letters of a motif that is rare enough by chance to regulate alone


@dataclass(frozen=True)
class Effect:
    """What many sites in a region add to an exon's log odds of inclusion, at full activity."""

    region: str
    size: float


@dataclass(frozen=True)
class Factor:
    """A protein: what it binds, how active it is in each tissue (0 to 1), and what its sites do."""

    motif: Motif
    activity: tuple[float, ...]
    effects: tuple[Effect, ...]

    @property
    def name(self) -> str:
        """Its motif's name."""
        return self.motif.name


@dataclass(frozen=True)
class Together:
    """Two factors that add this to the log odds where both have a site in the region, at full activity of both."""

    first: str
    second: str
    region: str
    size: float


@dataclass(frozen=True)
class Decoy:
    """A motif without effect whose sites come with those of a factor."""

    motif: Motif
    factor: str
    region: str
    chance: float


@dataclass(frozen=True)
class Programme:
    """All that decides inclusion, and what only looks like it; `planted` is the factor to be found, in `tissue`."""

    factors: tuple[Factor, ...]
    together: tuple[Together, ...]
    decoys: tuple[Decoy, ...]
    planted: str | None
    tissue: str

    @property
    def motifs(self) -> list[Motif]:
        """Every motif that is sown, factors first."""
        return [*(factor.motif for factor in self.factors), *(decoy.motif for decoy in self.decoys)]

    @property
    def bystanders(self) -> tuple[Factor, ...]:
        """Decoys as proteins, some of them: they bind their motif in every region where factors act, and do nothing."""
        regions = sorted({effect.region for factor in self.factors for effect in factor.effects})
        nothing = tuple(Effect(region, 0.0) for region in regions)
        return tuple(Factor(decoy.motif, (0.0,) * len(TISSUES), nothing) for decoy in self.decoys[:N_STUDIED])

    @property
    def studied(self) -> tuple[str, ...]:
        """The proteins with CLIP and a knock-out: the planted one, where there is one, and bystanders."""
        return (*((self.planted,) if self.planted else ()), *(each.name for each in self.bystanders))

    def without(self, name: str) -> Programme:
        """The programme where a factor is knocked out."""
        silent = tuple(
            replace(factor, activity=(0.0,) * len(TISSUES)) if factor.name == name else factor
            for factor in self.factors
        )
        return replace(self, factors=silent)


def programme(planted: str | None, tissue: str, direction: str, seed: int) -> Programme:
    """A programme in which `planted` (None: no factor) drives `tissue`, its downstream sites "included" or "excluded".

    Two more factors act in each other tissue, none in the tissue of interest but the planted one; six act everywhere.
    """
    known = {motif.name: motif for motif in built_in() if len(motif) >= SHORTEST}
    if planted is not None and planted not in known:
        raise ValueError(f"--factor: got {planted!r}, expected none or one of {', '.join(sorted(known))}")
    if tissue not in TISSUES:
        raise ValueError(f"--tissue: got {tissue!r}, expected one of {', '.join(TISSUES)}")
    if direction not in ("included", "excluded"):
        raise ValueError(f"--direction: got {direction!r}, expected included or excluded")
    rng = np.random.default_rng((seed, 1))
    factors = [
        Factor(known[name], tuple(rng.uniform(0.6, 1.0, len(TISSUES)).round(3)), (Effect(region, size),))
        for name, region, size in EVERYWHERE
        if name != planted
    ]
    if planted is not None:
        sign = 1.0 if direction == "included" else -1.0
        factors.append(_specific(known[planted], tissue, PLANTED_SIZE * sign))
    taken = {factor.name for factor in factors}
    free = [name for name in SPECIFIC if name not in taken]
    chosen = iter(rng.permutation(free).tolist())
    for other in TISSUES:
        if other != tissue:
            factors += [_specific(known[next(chosen)], other, SPECIFIC_SIZE * sign) for sign in (1.0, -1.0)]
    return Programme(tuple(factors), tuple(_pairs(factors)), tuple(_decoys(factors, known, rng)), planted, tissue)


def _specific(motif: Motif, tissue: str, size: float) -> Factor:
    activity = tuple(1.0 if name == tissue else BACKGROUND for name in TISSUES)
    return Factor(motif, activity, tuple(Effect(region, share * size) for region, share in PLACES))


def _pairs(factors: list[Factor]) -> list[Together]:
    """The planted factor, or the first of a tissue, with one that acts everywhere."""
    specific = [factor for factor in factors if min(factor.activity) == BACKGROUND]
    return [Together(specific[0].name, "HNRNPH1", PLACES[0][0], TOGETHER_SIZE)] if specific else []


def _decoys(factors: list[Factor], known: dict[str, Motif], rng: np.random.Generator) -> list[Decoy]:
    taken = {factor.name for factor in factors}
    free = [motif for name, motif in known.items() if name not in taken]
    chosen = rng.choice(len(free), N_DECOYS, replace=False)
    followed = [factors[i] for i in rng.choice(len(factors), N_DECOYS, replace=False)]
    return [
        Decoy(free[i], factor.name, factor.effects[0].region, 0.7) for i, factor in zip(chosen, followed, strict=True)
    ]
