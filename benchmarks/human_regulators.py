"""Real evidence through the search: human exons more included in liver, expression, PAR-CLIP and a knock-down.

    python -m benchmarks.human_regulators --data PATH --out runs/human-regulators

PATH holds human_exons/, expression/, clip/, motifs/ and quantification/; none of them is part of the package. Exons lie
on contigs of their own, 300 nt of intron on either side, in the direction of the transcript; cross-linked sites are
carried over to them. No network is trained: there is no significant motif, and that line says so.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import bioframe
import numpy as np
import pandas as pd

from benchmarks.human_exons import FLANK, fasta
from eigrad.cases.splicing.events import Events
from eigrad.cases.splicing.events.table import Change, Triplet, build
from eigrad.cases.splicing.features import Genome, built_in, read_meme
from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.regulators import Sites, read_expression, read_sites
from eigrad.cases.splicing.regulators.alignment import align
from eigrad.cases.splicing.regulators.study.finished import Evidence, Finished, exon_sets, read_response
from eigrad.cases.splicing.regulators.study.settings import Settings as Search
from eigrad.cases.splicing.regulators.study.study import searched
from eigrad.cases.splicing.study.settings import Settings
from eigrad.folder import Clock

TISSUES = {
    "liver": "Liver", "hippocampus": "Brain - Hippocampus", "heart": "Heart - Left Ventricle", "lung": "Lung",
    "spleen": "Spleen", "cortex": "Brain - Cortex", "muscle": "Muscle - Skeletal",
}  # fmt: skip
MIN_DPSI = 0.1  # of 0.2 there are too few
CLIP, KNOCK_DOWN = "YTHDF2", "TARDBP"
BUILT_IN = ("A1CF", "RBFOX1", "PTBP1", "QKI", "TIA1", "HNRNPC")
COLUMNS = ["meta_feature", "region", "kind", "significant", "direction", "magnitude", "p_adjusted"]


def exons(folder: Path, contigs: Path) -> tuple[Events, pd.DataFrame]:
    """Exons that are measured, on contigs, with changes between tissues; and their table.

    GTEx's medians have no test: every difference counts as sure.
    """
    table = pd.read_csv(folder / "exons_psi.tsv.gz", sep="\t").drop_duplicates("key")
    table = table[table[list(TISSUES.values())].notna().any(axis=1)].reset_index(drop=True)
    sequences = fasta(folder / "exons_flank300.fa.gz")
    contigs.write_text("".join(f">{key}\n{sequences[key]}\n" for key in table["key"]), encoding="utf-8")
    rows = [
        Triplet(gene, gene, key, "+", [None, 0, FLANK, FLANK + n, 2 * FLANK + n, None])
        for gene, key, n in zip(table["gene"], table["key"], table["len"], strict=True)
    ]
    psi = {name: table[column].to_numpy(float) for name, column in TISSUES.items()}
    changes = [
        Change(row, one, other, float(psi[other][row] - psi[one][row]), probability_changing=1.0)
        for one, other in permutations(TISSUES, 2) if one < other
        for row in np.flatnonzero(~np.isnan(psi[one] - psi[other])).tolist()
    ]  # fmt: skip
    return build(rows, psi, changes), table


def carried(sites: Sites, table: pd.DataFrame) -> Sites:
    """Sites on chromosomes as sites on contigs, in the direction of the transcript; those elsewhere are left out."""
    spans = table[["chrom", "strand", "key", "len"]].assign(start=table["start"] - 1 - FLANK, end=table["end"] + FLANK)
    pairs = bioframe.overlap(sites.table, spans, how="inner", on=["strand"], suffixes=("", "_exon"))
    forward = pairs["strand"] == "+"
    whole = pairs["end_exon"] - pairs["start_exon"]
    ahead = pairs[["start", "end"]].sub(pairs["start_exon"], axis=0)
    start = np.where(forward, ahead["start"], whole - ahead["end"])
    end = np.where(forward, ahead["end"], whole - ahead["start"])
    return Sites(pd.DataFrame({
        "chrom": pairs["key_exon"], "start": np.maximum(start, 0), "end": np.minimum(end, whole), "strand": "+",
        "tags": pairs["tags"],
    }))  # fmt: skip


def own_motifs(compendium: list[Motif]) -> pd.DataFrame:
    """Of built-in motifs, the protein of the compendium that each is most alike, and where its own comes."""
    chosen = [motif for motif in built_in() if motif.name in BUILT_IN]
    table = align(chosen, compendium, most=None)
    table["protein"] = table["target"].str.replace(r"-[0-9]+$", "", regex=True)
    rows = []
    for name, part in table.groupby("query", sort=False):
        proteins = part["protein"].drop_duplicates().tolist()
        rows.append((name, ", ".join(proteins[:3]), proteins.index(name) + 1, part["p_value"].iloc[0]))
    return pd.DataFrame(rows, columns=["built-in motif", "most alike", "own place", "p of the first"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/human-regulators"))
    given = parser.parse_args()
    contigs = given.out.with_name(f"{given.out.name}.fa")
    contigs.parent.mkdir(parents=True, exist_ok=True)
    events, table = exons(given.data / "human_exons", contigs)
    study = replace(Settings(given.out), condition="liver", min_dpsi=MIN_DPSI)
    finished = Finished(
        given.out, study, "liver", events, Genome(contigs), exon_sets(events, study, "liver"),
        pd.DataFrame(columns=COLUMNS), built_in(),
    )  # fmt: skip
    print({name: int(mask.sum()) for name, mask in finished.sets.items()})
    sites = carried(read_sites(given.data / "clip" / "parclip_ythdf2_hg38.bed.gz"), table)
    print(f"{len(sites)} sites of {CLIP} lie about these exons")
    answer = read_response(given.data / "quantification" / "majiq_tdp43_kd.deltapsi.tsv.gz")
    print(
        f"{KNOCK_DOWN} knock-down: {len(answer.events)} cassette exons, {answer.enhanced.sum()} enhanced, "
        f"{answer.repressed.sum()} repressed, {answer.unmoved.sum()} unmoved; {_shared(answer.events, table)} are here"
    )
    compendium = read_meme(given.data / "motifs" / "rnacompete_human.meme.gz")
    print(own_motifs(compendium).to_string(index=False))
    evidence = Evidence(
        read_expression(given.data / "expression" / "rbp_tissue_ntpm.tsv"), "liver", {CLIP: sites}, {},
        compendium,
    )  # fmt: skip
    page = searched(Search(given.out, given.out), finished, evidence, Clock())
    print(f"The page is at {page}")


def _shared(events: Events, table: pd.DataFrame) -> int:
    """How many exons of a table of events are among these."""
    mine = set(zip(table["chrom"], table["start"] - 1, table["end"], strict=True))
    others = zip(events.exons["chrom"], events.exons["exon_start"], events.exons["exon_end"], strict=True)
    return sum(each in mine for each in others)


if __name__ == "__main__":
    main()
