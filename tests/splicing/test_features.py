"""Features against their slow definition, on both strands, at the ends of contigs and with unknown letters."""

import gzip
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
import RNA
from tests.splicing import genomes, slow

from eigrad.cases.splicing.features import REGIONS, Genome, Track, built_in, compute, from_consensus, read_meme, table
from eigrad.cases.splicing.features.genome import N, encoded, reverse_complement
from eigrad.cases.splicing.features.motifs import CHANCE
from eigrad.cases.splicing.features.regions import ACCEPTOR, DONOR, SITES
from eigrad.cases.splicing.features.structure import REACH, structure

N_EVENTS = 200
MOTIFS = [from_consensus("short", "YCAY"), from_consensus("long", "WUAAUURGC"), from_consensus("plain", "UGCAUG")]


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def chromosomes(rng):
    return {"chr1": genomes.letters(9000, rng, 0.01), "chr2": genomes.letters(7001, rng)}


@pytest.fixture(scope="module")
def rows(chromosomes, rng):
    return genomes.triplets({name: len(text) for name, text in chromosomes.items()}, N_EVENTS, rng)


@pytest.fixture(scope="module")
def events(rows):
    return genomes.events_of(rows)


@pytest.fixture(scope="module")
def genome(tmp_path_factory, chromosomes):
    return Genome(genomes.write(tmp_path_factory.mktemp("genome") / "genome.fa", chromosomes))


@pytest.fixture(scope="module")
def found(tmp_path_factory, chromosomes, rows):
    path = genomes.write(tmp_path_factory.mktemp("genome") / "genome.fa", chromosomes)
    return compute(genomes.events_of(rows), Genome(path), motifs=MOTIFS, progress=False)


def test_features_equal_a_slow_reference(found, chromosomes, rows):
    """Column by column, all of them."""
    donor, acceptor = slow.counted(0, 27, 36), slow.counted(1, 10, 33)
    slowly = []
    for row in rows:
        texts, sites = slow.sequences(row, chromosomes)
        values = []
        for text in texts:
            values += [value for k in (1, 2, 3) for value in slow.kmers(text, k)]
            values += [value for each in MOTIFS for value in slow.motif(text, each)]
        values += [slow.strength(text, counts) for text, counts in zip(sites, (donor, acceptor) * 2, strict=True)]
        values += slow.lengths(row, texts) + slow.frames(texts) + [slow.periodicity(text) for text in texts]
        slowly.append(values)
    expected = np.array(slowly)
    assert expected.shape == found.values.shape
    wrong = np.abs(found.values - expected).max(axis=0) > 2e-4
    assert not wrong.any(), found.catalogue[wrong]


def test_an_event_on_the_turned_genome_has_the_same_features(tmp_path, found, chromosomes, rows):
    """What is read of the reverse strand is what is read of the forward one; periods may begin elsewhere."""
    lengths = {name: len(text) for name, text in chromosomes.items()}
    path = genomes.write(tmp_path / "turned.fa", genomes.turned(chromosomes))
    other = compute(genomes.events_of(genomes.mirrored(rows, lengths)), Genome(path), motifs=MOTIFS, progress=False)
    assert np.allclose(found.values, other.values, atol=2e-5)


def test_the_order_of_events_and_the_size_of_batches_change_nothing(tmp_path, found, chromosomes, rows, monkeypatch):
    monkeypatch.setattr(table, "AT_ONCE", 7)
    genome = Genome(genomes.write(tmp_path / "genome.fa", chromosomes))
    order = np.random.default_rng(1).permutation(N_EVENTS)
    again = compute(genomes.events_of([rows[i] for i in order]), genome, motifs=MOTIFS, progress=False)
    assert again.event_ids == tuple(found.event_ids[i] for i in order)
    assert np.allclose(again.values, found.values[order], atol=1e-5)


