"""Genes laid out on chromosomes: chains of exons, some of them skipped in places, with their sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events.table import Triplet
from eigrad.cases.splicing.features import sites
from eigrad.cases.splicing.features.genome import Codes, reverse_complement
from eigrad.cases.splicing.features.regions import ACCEPTOR, DONOR, INTRON
from eigrad.cases.splicing.simulate.programme import Programme

CHROMOSOMES = (*(f"chr{i}" for i in range(1, 20)), "chrX")
BLOCKS = 2  # cassette exons of a gene
SPACER = 400  # nucleotides between genes
EXON, INTRON_LENGTH = (125.0, 0.45, 30, 600), (700.0, 0.6, 160, 4000)  # median, spread of the logarithm, least, most
INTRON_LETTERS, EXON_LETTERS = (0.29, 0.2, 0.2, 0.31), (0.26, 0.24, 0.26, 0.24)
SHARP = {False: 1.4, True: 0.75}  # how strictly sites of constitutive and cassette exons follow the model
SITE_CHANCE, MORE_SITES = 0.16, 0.7  # that a region of a cassette exon has sites of a factor; mean of those beyond one


@dataclass(frozen=True)
class Layout:
    """Exons in the order of the transcript on a chromosome that is read forward; genes are turned around at the end."""

    exons: pd.DataFrame  # gene, chrom, number, start, end, cassette
    genes: pd.DataFrame  # chrom, strand, start, end
    sizes: dict[str, int]

    def triplets(self) -> pd.DataFrame:
        """A row for each cassette exon, and each other inner exon between two that are always there."""
        exons = self.exons
        before, after = exons.shift(1), exons.shift(-1)
        inner = (before["gene"] == exons["gene"]) & (after["gene"] == exons["gene"])
        between = ~(before["cassette"].fillna(True).astype(bool) | after["cassette"].fillna(True).astype(bool))
        kept = inner & (exons["cassette"] | between)
        table = exons[kept].copy()
        for name, other in (("upstream", before), ("downstream", after)):
            for end in ("start", "end"):
                table[f"{name}_{end}"] = other.loc[kept, end].astype(int)
        return table.reset_index(drop=True)

    def on_chromosome(self, gene: int, span: tuple[int, int]) -> tuple[int, int]:
        """Where a span of a gene lies once the gene is turned to its strand."""
        strand, start, end = self._places[gene]
        return span if strand == "+" else (start + end - span[1], start + end - span[0])

    @cached_property
    def _places(self) -> list[tuple[str, int, int]]:
        columns = (self.genes[name].tolist() for name in ("strand", "start", "end"))
        return list(zip(*columns, strict=True))


def laid_out(n_events: int, share_cassette: float, rng: np.random.Generator) -> Layout:
    """So many triplets, this share of them about cassette exons."""
    n_cassette = max(BLOCKS, round(n_events * share_cassette))
    between = max(1, round((n_events - n_cassette) / n_cassette))  # constitutive triplets for each cassette exon
    pattern = [False, *([True, *[False] * (between + 2)] * BLOCKS)]
    n_genes = -(-n_cassette // BLOCKS)
    cassette = np.tile(pattern, n_genes)
    gene = np.repeat(np.arange(n_genes), len(pattern))
    number = np.tile(np.arange(len(pattern)), n_genes)
    exon, intron = (_lengths(len(gene), *law, rng) for law in (EXON, INTRON_LENGTH))
    intron[number == 0] = SPACER  # before the first exon of a gene
    chrom = (np.arange(n_genes) * len(CHROMOSOMES) // n_genes)[gene]
    step = exon + intron
    end = np.cumsum(step)
    first = np.searchsorted(chrom, np.arange(len(CHROMOSOMES)))
    offset = np.where(first < len(gene), np.concatenate([[0], end])[np.minimum(first, len(gene))], 0)
    end = end - offset[chrom]
    exons = pd.DataFrame(
        {
            "gene": gene,
            "chrom": np.array(CHROMOSOMES, object)[chrom],
            "number": number,
            "start": end - exon,
            "end": end,
            "cassette": cassette,
        }
    )
    spans = exons.groupby("gene").agg(chrom=("chrom", "first"), start=("start", "min"), end=("end", "max"))
    spans["strand"] = np.where(rng.random(n_genes) < 0.5, "+", "-")
    sizes = {str(name): int(size) + SPACER for name, size in exons.groupby("chrom", sort=False)["end"].max().items()}
    return Layout(exons, spans.reset_index(drop=True), sizes)


def _lengths(n: int, median: float, spread: float, least: int, most: int, rng: np.random.Generator) -> np.ndarray:
    return np.clip(np.exp(rng.normal(np.log(median), spread, n)), least, most).astype(int)


def sequences(layout: Layout, programme: Programme, rng: np.random.Generator) -> Iterator[tuple[str, Codes]]:
    """Chromosomes one at a time: letters, splice sites, and the sites of factors and decoys about cassette exons."""
    table = layout.triplets()
    for name, size in layout.sizes.items():
        exons = layout.exons[layout.exons["chrom"] == name]
        codes = rng.choice(4, size, p=INTRON_LETTERS).astype(np.uint8)
        for start, end in zip(exons["start"], exons["end"], strict=True):
            codes[start:end] = rng.choice(4, end - start, p=EXON_LETTERS)
        here = table[(table["chrom"] == name) & table["cassette"]]
        _sow(codes, here, programme, rng)
        for cassette, sharp in SHARP.items():
            chosen = exons[exons["cassette"] == cassette]
            _splice_sites(codes, chosen["end"].to_numpy(), "donor", DONOR, sharp, rng)
            _splice_sites(codes, chosen["start"].to_numpy(), "acceptor", ACCEPTOR, sharp, rng)
        for row in layout.genes[(layout.genes["chrom"] == name) & (layout.genes["strand"] == "-")].itertuples():
            codes[row.start : row.end] = reverse_complement(codes[row.start : row.end])
        yield name, codes


def _splice_sites(
    codes: Codes, at: np.ndarray, kind: str, reach: tuple[int, int], sharp: float, rng: np.random.Generator
) -> None:
    """Letters about each site drawn from the splice-site model, whose log odds are made `sharp` times as large."""
    odds = np.exp2(sharp * sites.weights(kind)[:, :4])
    share = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    drawn = (rng.random((len(at), len(share), 1)) > share).sum(axis=2).clip(max=3)
    core = reach[0] if kind == "donor" else reach[0] - 2
    drawn[:, core : core + 2] = (2, 3) if kind == "donor" else (0, 2)  # GT and AG
    inside = (at >= reach[0]) & (at + reach[1] <= len(codes))
    codes[(at[inside, None] - reach[0]) + np.arange(len(share))] = drawn[inside]


def _sow(codes: Codes, triplets: pd.DataFrame, programme: Programme, rng: np.random.Generator) -> None:
    """Sites of each factor in the regions where it acts, of decoys where their factor has some."""
    spans = _regions(triplets)
    for factor in programme.factors:
        for effect in factor.effects:
            chosen = rng.random(len(triplets)) < SITE_CHANCE
            _put(codes, factor.motif.probabilities, spans[effect.region], chosen, rng)
            for decoy in programme.decoys:
                if (decoy.factor, decoy.region) == (factor.name, effect.region):
                    _put(
                        codes,
                        decoy.motif.probabilities,
                        spans[decoy.region],
                        chosen & (rng.random(len(triplets)) < decoy.chance),
                        rng,
                    )


def _put(
    codes: Codes, probabilities: np.ndarray, spans: np.ndarray, chosen: np.ndarray, rng: np.random.Generator
) -> None:
    width = len(probabilities)
    share = np.cumsum(probabilities, axis=1)
    for start, end in spans[chosen]:
        for _ in range(1 + rng.poisson(MORE_SITES)):
            if end - start > width:
                at = int(rng.integers(start, end - width))
                codes[at : at + width] = (rng.random((width, 1)) > share).sum(axis=1).clip(max=3)


def _regions(triplets: pd.DataFrame) -> dict[str, np.ndarray]:
    """Where sites may lie: regions without the letters of the splice sites."""
    start, end = triplets["start"].to_numpy(), triplets["end"].to_numpy()
    before, after = triplets["upstream_end"].to_numpy(), triplets["downstream_start"].to_numpy()
    up, down = np.minimum(INTRON, (start - before) // 2), np.minimum(INTRON, (after - end) // 2)
    return {
        "upstream_intron_end": np.stack([start - up, start - ACCEPTOR[0]], axis=1),
        "exon": np.stack([start + ACCEPTOR[1], end - DONOR[0]], axis=1),
        "downstream_intron_start": np.stack([end + DONOR[1], end + down], axis=1),
    }


def as_triplets(layout: Layout, table: pd.DataFrame) -> list[Triplet]:
    """Rows of `Layout.triplets` where they lie on the chromosomes."""
    ends = ("upstream_start", "upstream_end", "start", "end", "downstream_start", "downstream_end")
    strands = layout.genes["strand"].tolist()
    found = []
    for gene, chrom, *at in zip(
        table["gene"].tolist(), table["chrom"].tolist(), *(table[name].tolist() for name in ends), strict=True
    ):
        spans = [layout.on_chromosome(gene, (at[i], at[i + 1])) for i in (0, 2, 4)]
        coordinates = [end for span in spans for end in span]
        found.append(Triplet(gene_id(gene), gene_name(gene), chrom, strands[gene], coordinates))
    return found


def gene_id(gene: int) -> str:
    """An identifier like those of annotations."""
    return f"SIMG{gene:08}"


def gene_name(gene: int) -> str:
    """A name."""
    return f"Gene{gene}"
