"""Every feature of one event, letter by letter, in plain Python: what the fast ones are compared with."""

import cmath
import math
from itertools import product

from tests.splicing.genomes import COMPLEMENT

from eigrad.cases.junctions.windows import load
from eigrad.sequence import LETTERS


def read(chromosome, start, end, strand):
    text = "".join(chromosome[i] if 0 <= i < len(chromosome) else "N" for i in range(start, end))
    return text if strand == "+" else text[::-1].translate(COMPLEMENT)


def sequences(row, chromosomes):
    """The seven regions and the windows about the four sites of a triplet."""
    chromosome, strand = chromosomes[row.chrom], row.strand
    us, ue, es, ee, ds, de = row.coordinates
    if strand == "+":
        us, de = ue - 100 if us is None else us, ds + 100 if de is None else de
        up, down = min(300, (es - ue) // 2), min(300, (ds - ee) // 2)
        spans = [(us, ue), (ue, ue + up), (es - up, es), (es, ee), (ee, ee + down), (ds - down, ds), (ds, de)]
        sites = [(ue - 3, ue + 6), (es - 20, es + 3), (ee - 3, ee + 6), (ds - 20, ds + 3)]
    else:
        ue, ds = us + 100 if ue is None else ue, de - 100 if ds is None else ds
        up, down = min(300, (us - ee) // 2), min(300, (es - de) // 2)
        spans = [(us, ue), (us - up, us), (ee, ee + up), (es, ee), (es - down, es), (de, de + down), (ds, de)]
        sites = [(us - 6, us + 3), (ee - 3, ee + 20), (es - 6, es + 3), (de - 3, de + 20)]
    return [read(chromosome, *span, strand) for span in spans], [read(chromosome, *span, strand) for span in sites]


def kmers(text, k):
    found = {"".join(word): 0 for word in product(LETTERS, repeat=k)}
    for i in range(len(text) - k + 1):
        if "N" not in text[i : i + k]:
            found[text[i : i + k]] += 1
    total = sum(found.values())
    return [count / total if total else 0.0 for count in found.values()]


def motif(text, matrix):
    scores = {}
    for i in range(len(text) - len(matrix) + 1):
        word = text[i : i + len(matrix)]
        if "N" not in word:
            scores[i] = sum(matrix.weights[j][LETTERS.index(letter)] for j, letter in enumerate(word))
    hits = [i for i, score in scores.items() if score >= matrix.threshold]
    affinity = math.log2(sum(2**score for score in scores.values()) / len(scores)) if scores else 0.0
    cluster = max((sum(i <= j < i + 50 for j in hits) for i in hits), default=0)
    return [affinity, 100 * len(hits) / len(text) if text else 0.0, cluster]


def counted(label, first, last):
    """Letters of the package's own sites, position by position."""
    windows = load(None, 0)
    seen = [dict.fromkeys(LETTERS, 1.0) for _ in range(last - first)]
    for part in (windows.train, windows.validation, windows.test):
        for window in part.values[part.labels == label]:
            for at, counts in enumerate(seen):
                for i, letter in enumerate(LETTERS):
                    counts[letter] += float(window[i, first + at])
    return seen


def strength(text, counts):
    return sum(
        math.log2(4 * each[letter] / sum(each.values()))
        for letter, each in zip(text, counts, strict=True)
        if letter != "N"
    )


def lengths(row, texts):
    us, ue, es, ee, ds, de = row.coordinates
    introns = (es - ue, ds - ee) if row.strand == "+" else (us - ee, es - de)
    a, b, c = len(texts[0]), ee - es, len(texts[6])
    log = math.log10
    return [
        log(a), log(introns[0]), log(b), log(introns[1]), log(c), log(introns[0] / introns[1]), log(b / a), log(b / c),
        log(b / (sum(introns) / 2)),
    ]  # fmt: skip


def open_frames(text):
    return (
        sum(
            not any(text[i : i + 3] in ("TAA", "TAG", "TGA") for i in range(frame, len(text) - 2, 3))
            for frame in range(3)
        )
        / 3
    )


def frames(texts):
    included, skipped = open_frames(texts[0] + texts[3] + texts[6]), open_frames(texts[0] + texts[6])
    return [float(len(texts[3]) % 3 == 0), included, skipped, float(skipped > 0 and included == 0)]


def periodicity(text):
    series = [
        1 if set(text[i : i + 2]) <= set("AT") else -1 if set(text[i : i + 2]) <= set("GC") else 0
        for i in range(len(text) - 1)
    ]
    power = sum(value**2 for value in series)
    turned = sum(value * cmath.exp(2j * math.pi * i / 10.2) for i, value in enumerate(series))
    return abs(turned) ** 2 / power if power else 0.0