def test_the_catalogue_describes_every_column(found):
    catalogue = found.catalogue
    assert list(catalogue) == ["name", "region", "kind", "meta_feature", "units"]
    assert len(catalogue) == found.values.shape[1] == len(found.names) == len(set(found.names))
    assert not catalogue.isna().any().any()
    assert (catalogue["units"] != "").all()
    assert set(REGIONS) <= set(catalogue["region"])
    column = dict(zip(found.names, found.values.T, strict=True))
    words = np.array([column[f"exon:{letter}"] for letter in "ACGU"])
    assert np.allclose(words.sum(axis=0), 1, atol=1e-6)
    of_motif = catalogue[catalogue["meta_feature"] == "exon:plain"]["name"].tolist()
    assert of_motif == ["exon:plain:affinity", "exon:plain:density", "exon:plain:cluster"]


@pytest.mark.parametrize("name", ["UGC", "A", "conservation", "periodicity", "strength", "structure", "open_included"])
def test_a_motif_named_like_another_meta_feature_is_refused(tmp_path, name):
    """Whether or not this catalogue has the other one; a longer word is no k-mer that is counted."""
    path = tmp_path / "motifs.meme"
    path.write_text(MEME.replace("RNCMPT2 RBFOX1", name))
    with pytest.raises(ValueError, match=rf"^motif {name}: got the name of another meta-feature \(.*:{name}\)"):
        table.catalogue(read_meme(path), conserved=False)
    path.write_text(MEME.replace("RNCMPT2 RBFOX1", f"{name}GCA"))
    assert f"exon:{name}GCA" in set(table.catalogue(read_meme(path), conserved=False)["meta_feature"])


def test_with_the_built_in_motifs_there_are_about_1400_features_in_800_groups(tmp_path, chromosomes, rows):
    genome = Genome(genomes.write(tmp_path / "genome.fa", chromosomes))
    values = compute(genomes.events_of(rows[:9]), genome, progress=False)
    assert 1300 <= values.values.shape[1] <= 1450
    assert 780 <= len(set(values.groups)) <= 900
    assert np.isfinite(values.values).all()


def test_codes_turn_around():
    assert encoded("ACGTUNacgtux").tolist() == [0, 1, 2, 3, 3, 4, 0, 1, 2, 3, 3, 4]
    codes = encoded("AACGTN")
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)
    assert np.array_equal(reverse_complement(codes), encoded("NACGTT"))


@pytest.mark.parametrize("consensus", ["YCAY", "UGCAUG", "WUAAUUR", "NNN", "GGAGWD"])
def test_hits_are_rare_words_or_the_best_ones(consensus):
    """Every word of that length, scored one by one."""
    motif = from_consensus("m", consensus)
    scores = np.array(
        [
            sum(motif.weights[i][letter] for i, letter in enumerate(word))
            for word in product(range(4), repeat=len(motif))
        ]
    )
    hits = scores >= motif.threshold
    assert hits[scores >= scores.max() - 1e-9].all()
    best = (scores >= scores.max() - 1e-9).mean()
    assert hits.mean() <= max(CHANCE, best) + 1e-12


def test_every_built_in_motif_is_cited_and_finds_its_own_consensus():
    motifs = built_in()
    assert len({motif.name for motif in motifs}) == len(motifs) >= 30
    for motif in motifs:
        assert any(character.isdigit() for character in motif.source)
        assert (motif.weights.max(axis=1).sum()) >= motif.threshold


MEME = """MEME version 4

ALPHABET= ACGU

MOTIF RNCMPT1 RBFOX1
letter-probability matrix: alength= 4 w= 4 nsites= 20 E= 0
0.1 0.2 0.3 0.4
0 0 0 1
1 0 0 0
0.25 0.25 0.25 0.25

MOTIF RNCMPT2 RBFOX1
letter-probability matrix: alength= 4 w= 3
0 1 0 0
0 0 1 0
0 0 0 1
"""


def test_meme_files_are_read(tmp_path):
    path = tmp_path / "motifs.meme"
    path.write_text(MEME)
    first, second = read_meme(path)
    assert (first.name, second.name) == ("RBFOX1", "RBFOX1-2")
    assert first.probabilities[0].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert len(second) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("MEME version 4", "# motifs"), "line 1: got '# motifs', expected 'MEME version 4'"),
        (("0 0 0 1\n1", "0 0 0 2\n1"), "line 8: got '0 0 0 2', expected four probabilities"),
        (("1 0 0 0\n0.25", "1 0 0\n0.25"), "line 9: got '1 0 0', expected four"),
        (("w= 3", "w= 2"), "line 13: got 2 positions, expected 3 to 30"),
        (("w= 3", "w= 5"), "line 17: got '', expected four"),
        (("MOTIF RNCMPT2 RBFOX1\n", ""), "line 12: got a matrix without a name"),
    ],
)
def test_damaged_meme_files_are_named_by_line(tmp_path, change, said):
    path = tmp_path / "motifs.meme"
    path.write_text(MEME.replace(*change))
    with pytest.raises(ValueError, match=r"motifs\.meme") as error:
        read_meme(path)
    assert said in str(error.value)


