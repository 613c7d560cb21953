"""All features of all events: one matrix, and a catalogue that says what each column is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float32

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features import kmers, shape, sites
from eigrad.cases.splicing.features.conservation import Track
from eigrad.cases.splicing.features.genome import Genome
from eigrad.cases.splicing.features.motifs import KINDS, Motif, Scanner, built_in, occurrence
from eigrad.cases.splicing.features.regions import REGIONS, SITES, Ragged, by_chromosome, region_spans
from eigrad.cases.splicing.features.structure import KINDS as FOLDING
from eigrad.cases.splicing.features.structure import require_folding
from eigrad.cases.splicing.features.structure import structure as folded
from eigrad.progress import track

AT_ONCE = 2000  # events whose sequences are held together
WORDS = (1, 2, 3)  # letters of the k-mers that are counted
MOTIF_UNITS = {"affinity": "bits", "density": "hits per 100 nt", "cluster": "hits in 50 nt"}
CATALOGUE = ("name", "region", "kind", "meta_feature", "units")
EXONS = ("upstream_exon", "exon", "downstream_exon")


@dataclass(frozen=True)
class Features:
    """Values (events, features), and the catalogue: a row a feature with name, region, kind, meta_feature and units."""

    values: Float32[np.ndarray, "events features"]
    event_ids: tuple[str, ...]
    catalogue: pd.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self.catalogue["name"])

    @property
    def groups(self) -> np.ndarray:
        """The meta-feature of each feature, ready for the `groups` of significance."""
        return self.catalogue["meta_feature"].to_numpy(object)

    def to_anndata(self) -> Any:
        """An AnnData of events by features; the catalogue is its `var`."""
        try:
            from anndata import AnnData
        except ImportError as error:
            raise ValueError("AnnData needs anndata: pip install 'eigrad[anndata]'") from error
        obs = pd.DataFrame(index=pd.Index(self.event_ids, dtype=object))
        var = self.catalogue.astype(object).set_index("name")  # h5ad files take no other text
        return AnnData(self.values, obs=obs, var=var)


Column = tuple[str, str, str, str, str]  # name, region, kind, meta_feature, units


def compute(
    events: Events,
    genome: Genome,
    *,
    motifs: Sequence[Motif] | None = None,
    conservation: Track | None = None,
    structure: bool = False,
    progress: bool = True,
) -> Features:
    """Features of every event from its sequences, in the order of the events.

    K-mer frequencies and motifs in each of the seven regions, strengths of the four splice sites, lengths, reading
    frame, dinucleotide periodicity, with a track conservation, and if asked for RNA structure about the sites (by
    ViennaRNA, 4 foldings an event of some milliseconds each). `motifs` are by default the package's own.
    """
    if len(events) == 0:
        raise ValueError("features: got no events, expected at least one")
    chosen = built_in() if motifs is None else list(motifs)
    if structure:
        require_folding()
    if conservation is not None:
        conservation.require_any(events.exons["chrom"].to_numpy(object))
    table = catalogue(chosen, conserved=conservation is not None, structure=structure)
    values = np.zeros((len(events), len(table)), np.float32)
    n_swept = int((table["kind"] != "RNA structure").sum())
    flanks = {str(name): each.to_numpy(float, na_value=np.nan) for name, each in events.lengths.items()}
    n_batches = _n_batches(events)
    for rows, regions, windows in track(
        by_chromosome(events, genome, AT_ONCE), "features", n_batches, enabled=progress
    ):
        by_region = dict(zip(REGIONS, regions, strict=True))
        of_batch = {
            name: np.where(np.isnan(each[rows]), _known(by_region, name), each[rows]) for name, each in flanks.items()
        }
        values[rows, :n_swept] = np.column_stack(
            [
                *_in_regions(by_region, chosen),
                *(sites.strength(each, name.split("_")[1]) for name, each in zip(SITES, windows, strict=True)),
                *shape.lengths(of_batch).values(),
                *shape.frames(*(by_region[name] for name in EXONS)).values(),
                *(shape.periodicity(each) for each in regions),
            ]
            + ([] if conservation is None else [_conserved(conservation, events, rows)])
        )
    if structure:
        values[:, n_swept:] = folded(events, genome, progress=progress)
    return Features(values, tuple(events.exons["event_id"]), table)


def _n_batches(events: Events) -> int:
    counts = events.exons["chrom"].value_counts()
    return int((-(-counts // AT_ONCE)).sum())


def _known(regions: dict[str, Ragged], name: str) -> np.ndarray:
    """Lengths that stand in where a flanking exon's outer end is not known."""
    return regions[name].lengths if name in regions else np.zeros(1)  # introns have both ends


