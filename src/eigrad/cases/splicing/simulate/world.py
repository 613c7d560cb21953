"""A world written out: everything downstream reads only what a real lab would have; the truth lies beside it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.events.table import build
from eigrad.cases.splicing.features import Genome
from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.libraries import require_library
from eigrad.cases.splicing.simulate import files, genes, quantify
from eigrad.cases.splicing.simulate.inclusion import Inclusion, included, regulation
from eigrad.cases.splicing.simulate.programme import TISSUES, Programme, programme
from eigrad.data import write_atomic, write_json, write_table
from eigrad.folder import opened, versions
from eigrad.sequence import LETTERS

logger = logging.getLogger(__name__)

LEAST = 200
TABLES = {"majiq": "*.tsv.gz", "knockout": "*.tsv.gz", "clip": "*.bed", "truth": "*.csv"}
KMER = 3  # letters of the k-mers that a true motif may show itself by


@dataclass(frozen=True)
class Settings:
    """What world is made. `factor` is the protein that drives `tissue`, or "none"."""

    out: Path
    n_events: int = 4000
    factor: str = "RBFOX1"
    tissue: str = "hippocampus"
    direction: str = "included"
    share_cassette: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_events < LEAST:
            raise ValueError(f"--n-events: got {self.n_events}, expected at least {LEAST}")
        if not 0.05 <= self.share_cassette <= 0.5:
            raise ValueError(f"--share-cassette: got {self.share_cassette}, expected 0.05 to 0.5")
        if self.seed < 0:
            raise ValueError(f"--seed: got {self.seed}, expected at least 0")

    @property
    def planted(self) -> str | None:
        """The factor, None in a control world."""
        return None if self.factor == "none" else self.factor

    def arguments(self) -> dict[str, object]:
        """The settings as JSON values, without the folder they are written to."""
        return {name: value for name, value in asdict(self).items() if name != "out"}


def simulate(settings: Settings) -> Path:
    """Write a world into `settings.out`: world.json is written last, and a folder with it is whole."""
    how = programme(settings.planted, settings.tissue, settings.direction, settings.seed)
    for name in ("pybigtools", "pyfaidx"):
        require_library(name, "a simulated world")
    folder = opened(settings.out, "simulate")
    (folder / "world.json").unlink(missing_ok=True)
    write_json(
        folder / "config.json", {"command": "simulate", "arguments": settings.arguments(), "versions": versions()}
    )
    for name, pattern in TABLES.items():
        _emptied(folder / name, pattern)
    rng = np.random.default_rng((settings.seed, 0))
    # Only the first protein draws with all else: how many bystanders there are changes no other file.
    draws = dict(zip(how.studied, (rng, *rng.spawn(len(how.studied) - 1)), strict=True))
    layout = genes.laid_out(settings.n_events, settings.share_cassette, rng)
    logger.info("genome ...")
    (folder / "genome.fa.fai").unlink(missing_ok=True)
    files.write_fasta(folder / "genome.fa", genes.sequences(layout, how, rng))
    files.write_gtf(folder / "annotation.gtf", layout)
    genome = Genome(folder / "genome.fa")
    table = layout.triplets()
    events = build(genes.as_triplets(layout, table), {})
    cassette = table["cassette"].to_numpy(bool)
    logger.info("inclusion ...")
    truth = included(events, cassette, genome, how, rng)
    measured = events.take(cassette)
    _quantify(folder, measured, truth.psi[cassette], rng)
    _knock_out(folder, measured, truth, cassette, how, draws)
    logger.info("evidence ...")
    sites = files.site_positions(events, cassette, genome, how.factors)
    files.write_conservation(folder / "conservation.bw", layout, sites, rng)
    write_table(folder / "expression.csv", files.expression(how, rng))
    _write_clip(folder, sites, files.site_positions(events, cassette, genome, how.bystanders), layout, how, draws)
    _write_truth(folder / "truth", events, cassette, truth, how, sites)
    write_json(
        folder / "world.json",
        {"arguments": settings.arguments(), "n_events": len(events), "n_cassette": int(cassette.sum())},
    )
    return folder


def _emptied(folder: Path, pattern: str) -> None:
    """The folder, without an older world's tables: they would pass for this one's."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob(pattern):
        path.unlink()


