"""Tables as MAJIQ, rMATS and VAST-TOOLS write them, made of a few exons, on either strand."""

import gzip

LENGTH = 100_000  # of the chromosome that events are mirrored on

# Exons as 1-based inclusive spans, in the order of the transcript, on the forward strand.
CASSETTE = ((1001, 1100), (1501, 1560), (2001, 2200))
OTHER = ((5001, 5090), (5601, 5633), (7001, 7040))


def mirrored(span):
    """A span of the forward strand as it stands on a chromosome that was turned around."""
    return LENGTH + 1 - span[1], LENGTH + 1 - span[0]


def spans(triplet, strand):
    return triplet if strand == "+" else tuple(mirrored(span) for span in triplet)


def text(span):
    return f"{span[0]}-{span[1]}"


def junction(first, second):
    """From the end of one exon to the start of the next, in genomic order."""
    left, right = sorted((first, second))
    return left[1], right[0]


def write(path, rows, separator="\t"):
    content = "".join(separator.join(map(str, row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


MAJIQ = (
    "gene_name", "gene_id", "lsv_id", "mean_dpsi_per_lsv_junction", "probability_changing", "probability_non_changing",
    "heart_mean_psi", "liver_mean_psi", "lsv_type", "num_junctions", "num_exons", "de_novo_junctions", "seqid",
    "strand", "junctions_coords", "exons_coords", "ir_coords", "ucsc_lsv_link",
)  # fmt: skip


def lsv(triplet, strand, side, psi=(0.2, 0.7), dpsi=0.45, chances=(0.97, 0.01), gene="G1", first_near=True):
    """The LSV of a cassette exon seen from one side ("s" from upstream, "t" from downstream): a row of voila tsv."""
    upstream, exon, downstream = spans(triplet, strand)
    reference, far = (upstream, downstream) if side == "s" else (downstream, upstream)
    pairs = [(junction(reference, exon), psi, dpsi), (junction(reference, far), tuple(1 - p for p in psi), -dpsi)]
    pairs = pairs if first_near else pairs[::-1]

    def joined(values):
        return ";".join(map(str, values))

    return (
        gene, f"ENS{gene}", f"ENS{gene}:{side}:{text(reference)}", joined(pair[2] for pair in pairs),
        joined([chances[0]] * 2), joined([chances[1]] * 2), joined(pair[1][0] for pair in pairs),
        joined(pair[1][1] for pair in pairs), f"{side}|1e1.1o1|1e2.1o1", 2, 3, "0;0", "chr1", strand,
        joined(text(pair[0]) for pair in pairs), joined(map(text, sorted((upstream, exon, downstream)))), "",
        "http://genome/cgi-bin/hgTracks?db=hg38&position=chr1",
    )  # fmt: skip


CASSETTES = (
    "module_id", "gene_id", "gene_name", "seqid", "strand", "lsv_id", "event_id", "complex", "denovo",
    "reference_exon_coord", "spliced_with", "spliced_with_coord", "junction_name", "junction_coord", "event_size",
    "heart-old_median_psi", "liver_median_psi", "liver-heart-old_median_dpsi", "liver-heart-old_probability_changing",
    "liver-heart-old_probability_non_changing",
)  # fmt: skip


def cassette(triplet, strand, quantities, name="ENSG1_1_CE_1"):
    """The four rows of voila modulize; `quantities` of C1_A and C2_A: (psi, psi, dpsi, p, p)."""
    c1, a, c2 = spans(triplet, strand)
    skipped = [1 - quantities[0][0], 1 - quantities[0][1], -quantities[0][2], *quantities[0][3:]]
    rows = []
    for reference, other, label, names, values in (
        (c1, c2, "C2", "C1_C2", skipped), (c1, a, "A", "C1_A", quantities[0]),
        (c2, c1, "C1", "C2_C1", skipped), (c2, a, "A", "C2_A", quantities[1]),
    ):  # fmt: skip
        rows.append(
            ("ENSG1_1", "ENSG1", "G1", "chr1", strand, "x", name, False, False, text(reference), label, text(other),
             names, text(junction(reference, other)), 60, *values)
        )  # fmt: skip
    return rows


RMATS = (
    "ID", "GeneID", "geneSymbol", "chr", "strand", "exonStart_0base", "exonEnd", "upstreamES", "upstreamEE",
    "downstreamES", "downstreamEE", "ID", "IncFormLen", "SkipFormLen", "PValue", "FDR", "IncLevel1", "IncLevel2",
    "IncLevelDifference",
)  # fmt: skip


def rmats(triplet, strand, levels=("0.2,0.3", "0.8,NA"), difference="-0.55"):
    exons = sorted(spans(triplet, strand))
    (left, middle, right) = ((start - 1, end) for start, end in exons)
    return (7, '"ENSG1"', '"G1"', "chr1", strand, *middle, *left, *right, 7, 200, 100, 0.001, 0.01, *levels, difference)


VAST = ("GENE", "EVENT", "COORD", "LENGTH", "FullCO", "COMPLEX", "S1", "S1-Q", "S2", "S2-Q")


def vast(triplet, strand, samples=(20.25, "SOK,OK,x@1,2", 90, "VLOW,N,x@1,2"), kind="S"):
    upstream, exon, downstream = spans(triplet, strand)
    donor, acceptor = (upstream[1], downstream[0]) if strand == "+" else (upstream[0], downstream[1])
    return (
        "G1", "HsaEX1", f"chr1:{text(exon)}", exon[1] - exon[0] + 1, f"chr1:{donor},{text(exon)},{acceptor}", kind,
        *samples,
    )  # fmt: skip
