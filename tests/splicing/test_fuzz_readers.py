"""Damaged tables, genomes, tracks and runs of the splicing study: read to sound values, or refused in one line."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from tests.damage import Kinds, Specimen, as_first, as_gzip, bounded, of_folder
from tests.splicing import genomes
from tests.splicing.test_annotation import A, B, C, D, E, annotation
from tests.splicing.test_damage import whole

from eigrad.cases.splicing.events import (
    COORDINATES,
    Events,
    constitutive_exons,
    read_csv,
    read_events,
    read_majiq,
    read_rmats,
    read_vasttools,
)
from eigrad.cases.splicing.features import Genome, Track, read_meme
from eigrad.cases.splicing.regulators import read_expression, read_sites
from eigrad.cases.splicing.regulators.study.finished import NEEDED, read_response, read_run
from eigrad.cases.splicing.study import sources, truth
from eigrad.cases.splicing.study.explain import _kept
from eigrad.cases.splicing.study.settings import Settings as Study
from eigrad.data import write_json

specimen = Kinds()


@pytest.mark.parametrize("kind", specimen)
def test_a_damaged_file_is_read_or_refused_in_one_line_that_names_it(tmp_path, kind):
    specimen.tried(kind, tmp_path)


# events


def sound_events(found):
    assert isinstance(found, Events)
    lengths = found.lengths
    assert (lengths.dropna() > 0).all(axis=None)
    assert (found.exons[list(COORDINATES)].dropna() >= 0).all(axis=None)
    assert found.exons["strand"].isin(["+", "-"]).all()
    psi = found.psi.to_numpy(float)
    assert (np.isnan(psi) | ((psi >= 0) & (psi <= 1))).all()
    assert np.isfinite(found.changes["dpsi"].to_numpy(float)).all()
    assert (found.changes["dpsi"].abs() <= 1).all()


def table(kind):
    separator = "," if kind == "plain" else "\t"
    return "".join(separator.join(map(str, row)) + "\n" for row in whole(kind)).encode()


@specimen
def majiq(folder):
    return Specimen({"heart.tsv": table("majiq")}, read_majiq, sound_events, examples=60)


@specimen
def cassettes(folder):
    return Specimen({"cassette.tsv": table("cassettes")}, read_events, sound_events, examples=50)


@specimen
def rmats(folder):
    return Specimen({"SE.MATS.JC.txt": table("rmats")}, read_rmats, sound_events, examples=50)


@specimen
def vast(folder):
    return Specimen({"INCLUSION.tab": table("vast")}, read_vasttools, sound_events, examples=50)


@specimen
def plain(folder):
    changes = "event_id,condition_1,condition_2,dpsi,p_adjusted\na,heart,liver,0.3,0.01\nb,heart,liver,-0.2,\n"
    return Specimen(
        {"a.csv": table("plain"), "changes.csv": changes.encode()},
        lambda path: read_csv(path, path.with_name("changes.csv")), sound_events, as_first,
        named=("a.csv", "changes.csv"), examples=60,
    )  # fmt: skip


@specimen
def gzipped_events(folder):
    whole = {"heart.tsv.gz": gzip.compress(table("majiq"))}
    return Specimen(whole, read_events, sound_events, examples=30)


@specimen
def content_of_gzipped_events(folder):
    return Specimen({"INCLUSION.tab": table("vast")}, read_events, sound_events, as_gzip, examples=30)


@specimen
def gtf(folder):
    path = annotation(folder / "a.gtf", {"g1": [A, B, C, D, E], "h1": [A, B, C]})
    return Specimen(of_folder(folder), constitutive_exons, sound_events, named=(path.name,), examples=40)


# features


def sound_motifs(found):
    assert found
    assert len({motif.name for motif in found}) == len(found)
    for motif in found:
        assert motif.probabilities.shape == (len(motif), 4)
        assert np.allclose(motif.probabilities.sum(1), 1)
        assert np.isfinite(motif.threshold)


MEME = b"""MEME version 4