def test_a_meme_file_without_motifs_or_none_at_all_is_refused(tmp_path):
    (tmp_path / "m").write_text("MEME version 4\n")
    with pytest.raises(ValueError, match="has no motif"):
        read_meme(tmp_path / "m")
    with pytest.raises(ValueError, match="cannot be read"):
        read_meme(tmp_path / "nowhere")


def test_an_event_of_another_genome_is_refused(tmp_path, rows):
    genome = Genome(genomes.write(tmp_path / "g.fa", {"chr1": "ACGT" * 1000, "chr2": "ACGT" * 5000}))
    with pytest.raises(
        ValueError, match="beyond the 4000 letters of its chromosome, expected the genome of the events"
    ):
        compute(genomes.events_of(rows), genome, progress=False)
    other = Genome(genomes.write(tmp_path / "h.fa", {"1": "ACGT" * 5000}))
    with pytest.raises(ValueError, match=r"has no sequence 'chr1', expected the genome of the events \(it has 1"):
        compute(genomes.events_of(rows), other, progress=False)


@pytest.mark.parametrize(("opened", "said"), [(Genome, "a genome needs pyfaidx"), (Track, "track needs pybigtools")])
def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch, opened, said):
    monkeypatch.setitem(sys.modules, said.split()[-1], None)
    with pytest.raises(ValueError, match=rf"{said}: pip install 'eigrad\[splicing\]'"):
        opened(tmp_path / "file")


def test_a_file_that_is_no_genome_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        Genome(tmp_path / "nowhere.fa")
    (tmp_path / "empty.fa").write_text("")
    with pytest.raises(ValueError, match=r"cannot be read|no sequence"):
        Genome(tmp_path / "empty.fa")


def test_no_events_and_no_nucleotides_are_refused(tmp_path, chromosomes, rows):
    genome = Genome(genomes.write(tmp_path / "genome.fa", chromosomes))
    with pytest.raises(ValueError, match="got no events"):
        compute(genomes.events_of(rows).take(np.zeros(N_EVENTS, bool)), genome)
    with pytest.raises(ValueError, match="got the letter 'X' in 'UGX'"):
        from_consensus("m", "UGX")


def test_conservation_is_the_mean_of_the_track(tmp_path, chromosomes, rows):
    import pybigtools

    from eigrad.cases.splicing.features.regions import region_spans

    rng = np.random.default_rng(3)
    track = {name: rng.random(len(text)).round(3) for name, text in chromosomes.items() if name == "chr1"}
    missing = rng.random(len(track["chr1"])) < 0.1
    path = tmp_path / "track.bw"
    writer = pybigtools.open(str(path), "w")
    writer.write(
        {"chr1": len(track["chr1"])},
        [("chr1", i, i + 1, float(v)) for i, v in enumerate(track["chr1"]) if not missing[i]],
    )
    events = genomes.events_of(rows[:40])
    genome = Genome(genomes.write(tmp_path / "genome.fa", chromosomes))
    features = compute(events, genome, motifs=[], conservation=Track(path), progress=False)
    column = dict(zip(features.names, features.values.T, strict=True))
    values = np.where(missing, 0, track["chr1"])
    for i, region in enumerate(REGIONS):
        for row, (chrom, start, end) in enumerate(
            zip(events.exons["chrom"], *(span[:, i] for span in region_spans(events)), strict=True)
        ):
            inside = values[max(start, 0) : end] if chrom == "chr1" else np.zeros(1)
            mean = inside.sum() / (end - start) if end > start else 0.0
            assert column[f"{region}:conservation"][row] == pytest.approx(mean, abs=1e-5)
    with pytest.raises(ValueError, match=r"cannot be read .*expected a bigWig file"):
        Track(genomes.write(tmp_path / "g.fa", chromosomes))


