"""What sequencing and MAJIQ would make of the truth: read counts, and tables in the format of `voila tsv`."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from eigrad.cases.splicing.events import Events
from eigrad.data import write_atomic

COVERAGE = (70.0, 0.8)  # median reads of an exon's junctions, and the spread of their logarithm
FEWEST = 10  # reads below which an LSV is not quantified
SPREAD = 60.0  # how little replicates stray: PSI is drawn from a beta distribution of this many pseudo-reads
PRIOR = 0.25  # the standard deviation of the prior on dPSI
CHANGING, STILL = 0.2, 0.05
HEADER = (
    "gene_name", "gene_id", "lsv_id", "mean_dpsi_per_lsv_junction", "probability_changing", "probability_non_changing",
    "{0}_mean_psi", "{1}_mean_psi", "lsv_type", "num_junctions", "num_exons", "de_novo_junctions", "seqid", "strand",
    "junctions_coords", "exons_coords", "ir_coords", "ucsc_lsv_link",
)  # fmt: skip
SIDES = ("s", "t")


def reads(psi: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inclusion and all reads (events, tissues, sides), of one experiment."""
    n_events, n_tissues = psi.shape
    expressed = rng.normal(0, COVERAGE[1], (n_events, 1)) + 0.3 * rng.normal(size=(n_events, n_tissues))
    total = rng.poisson(COVERAGE[0] * np.exp(expressed)[..., None], (n_events, n_tissues, len(SIDES)))
    inside = np.clip(psi, 1e-6, 1 - 1e-6)
    drawn = rng.beta(SPREAD * inside, SPREAD * (1 - inside))
    return rng.binomial(total, drawn[..., None]), total


def mean_psi(inclusion: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The posterior mean of PSI under MAJIQ's prior for two junctions, a half of a read each."""
    expected: np.ndarray = (inclusion + 0.5) / (total + 1)
    return expected


def dpsi(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The posterior mean of dPSI, drawn to zero by its prior, and the chances that it is large or next to nothing."""
    variance = np.zeros(first[0].shape)
    for inclusion, total in (first, second):
        mean = mean_psi(inclusion, total)
        variance = variance + mean * (1 - mean) / (total + 2)
    weight = PRIOR**2 / (PRIOR**2 + variance)
    mean = weight * (mean_psi(*second) - mean_psi(*first))
    spread = np.sqrt(weight * variance)
    large, still = (
        np.asarray(stats.norm.cdf(limit, mean, spread) - stats.norm.cdf(-limit, mean, spread))
        for limit in (CHANGING, STILL)
    )
    return mean, 1 - large, still


def write_majiq(
    path: Path,
    events: Events,
    pair: tuple[str, str],
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
) -> None:
    """A deltapsi table of two conditions, each LSV that both cover."""
    lines = ["\t".join(name.format(*pair) for name in HEADER)]
    covered = (first[1] >= FEWEST) & (second[1] >= FEWEST)
    mean, changing, still = dpsi(first, second)
    psi = mean_psi(*first), mean_psi(*second)
    names = [list(_lsv(row)) for row in events.exons.itertuples()]
    for event, side in zip(*np.nonzero(covered), strict=True):
        gene_name, gene_id, lsv_id, kind, seqid, strand, junctions, exons = names[event][side]
        values = [f"{mean[event, side]:.4f};{-mean[event, side]:.4f}"]
        values += [f"{each[event, side]:.3e};{each[event, side]:.3e}" for each in (changing, still)]
        values += [f"{each[event, side]:.4f};{1 - each[event, side]:.4f}" for each in psi]
        lines.append(
            "\t".join(
                [gene_name, gene_id, lsv_id, *values, kind, "2", "3", "0;0", seqid, strand, junctions, exons, "", ""]
            )
        )
    with write_atomic(path) as beside:
        beside.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 1, mtime=0))


def _lsv(row: Any) -> Iterator[tuple[str, ...]]:
    """The cells that do not depend on counts, seen from upstream and from downstream."""
    up, exon, down = (
        (getattr(row, f"{name}_start") + 1, getattr(row, f"{name}_end")) for name in ("upstream", "exon", "downstream")
    )
    exons = ";".join(f"{start}-{end}" for start, end in sorted((up, exon, down)))
    for side, own, far in (("s", up, down), ("t", down, up)):
        junctions = ";".join(f"{min(a[1], b[1])}-{max(a[0], b[0])}" for a, b in ((own, exon), (own, far)))
        yield (
            row.gene_name,
            row.gene_id,
            f"{row.gene_id}:{side}:{own[0]}-{own[1]}",
            f"{side}|1e1.1o1|1e2.1o1",
            row.chrom,
            row.strand,
            junctions,
            exons,
        )