MOTIF m1 QKI
letter-probability matrix: alength= 4 w= 3 nsites= 20
1 0 0 0
0 1 0 0
0 0 0.5 0.5
MOTIF m2 QKI
letter-probability matrix: alength= 4 w= 4
0.25 0.25 0.25 0.25
0 1 0 0
0 0 1 0
0.1 0.2 0.3 0.4
"""


@specimen
def meme(folder):
    return Specimen({"m.meme": MEME}, read_meme, sound_motifs, examples=60)


def sound_genome(found):
    for name, codes in found.chromosomes(list(found.lengths)):
        assert len(codes) == found.lengths[name]
        assert not len(codes) or codes.max() <= 4


def small_genome(folder):
    rng = np.random.default_rng(2)
    return genomes.write(folder / "g.fa", {"chr1": genomes.letters(200, rng, 0.1), "chr2": genomes.letters(90, rng)})


@specimen
def genome(folder):
    small_genome(folder)
    return Specimen(of_folder(folder), Genome, sound_genome, examples=60)


@specimen
def genome_with_its_index(folder):
    path = small_genome(folder)
    Genome(path)
    return Specimen(of_folder(folder), Genome, sound_genome, as_first, named=("g.fa",), examples=80)


@specimen
def track(folder):
    import pybigtools

    path = folder / "t.bw"
    pybigtools.open(str(path), "w").write({"chr1": 300}, [("chr1", i, i + 1, i / 300) for i in range(0, 300, 3)])

    def read(path):
        found = Track(path)
        spans = np.array([[0, 10, 250]]), np.array([[9, 200, 400]])
        return found.lengths, found.means(np.array(["chr1"]), spans)

    def sound(found):
        lengths, means = found
        assert all(length >= 0 for length in lengths.values())
        assert means.shape == (1, 3)
        assert np.isfinite(means).all()

    return Specimen(of_folder(folder), read, sound, examples=60)


# evidence


def sound_expression(found):
    assert len(found.means)
    assert np.isfinite(found.means.to_numpy(float)).all()
    assert (found.means >= 0).all(axis=None)
    assert set(found.replicates["tissue"]) == set(found.means.columns)


@specimen
def long_expression(folder):
    text = b"gene_name,tissue,tpm,replicate\nQKI,liver,3.5,1\nQKI,heart,0,1\nA1CF,liver,80,1\nA1CF,heart,2e1,1\n"
    return Specimen({"tpm.csv": text}, read_expression, sound_expression, examples=60)


@specimen
def wide_expression(folder):
    text = b"gene_id\tgene\tliver\theart\nE1\tQKI\t3.5\t0\nE2\tA1CF\t80\t20\nE3\tQKI\t1\t2\n"
    return Specimen({"tpm.tsv": text}, read_expression, sound_expression, examples=60)


def sound_sites(found):
    assert list(found.table.columns) == ["chrom", "start", "end", "strand", "tags"]
    if len(found):
        assert found.table[["start", "end"]].dtypes.eq(np.int64).all()
    assert (found.table["start"] >= 0).all()
    assert (found.table["start"] < found.table["end"]).all()
    assert found.table["strand"].isin(["+", "-"]).all()
    assert (found.table["tags"].isna() | (found.table["tags"] >= 0)).all()


@specimen
def bed(folder):
    text = b"track name=x\nchr1\t100\t105\ts1\t3\t+\nchr2\t7\t9\ts2\t0\t-\n"
    return Specimen({"QKI.bed": text}, read_sites, sound_sites, examples=200)


@specimen
def cims(folder):
    rows = (
        b"#chrom\tchromStart\tchromEnd\tname\tscore\tstrand\ttagNumber(k)\tmutationFreq(m)\tFDR\tcount(>=m,k)\n"
        b"chr1\t100\t101\ts1[k=9][m=3]\t3\t+\t9\t3\t0.001\t2\nchr2\t7\t8\ts2[k=2][m=1]\t1\t-\t2\t1\t0.5\t40\n"
    )
    return Specimen({"QKI.txt": rows}, read_sites, sound_sites, examples=200)


@specimen
def knockout(folder):
    def sound(found):
        n = len(found.events)
        assert found.enhanced.shape == found.repressed.shape == found.unmoved.shape == (n,)
        assert not (found.enhanced & found.repressed).any()

    return Specimen({"QKI.txt": table("rmats")}, read_response, sound, examples=30)


# runs


def a_run(folder):
    """A finished run of splicing of 50 exons, half of them more included in liver, as far as others read it."""
    rng = np.random.default_rng(4)
    lengths = {"chr1": 30_000}
    rows = genomes.triplets(lengths, 50, rng)
    genomes.write(folder / "g.fa", {"chr1": genomes.letters(30_000, rng)})
    (folder / "a.gtf").write_text("nothing that is read here\n")
    events = [["event_id", "chrom", "strand", *COORDINATES, "psi_heart", "psi_liver"]]
    events += [[i, row.chrom, row.strand, *row.coordinates, 0.3, 0.8] for i, row in enumerate(rows)]
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in events)
    (folder / "events.csv").write_text(text + "\n")
    changes = "".join(f"{i},heart,liver,{0.5 * (i % 2)},0.001\n" for i in range(len(rows)))
    (folder / "changes.csv").write_text("event_id,condition_1,condition_2,dpsi,p_adjusted\n" + changes)
    study = Study(
        folder / "run", events=(folder / "events.csv",), fasta=folder / "g.fa", gtf=folder / "a.gtf",
        changes=folder / "changes.csv", condition="liver", min_others=1, n_samples=20,
    )  # fmt: skip
    config = {"command": "splicing", "arguments": study.arguments(), "data": sources.located(study).hashes()}
    features = [["m1", "exon", "motif", True, "for", 0.2, 1e-3], ["m2", "exon", "k-mer", False, "", 0.1, 0.4]]
    return {
        "config.json": json.dumps(config).encode(),
        "summary.json": b"{}",
        "features.csv": pd.DataFrame(features, columns=list(NEEDED)).to_csv(index=False).encode(),
    }


@specimen
def finished_run(folder):
    def sound(found):
        table = found.meta_features
        assert len(table)
        assert table["significant"].dtype == bool
        assert np.isfinite(table.loc[table["significant"], ["magnitude", "p_adjusted"]].to_numpy(float)).all()
        assert all(len(mask) == len(found.events) for mask in found.sets.values())

    return Specimen(a_run(folder), read_run, sound, named=("RUN", "--", "events.csv"), examples=25)


@specimen
def kept_features(folder):
    """A cache, which is taken or is as good as none."""
    events = genomes.events_of(genomes.triplets({"chr1": 9000}, 5, np.random.default_rng(0)))
    values = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    names = [["a", "exon", "motif", "m1", "bits"], ["b", "exon", "k-mer", "m2", "per 100 nt"]]
    columns = ["name", "region", "kind", "meta_feature", "units"]
    how = {"version": "0", "files": {}, "structure": False, "events": "x"}
    np.save(folder / "features.npy", values)
    pd.DataFrame(names, columns=columns).to_csv(folder / "catalogue.csv", index=False)
    write_json(folder / "features.json", how)

    def sound(found):
        if found is not None:
            assert found.values.shape == (5, 2)
            assert found.values.dtype == np.float32
            assert np.isfinite(found.values).all()
            assert list(found.catalogue) == columns

    return Specimen(of_folder(folder), lambda path: sources._stored(path, how, events), sound, examples=60)


@specimen
def kept_table(folder):
    """Likewise."""
    pd.DataFrame({"meta_feature": ["a", "b"], "effect": [0.5, -1.25]}).to_csv(folder / "ours.csv", index=False)
    write_json(folder / "ours.json", {"how": {"method": "ours"}, "warnings": []})

    def read(path):
        return _kept(path / "ours.csv", {"method": "ours"})

    return Specimen(of_folder(folder), read, lambda found: None, examples=40)


@specimen
def world_json(folder):
    write_json(folder / "world.json", {"arguments": {"n_events": 400, "tissue": "liver"}})
    return Specimen(
        of_folder(folder), lambda path: sources.arguments_of(path.parent),
        lambda found: None if found is None else isinstance(found, dict),
    )  # fmt: skip


@specimen
def truth_tables(folder):
    frame = pd.DataFrame(
        {"meta_feature": ["a", "b"], "kind": ["motif", "k-mer"], "liver": [0.5, 0.0], "heart": [-1.0, 0.3]}
    )
    frame.to_csv(folder / "meta_features.csv", index=False)

    def read(path):
        return truth.read_truth(path.parent, ["liver", "heart"], ["a", "b", "c"])

    def sound(found):
        assert found.causal.shape == found.shows.shape == (3,)

    return Specimen(of_folder(folder), read, sound)


# what the law found, kept


LATE = "9" * 30


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("majiq", "1100-1501;", "na-1501;", "junctions of which both ends are known"),
        ("majiq", "1100-1501;", f"1100-{LATE};", "START-END"),
        ("rmats", "\t1500\t", f"\t{LATE}\t", "at most 15 digits"),
        ("vast", "1501-1560", f"1501-{LATE}", "an exon such as"),
        ("vast", "chr1", "1", "expected one naming"),
        ("plain", "1500", LATE, "at most 15 digits"),
        ("plain", "\nb,", '\n"b,', "no cell over several lines"),
    ],
)
def test_tables_of_events_are_refused_by_their_name(tmp_path, kind, old, new, said):
    separator = "," if kind == "plain" else "\t"
    rows = table(kind).decode().splitlines(keepends=True)
    text = "".join([*rows[:-1], rows[-1].replace("chr1", "1")]) if said == "expected one naming" else None
    text = text or "".join(rows).replace(old, new, 1)
    assert separator in text
    path = tmp_path / "table"
    path.write_text(text + ('c"' if new.startswith('\n"') else ""))
    with pytest.raises(ValueError, match=f"table.*{said}") as refused:
        read_events(path)
    assert "\n" not in str(refused.value)


def test_an_annotation_is_refused_by_its_name_and_one_of_overlapping_exons_is_read(tmp_path):
    path = annotation(tmp_path / "a.gtf", {"g1": [A, B]})
    with pytest.raises(ValueError, match=r"a\.gtf: got no transcript of three exons"):
        constitutive_exons(path)
    path.write_text(path.read_text().replace("\t101\t", f"\t{LATE}\t"))
    with pytest.raises(ValueError, match=r"a\.gtf, entry 3: got '9+' as start, expected a whole number"):
        constitutive_exons(path)
    annotation(path, {"g1": [A, B, C, D, E], "h1": [A, (40, 60), B]})
    assert len(constitutive_exons(path)) > 0


def test_an_index_of_another_genome_is_refused(tmp_path):
    path = small_genome(tmp_path)
    Genome(path)
    index = path.with_name("g.fa.fai")
    for old, new in (("200", "5000000000"), ("chr1\t200", "chr1\t201")):
        index.write_text(index.read_text().replace(old, new))
        with bounded(), pytest.raises(ValueError, match=r"g\.fa: "):
            Genome(path).chromosome("chr1")


def test_expression_of_one_unnamed_tissue_or_without_an_end_is_refused(tmp_path):
    path = tmp_path / "e.csv"
    for text, said in (
        ("gene,tpm,liver\nA,1,2\n", "none of the tissue"),
        ("gene,x\nA,1e308\nA,1e308\n", "at most 1e\\+15"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"e\.csv.*{said}"):
            read_expression(path)