def _quantify(folder: Path, events: Events, psi: np.ndarray, rng: np.random.Generator) -> None:
    """Every pair of tissues."""
    inclusion, total = quantify.reads(psi, rng)
    by_tissue = {name: (inclusion[:, i], total[:, i]) for i, name in enumerate(TISSUES)}
    for pair in combinations(TISSUES, 2):
        path = folder / "majiq" / f"{pair[0]}_{pair[1]}.deltapsi.tsv.gz"
        quantify.write_majiq(path, events, pair, *(by_tissue[name] for name in pair))


def _knock_out(
    folder: Path,
    events: Events,
    truth: Inclusion,
    cassette: np.ndarray,
    how: Programme,
    draws: Mapping[str, np.random.Generator],
) -> None:
    """Wild type against the knock-out of each protein that is studied, in the tissue of interest."""
    place = TISSUES.index(how.tissue)
    for name, rng in draws.items():
        without = truth.log_odds + regulation(truth.counts, how.without(name)) - regulation(truth.counts, how)
        both = np.stack([truth.log_odds[cassette, place], without[cassette, place]], axis=1)
        inclusion, total = quantify.reads(1 / (1 + np.exp(-both)), rng)
        experiment = [(inclusion[:, i], total[:, i]) for i in (0, 1)]
        names = f"{how.tissue}-wildtype", f"{how.tissue}-{name}-knockout"
        quantify.write_majiq(folder / "knockout" / f"{name}.deltapsi.tsv.gz", events, names, *experiment)


def _write_clip(
    folder: Path,
    sites: pd.DataFrame,
    bystanders: pd.DataFrame,
    layout: genes.Layout,
    how: Programme,
    draws: Mapping[str, np.random.Generator],
) -> None:
    """Cross-linked sites of each protein that is studied, on those of factors or of bystanders."""
    for name, rng in draws.items():
        bound = sites if name == how.planted else bystanders[bystanders["factor"] == name]
        table = files.clip_sites(bound, name, layout, rng)
        with write_atomic(folder / "clip" / f"{name}.CIMS.bed") as beside:
            table.rename(columns={"chrom": "#chrom"}).to_csv(beside, sep="\t", index=False)


def _write_truth(
    folder: Path, events: Events, cassette: np.ndarray, truth: Inclusion, how: Programme, sites: pd.DataFrame
) -> None:
    """Factors and their effects, meta-features that are causes or show one, exons, and where the sites lie."""
    effects = [
        (factor.name, effect.region, effect.size, *factor.activity)
        for factor in how.factors
        for effect in factor.effects
    ]
    write_table(folder / "effects.csv", pd.DataFrame(effects, columns=["factor", "region", "log_odds", *TISSUES]))
    decoys = [(each.motif.name, each.factor, each.region, each.chance) for each in how.decoys]
    write_table(folder / "decoys.csv", pd.DataFrame(decoys, columns=["motif", "factor", "region", "chance"]))
    write_table(
        folder / "meta_features.csv", pd.DataFrame(_causal(how), columns=["meta_feature", "cause", "kind", *TISSUES])
    )
    exons = events.exons[["event_id"]].assign(cassette=cassette)
    exons[list(TISSUES)] = truth.psi
    write_table(folder / "events.csv", exons)
    write_table(folder / "sites.csv", sites)


def _causal(how: Programme) -> list[tuple[object, ...]]:
    """Meta-features that carry a cause: motifs themselves, k-mers within them, and what every exon has."""
    rows: list[tuple[object, ...]] = []
    for factor in how.factors:
        for effect in factor.effects:
            strength = tuple(round(effect.size * share, 4) for share in factor.activity)
            rows.append((f"{effect.region}:{factor.name}", factor.name, "motif", *strength))
            rows += [(f"{effect.region}:{word}", factor.name, "k-mer", *strength) for word in words_of(factor.motif)]
    own = [
        *(f"{site}:strength" for site in ("upstream_donor", "exon_acceptor", "exon_donor", "downstream_acceptor")),
        "length:exon",
        "length:upstream_intron",
        "length:downstream_intron",
        "length:exon/introns",
    ]
    rows += [(name, "exon", "own", *(1.0,) * len(TISSUES)) for name in own]
    return rows


def words_of(motif: Motif, k: int = KMER, least: float = 0.2) -> list[str]:
    """K-mers, as RNA, all of whose letters have at least this probability somewhere along a motif."""
    found: dict[str, None] = {}
    for start in range(len(motif) - k + 1):
        letters = [[LETTERS[i] for i in np.flatnonzero(row >= least)] for row in motif.probabilities[start : start + k]]
        found |= {"".join(word).replace("T", "U"): None for word in product(*letters)}
    return list(found)