@pytest.mark.parametrize("name", ["1", "chr9"])
def test_a_track_with_none_of_the_events_chromosomes_is_refused(tmp_path, genome, rows, name):
    import pybigtools

    path = tmp_path / "track.bw"
    pybigtools.open(str(path), "w").write({name: 9000}, [(name, 0, 9000, 0.5)])
    said = rf"track\.bw: got chromosomes '{name}', expected those of the events, such as 'chr1'"
    with pytest.raises(ValueError, match=said):
        compute(genomes.events_of(rows), genome, motifs=[], conservation=Track(path), progress=False)


def test_the_catalogue_becomes_anndata_or_says_what_is_missing(found, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ValueError, match=r"pip install 'eigrad\[anndata\]'"):
        found.to_anndata()


def test_the_table_of_features_has_the_groups_of_significance(found):
    assert found.groups.tolist() == found.catalogue["meta_feature"].tolist()
    assert pd.Series(found.groups).value_counts().max() == 3


def test_structure_about_sites_is_that_of_each_window(events, genome):
    """Against windows cut by hand from the letters, folded one by one."""
    fold = RNA.fold_compound
    chosen = events.take(np.arange(0, len(events), 16))
    table = structure(chosen, genome, progress=False)
    assert table.shape == (len(chosen), 8)
    for row, event in enumerate(chosen.exons.to_dict("records")):
        codes, forward = genome.chromosome(event["chrom"]), event["strand"] == "+"
        ends = ("upstream_end", "exon_start", "exon_end", "downstream_start")
        if not forward:
            ends = ("upstream_start", "exon_end", "exon_start", "downstream_end")
        for i, (end, (before, after)) in enumerate(zip(ends, (DONOR, ACCEPTOR) * 2, strict=True)):
            padded = np.concatenate([np.full(REACH, N, np.uint8), codes, np.full(REACH, N, np.uint8)])
            window = padded[event[end] : event[end] + 2 * REACH]
            text = "".join("ACGUN"[code] for code in (window if forward else reverse_complement(window)))
            folded = fold(text)
            energy = folded.pf()[1]
            pairs = np.array(folded.bpp())
            paired = pairs.sum(0)[1:] + pairs.sum(1)[1:]
            assert table[row, 2 * i] == pytest.approx(1 - paired[REACH - before : REACH + after].mean(), abs=1e-5)
            assert table[row, 2 * i + 1] == pytest.approx(energy / (2 * REACH), abs=1e-5)


def test_structure_comes_with_features_or_says_what_is_missing(events, genome, monkeypatch):
    few = events.take(np.arange(5))
    plain, more = compute(few, genome, progress=False), compute(few, genome, structure=True, progress=False)
    assert (more.values[:, : len(plain.names)] == plain.values).all()
    assert (more.values[:, len(plain.names) :] == structure(few, genome, progress=False)).all()
    added = more.catalogue[more.catalogue["kind"] == "RNA structure"]
    assert added["name"].tolist() == [f"{site}:{kind}" for site in SITES for kind in ("accessibility", "folding")]
    monkeypatch.setitem(sys.modules, "RNA", None)
    with pytest.raises(ValueError, match=r"RNA structure needs ViennaRNA: pip install 'eigrad\[structure\]'"):
        compute(few, genome, structure=True, progress=False)


def test_motifs_are_read_from_gzipped_files(tmp_path):
    text = "MEME version 4\n\nMOTIF m1 NAME\nletter-probability matrix: w= 3\n1 0 0 0\n0 1 0 0\n0 0 0.5 0.5\n"
    plain, packed = tmp_path / "m.meme", tmp_path / "m.meme.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    first, second = read_meme(plain), read_meme(packed)
    assert [motif.name for motif in first] == [motif.name for motif in second] == ["NAME"]
    assert (first[0].probabilities == second[0].probabilities).all()
    packed.write_bytes(gzip.compress(text.encode())[:-9])
    with pytest.raises(ValueError, match=r"m\.meme\.gz: cannot be read"):
        read_meme(packed)
