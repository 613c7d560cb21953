"""The files of a world besides its tables of inclusion: genome, annotation, conservation, expression, CLIP sites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.features.genome import Codes, Genome
from eigrad.cases.splicing.features.motifs import Scanner
from eigrad.cases.splicing.features.regions import REGIONS, by_chromosome, region_spans
from eigrad.cases.splicing.libraries import require_library
from eigrad.cases.splicing.simulate.genes import Layout, gene_id, gene_name
from eigrad.cases.splicing.simulate.programme import TISSUES, Factor, Programme
from eigrad.data import write_atomic

LINE = 60
STEP = 25  # nucleotides that share a value of the conservation track
CONSERVED = {"exon": 0.85, "intron": 0.12, "site": 0.7}  # mean scores
REPLICATES = 3
BOUND, STRAY = 0.6, 0.2  # the part of a factor's sites with tags, and stray sites for each of them


def write_fasta(path: Path, chromosomes: Iterator[tuple[str, Codes]]) -> None:
    """Chromosomes in lines of 60 letters."""
    letters = np.frombuffer(b"ACGTN", np.uint8)
    with write_atomic(path) as beside, beside.open("wb") as file:
        for name, codes in chromosomes:
            file.write(f">{name}\n".encode())
            text = letters[codes]
            whole = len(text) // LINE * LINE
            lines = np.column_stack([text[:whole].reshape(-1, LINE), np.full(whole // LINE, ord("\n"), np.uint8)])
            file.write(lines.tobytes())
            if whole < len(text):
                file.write(text[whole:].tobytes() + b"\n")


def write_gtf(path: Path, layout: Layout) -> None:
    """Genes with a transcript of all exons, and one for each cassette exon that skips it."""
    lines: list[str] = []
    genes = layout.genes.to_dict("records")
    for gene, (_, exons) in enumerate(layout.exons.groupby("gene")):
        chrom, strand = genes[gene]["chrom"], genes[gene]["strand"]
        names = f'gene_id "{gene_id(gene)}"; gene_name "{gene_name(gene)}";'
        lines.append(_line(chrom, "gene", (genes[gene]["start"], genes[gene]["end"]), strand, names))
        spans = [
            layout.on_chromosome(gene, span)
            for span in zip(exons["start"].tolist(), exons["end"].tolist(), strict=True)
        ]
        skipped = [None, *np.flatnonzero(exons["cassette"].to_numpy(bool)).tolist()]
        for i, skip in enumerate(skipped, start=1):
            kept = [span for place, span in enumerate(spans) if place != skip]
            more = f'{names} transcript_id "{gene_id(gene)}.{i}";'
            whole = min(start for start, _ in kept), max(end for _, end in kept)
            lines.append(_line(chrom, "transcript", whole, strand, more))
            lines += [
                _line(chrom, "exon", span, strand, f'{more} exon_number "{place}";')
                for place, span in enumerate(kept, start=1)
            ]
    with write_atomic(path) as beside:
        beside.write_text("".join(lines), encoding="utf-8")


def _line(chrom: str, kind: str, span: tuple[int, int], strand: str, names: str) -> str:
    return f"{chrom}\teigrad\t{kind}\t{span[0] + 1}\t{span[1]}\t.\t{strand}\t.\t{names}\n"


def site_positions(events: Events, cassette: np.ndarray, genome: Genome, factors: tuple[Factor, ...]) -> pd.DataFrame:
    """Where the sites of factors lie in the regions in which they act, about cassette exons."""
    chosen = events.take(cassette)
    starts, ends = region_spans(chosen)
    forward = (chosen.exons["strand"] == "+").to_numpy()
    widest = max(len(factor.motif) for factor in factors)
    found = []
    for rows, regions, _ in by_chromosome(chosen, genome, 2000):
        scanners = {
            region: Scanner(regions[REGIONS.index(region)], widest)
            for factor in factors
            for region in (effect.region for effect in factor.effects)
        }
        for factor in factors:
            for effect in factor.effects:
                scanner, column = scanners[effect.region], REGIONS.index(effect.region)
                hits = np.flatnonzero(scanner.scores(factor.motif) >= factor.motif.threshold)
                owner = scanner.sequences.owner[hits]
                place, event = hits - scanner.sequences.starts[owner], rows[owner]
                width = len(factor.motif)
                start = np.where(forward[event], starts[event, column] + place, ends[event, column] - place - width)
                found.append(
                    pd.DataFrame(
                        {
                            "event_id": chosen.exons["event_id"].to_numpy()[event], "factor": factor.name,
                            "region": effect.region, "chrom": chosen.exons["chrom"].to_numpy()[event], "start": start,
                            "end": start + width, "strand": chosen.exons["strand"].to_numpy()[event],
                        }
                    )
                )  # fmt: skip
    return pd.concat(found, ignore_index=True)


def write_conservation(path: Path, layout: Layout, sites: pd.DataFrame, rng: np.random.Generator) -> None:
    """A bigWig track: exons and the sites of factors are conserved, introns hardly."""
    require_library("pybigtools", "a bigWig track")
    import pybigtools

    with write_atomic(path) as beside:
        writer = pybigtools.open(str(beside), "w")
        writer.write(dict(sorted(layout.sizes.items())), _scores(layout, sites, rng))


def _scores(layout: Layout, sites: pd.DataFrame, rng: np.random.Generator) -> Iterator[tuple[str, int, int, float]]:
    for name in sorted(layout.sizes):
        size = layout.sizes[name]
        mean = np.full(size, CONSERVED["intron"])
        exons = layout.exons[layout.exons["chrom"] == name]
        for gene, start, end in zip(exons["gene"], exons["start"], exons["end"], strict=True):
            first, last = layout.on_chromosome(int(gene), (int(start), int(end)))
            mean[first:last] = CONSERVED["exon"]
        here = sites[sites["chrom"] == name]
        for start, end in zip(here["start"], here["end"], strict=True):
            mean[start:end] = np.maximum(mean[start:end], CONSERVED["site"])
        values = mean[: size // STEP * STEP].reshape(-1, STEP).mean(axis=1)
        noisy = rng.beta(12 * values, 12 * (1 - values)).round(3)
        for i, value in enumerate(noisy.tolist()):
            yield name, i * STEP, (i + 1) * STEP, value


def expression(programme: Programme, rng: np.random.Generator) -> pd.DataFrame:
    """TPM of every factor and decoy by tissue and replicate, as active as the programme has it; some genes besides."""
    rows = []
    at_rest = {decoy.motif.name: rng.uniform(0.3, 1, len(TISSUES)) for decoy in programme.decoys}
    for name, activity in [*((f.name, np.array(f.activity)) for f in programme.factors), *at_rest.items()]:
        level = float(np.exp(rng.normal(3.5, 0.6)))
        for tissue, share in zip(TISSUES, activity, strict=True):
            for replicate in range(1, REPLICATES + 1):
                tpm = level * share * float(np.exp(0.15 * rng.normal()))
                rows.append((name, tissue, replicate, round(tpm, 3)))
    return pd.DataFrame(rows, columns=["gene_name", "tissue", "replicate", "tpm"])


def clip_sites(sites: pd.DataFrame, factor: str, layout: Layout, rng: np.random.Generator) -> pd.DataFrame:
    """Cross-linked sites of a factor in the form of CTK: most of its sites, and strays anywhere in genes."""
    own = sites[(sites["factor"] == factor) & (rng.random(len(sites)) < BOUND)]
    n_stray = int(STRAY * len(own)) + 20
    genes = layout.genes.iloc[rng.integers(0, len(layout.genes), n_stray)]
    at = (genes["start"] + rng.random(n_stray) * (genes["end"] - genes["start"] - 1)).astype(int)
    centers = pd.concat(
        [
            pd.DataFrame(
                {"chrom": own["chrom"], "start": (own["start"] + own["end"]) // 2, "strand": own["strand"], "mean": 6.0}
            ),
            pd.DataFrame({"chrom": genes["chrom"], "start": at, "strand": genes["strand"], "mean": 1.5}),
        ]
    ).sort_values(["chrom", "start", "strand"])
    tags = 1 + rng.poisson(centers["mean"])
    changed = rng.binomial(tags - 1, 0.5) + 1
    return pd.DataFrame(
        {
            "chrom": centers["chrom"], "start": centers["start"], "end": centers["start"] + 1,
            "name": [f"CIMS_{i}" for i in range(len(centers))], "score": changed, "strand": centers["strand"],
            "tagNumber(k)": tags, "mutationFreq(m)": changed, "FDR": 0.001, "count(>=m,k)": 1,
        }
    )  # fmt: skip