def _in_regions(regions: dict[str, Ragged], motifs: Sequence[Motif]) -> Iterator[np.ndarray]:
    widest = max((len(motif) for motif in motifs), default=1)
    for sequences in regions.values():
        for k in WORDS:
            yield kmers.frequencies(sequences, k)
        scanner = Scanner(sequences, widest)
        for motif in motifs:
            yield occurrence(scanner, motif)


def _conserved(conservation: Track, events: Events, rows: np.ndarray) -> np.ndarray:
    spans = region_spans(events)
    return conservation.means(events.exons["chrom"].to_numpy(object)[rows], (spans[0][rows], spans[1][rows]))


def catalogue(
    motifs: Sequence[Motif] | None = None, *, conserved: bool = True, structure: bool = False
) -> pd.DataFrame:
    """What `compute` computes, a row a feature in its order: name, region, kind, meta_feature and units."""
    chosen = built_in() if motifs is None else motifs
    _require_own_names(chosen)
    columns = [*_columns(chosen, conserved), *(_folding() if structure else ())]
    return pd.DataFrame(columns, columns=list(CATALOGUE))


def _require_own_names(motifs: Sequence[Motif]) -> None:
    """Refuse a motif named like anything else that is measured, a k-mer say: the two would be one meta-feature."""
    others = [column[3] for column in (*_columns([], conserved=True), *_folding())]
    taken = {each.partition(":")[2]: each for each in others}
    for motif in motifs:
        if motif.name in taken:
            raise ValueError(
                f"motif {motif.name}: got the name of another meta-feature ({taken[motif.name]}), expected its own"
            )


def _columns(motifs: Sequence[Motif], conserved: bool) -> Iterator[Column]:
    for region in REGIONS:
        for k in WORDS:
            for word in kmers.words(k):
                yield f"{region}:{word}", region, f"{k}-mer", f"{region}:{word}", "frequency"
        for motif in motifs:
            for kind in KINDS:
                name = f"{region}:{motif.name}"
                yield f"{name}:{kind}", region, "motif", name, MOTIF_UNITS[kind]
    for site in SITES:
        yield f"{site}:strength", site, "splice site", f"{site}:strength", "bits"
    one = dict.fromkeys(
        ("upstream_exon", "upstream_intron", "exon", "downstream_intron", "downstream_exon"), np.ones(1)
    )
    for name in shape.lengths(one):
        yield (
            f"length:{name}",
            name.split("/")[0],
            "length",
            f"length:{name}",
            "log10 nt" if "/" not in name else "log10 ratio",
        )
    for name in ("multiple_of_three", "open_included", "open_skipped", "premature_stop"):
        units = "0 or 1" if name in ("multiple_of_three", "premature_stop") else "part of 3 frames"
        yield f"frame:{name}", "exon", "reading frame", f"frame:{name}", units
    for region in REGIONS:
        yield f"{region}:periodicity", region, "nucleosome", f"{region}:periodicity", "relative power at 10.2 nt"
    if conserved:
        for region in REGIONS:
            yield f"{region}:conservation", region, "conservation", f"{region}:conservation", "mean of the track"


def _folding() -> Iterator[Column]:
    for site in SITES:
        for kind, units in FOLDING.items():
            yield f"{site}:{kind}", site, "RNA structure", f"{site}:structure", units
