"""The page and table of the splicing features, from the code that computes them.

python -m benchmarks.catalogue --docs docs
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from eigrad.cases.splicing.features import built_in, catalogue
from eigrad.data import write_atomic, write_table

HOW = {
    "1-mer": "occurrences over the number of places without an N",
    "2-mer": "likewise",
    "3-mer": "likewise",
    "motif": "affinity: log2 of the mean odds over all places; density: hits per 100 nt; cluster: most hits in 50 nt",
    "splice site": "position weights fitted on the real primate junctions that come with the package",
    "length": "log10 of lengths, and of their ratios",
    "reading frame": "whether the exon keeps it, how many frames stay open with and without the exon, premature stop",
    "nucleosome": "power at 10.2 nt of A/T dinucleotides (1) against G/C ones (-1), over the power of the whole series",
    "conservation": "mean of a bigWig track; only with `--bigwig`",
    "RNA structure": "by ViennaRNA, of 30 nt on either side; only with `--structure`. accessibility: mean "
    "probability of the site's letters to be unpaired; folding: free energy of the ensemble over its length",
}


def kinds() -> Iterator[str]:
    """A line a kind of feature."""
    for kind, part in catalogue(structure=True).groupby("kind", sort=False):
        units = ", ".join(dict.fromkeys(part["units"]))
        n = f"{len(part)} | {part['meta_feature'].nunique()}"
        yield f"| {kind} | {part['region'].nunique()} | {n} | {units} | {HOW[str(kind)]} |"


def motifs() -> Iterator[str]:
    """A line a motif."""
    for motif in built_in():
        yield f"| {motif.name} | {len(motif)} | {motif.source} |"


def page() -> str:
    """The page, from its template beside this file."""
    text = files("benchmarks").joinpath("catalogue.md").read_text(encoding="utf-8")
    table = catalogue()
    counts = {"n": len(table), "n_meta": table["meta_feature"].nunique(), "n_motifs": len(built_in())}
    for name, lines in {"kinds": kinds(), "motifs": motifs()}.items():
        text = text.replace(f"{{{{{name}}}}}", "\n".join(lines))
    for name, number in counts.items():
        text = text.replace(f"{{{{{name}}}}}", f"{number:,}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    write_table(given.docs / "images" / "splicing-features.csv", catalogue(structure=True))
    with write_atomic(given.docs / "splicing-features.md") as beside:
        beside.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
