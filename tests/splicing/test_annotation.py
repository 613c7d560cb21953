"""Constitutive exons are those that no transcript of the annotation treats otherwise."""

import gzip
import re
import sys

import pytest

from eigrad.cases.splicing.events import constitutive_exons

BOTH = pytest.mark.parametrize("strand", ["+", "-"])


def annotation(path, transcripts, strand="+", chrom="chr2"):
    """A GTF file of transcripts given by name as exons from left to right, counted from 1 with inclusive ends."""
    lines = ["#!genome-build made up"]
    for name, exons in transcripts.items():
        names = f'gene_id "{name[0]}"; transcript_id "{name}";'
        lines.append(f"{chrom}\tx\ttranscript\t{exons[0][0]}\t{exons[-1][1]}\t.\t{strand}\t.\t{names}")
        ordered = exons if strand == "+" else exons[::-1]
        lines += [f"{chrom}\tx\texon\t{start}\t{end}\t.\t{strand}\t.\t{names}" for start, end in ordered]
    path.write_text("\n".join(lines) + "\n")
    return path


def found(path, **options):
    return [tuple(row) for row in constitutive_exons(path, **options).exons[["exon_start", "exon_end"]].to_numpy(int)]


A, B, C, D, E = (1, 50), (101, 150), (201, 260), (301, 370), (401, 480)
MIDDLE = {"B": (100, 150), "C": (200, 260), "D": (300, 370)}


@BOTH
def test_inner_exons_of_one_transcript_are_constitutive(tmp_path, strand):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B, C, D, E]}, strand)
    assert found(path) == list(MIDDLE.values())


@BOTH
@pytest.mark.parametrize(
    ("other", "kept"),
    [
        ([A, B, C, D, E], "BCD"),
        ([B, C, D], "BCD"),  # ends early
        ([(120, 150), C, (301, 330)], "BCD"),  # begins and ends within exons
        ([A, B, D, E], ""),  # skips C: its neighbors join elsewhere
        ([A, C, D, E], "D"),
        ([A, E], ""),  # of two exons
        ([A, (101, 140), C, D, E], "D"),  # another end of B
        ([A, B, (211, 260), D, E], "D"),  # another start of C
        ([A, B, C, (301, 380), E], "BC"),  # another end of D
        ([A, B, (161, 170), C, D, E], "D"),  # an exon between B and C
        ([(60, 70), B, C, D, E], "CD"),  # another first exon
    ],
)
def test_an_exon_that_any_transcript_treats_otherwise_is_not(tmp_path, strand, other, kept):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B, C, D, E], "g2": other}, strand)
    assert found(path) == [MIDDLE[name] for name in kept]


def test_the_other_strand_and_another_chromosome_do_not_matter(tmp_path):
    own = annotation(tmp_path / "own.gtf", {"g1": [A, B, C, D, E]}).read_text()
    other = annotation(tmp_path / "other.gtf", {"h1": [A, E]}, "-").read_text()
    far = annotation(tmp_path / "far.gtf", {"i1": [A, E]}, "+", "chr3").read_text()
    path = tmp_path / "all.gtf"
    path.write_text(own + other + far)
    assert found(path) == list(MIDDLE.values())


@BOTH
def test_flanks_are_those_of_the_transcript_and_as_long_as_any_shows(tmp_path, strand):
    path = annotation(tmp_path / "a.gtf", {"g1": [(30, 50), B, (201, 230)], "g2": [(20, 50), B, (201, 250)]}, strand)
    (row,) = constitutive_exons(path).exons.to_dict("records")
    left, right = ("upstream", "downstream") if strand == "+" else ("downstream", "upstream")
    assert (row[f"{left}_start"], row[f"{left}_end"]) == (19, 50)
    assert (row[f"{right}_start"], row[f"{right}_end"]) == (200, 250)
    assert (row["strand"], row["gene_id"], row["gene_name"], row["chrom"]) == (strand, "g", "g", "chr2")


def test_an_exon_may_have_to_stand_in_more_than_one_transcript(tmp_path):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B, C, D, E], "g2": [A, B, C], "g3": [B, C, D]})
    assert found(path, min_transcripts=2) == [MIDDLE["B"], MIDDLE["C"]]
    with pytest.raises(ValueError, match="min_transcripts: got 0, expected at least 1"):
        constitutive_exons(path, min_transcripts=0)


def test_a_gzipped_file_reads_as_the_same(tmp_path):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B, C, D, E]})
    packed = tmp_path / "a.gtf.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert found(packed) == found(path)
    packed.write_bytes(gzip.compress(path.read_bytes())[:-20])
    with pytest.raises(ValueError, match=r"a\.gtf\.gz: cannot be read \(.*\), expected GTF"):
        constitutive_exons(packed)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\t101\t", "\tx\t", "entry 3: got 'x' as start, expected a whole number"),
        ("\t101\t", "\t\t", "entry 3: got 'nan' as start, expected a whole number"),
        ("\t101\t", "\t900\t", "exon chr2:900-150: got '900' as start, expected a start from 1 to the end"),
        ("\t101\t", "\t0\t", "exon chr2:0-150: got '0' as start, expected a start from 1 to the end"),
        ("\t+\t", "\t.\t", r"got '.' as strand, expected + or -"),
        ("transcript_id", "transcript", "expected a transcript_id and a gene_id"),
        ("\texon\t", "\tCDS\t", "got no line of an exon, expected an annotation in GTF"),
        ("\t", " ", "expected GTF: 9 columns with tabs between them"),
    ],
)
def test_damage_is_said_in_one_sentence(tmp_path, old, new, said):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B, C, D, E]})
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}.*{re.escape(said)}"):
        constitutive_exons(path)


def test_an_empty_file_and_one_without_inner_exons_are_refused(tmp_path):
    empty = tmp_path / "empty.gtf"
    empty.write_text("")
    with pytest.raises(ValueError, match="got an empty file, expected an annotation in GTF"):
        constitutive_exons(empty)
    with pytest.raises(ValueError, match="got no transcript of three exons"):
        constitutive_exons(annotation(tmp_path / "two.gtf", {"g1": [A, B]}))
    with pytest.raises(ValueError, match=r"none\.gtf: cannot be read"):
        constitutive_exons(tmp_path / "none.gtf")


def test_a_missing_library_is_named_before_the_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioframe", None)
    with pytest.raises(ValueError, match=r"an annotation needs bioframe: pip install 'eigrad\[splicing\]'"):
        constitutive_exons(tmp_path / "nowhere.gtf")
