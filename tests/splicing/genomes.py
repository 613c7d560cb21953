"""A small genome with events on both strands, some of them at its ends and some with unknown letters."""

import numpy as np

from eigrad.cases.splicing.events.table import Triplet, build

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def letters(n, rng, unknown=0.0):
    chosen = np.array(list("ACGT"))[rng.integers(0, 4, n)]
    chosen[rng.random(n) < unknown] = "N"
    return "".join(chosen)


def write(path, chromosomes):
    lines = [
        f">{name} a comment\n" + "".join(f"{text[i : i + 61]}\n" for i in range(0, len(text), 61))
        for name, text in chromosomes.items()
    ]
    path.write_text("".join(lines))
    return path


def turned(chromosomes):
    """Every chromosome's other strand."""
    return {name: text[::-1].translate(COMPLEMENT) for name, text in chromosomes.items()}


def triplets(lengths, n, rng, introns=(40, 900)):
    """N forward and reverse triplets, the first and last of each chromosome at its ends, some without an outer end."""
    rows = []
    for number in range(n):
        chrom = list(lengths)[number % len(lengths)]
        sizes = [
            rng.integers(30, 200),
            rng.integers(*introns),
            rng.integers(9, 250),
            rng.integers(*introns),
            rng.integers(30, 200),
        ]
        total = int(sum(sizes))
        start = {0: 0, 1: 0}.get(number, int(rng.integers(0, lengths[chrom] - total)))
        if number in (2, 3):
            start = lengths[chrom] - total
        ends = [start, *(start + np.cumsum(sizes)).tolist()]
        strand = "+-"[number % 2 if number > 3 else number // 2]
        coordinates = ends if strand == "+" else [ends[i] for i in (4, 5, 2, 3, 0, 1)]
        if number % 7 == 4:
            coordinates[0 if strand == "+" else 1] = None
        if number % 7 == 5:
            coordinates[5 if strand == "+" else 4] = None
        rows.append(Triplet(f"g{number}", f"G{number}", chrom, strand, coordinates))
    return rows


def events_of(rows):
    return build(rows, {"liver": np.full(len(rows), 0.5)})


def mirrored(rows, lengths):
    """The same exons on the turned genome."""
    found = []
    for row in rows:
        length = lengths[row.chrom]
        flipped = [None if value is None else length - value for value in row.coordinates]
        strand = "-" if row.strand == "+" else "+"
        found.append(row._replace(strand=strand, coordinates=[flipped[i] for i in (1, 0, 3, 2, 5, 4)]))
    return found
