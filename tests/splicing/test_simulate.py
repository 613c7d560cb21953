"""A simulated world is what its truth tables say: its files are those of a lab, and agree with each other."""

import gzip
import json
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eigrad.cases.splicing.events import merge, read_events
from eigrad.cases.splicing.features import REGIONS, Genome
from eigrad.cases.splicing.features.conservation import Track
from eigrad.cases.splicing.features.genome import encoded, reverse_complement
from eigrad.cases.splicing.features.motifs import built_in
from eigrad.cases.splicing.simulate import TISSUES, Programme, Settings, programme, simulate
from eigrad.cases.splicing.simulate.inclusion import regulation

N_EVENTS = 420
MOTIFS = {motif.name: motif for motif in built_in()}


def read(folder, name):
    return pd.read_csv(folder / "truth" / f"{name}.csv")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return simulate(Settings(tmp_path_factory.mktemp("world") / "w", n_events=N_EVENTS, seed=3))


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return simulate(Settings(tmp_path_factory.mktemp("control") / "w", N_EVENTS, "none", "liver", seed=2))


@pytest.fixture(scope="module", params=["world", "control"])
def either(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def genome(world):
    return Genome(world / "genome.fa")


@pytest.fixture(scope="module")
def exons_of(world):
    """Exons of every transcript in the order of the file, counted from 0 with exclusive ends."""
    found = {}
    for line in (world / "annotation.gtf").read_text().splitlines():
        chrom, _, kind, start, end, _, strand, _, names = line.split("\t")
        if kind == "exon":
            (transcript,) = re.findall(r'transcript_id "(.*?)"', names)
            found.setdefault((chrom, strand, transcript), []).append((int(start) - 1, int(end)))
    return found


@pytest.fixture(scope="module")
def measured(world):
    return merge([read_events(path) for path in sorted((world / "majiq").iterdir())])


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_genome(world, tmp_path):
    again = files_of(simulate(Settings(tmp_path / "again", n_events=N_EVENTS, seed=3)))
    first = files_of(world)
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []
    other = files_of(simulate(Settings(tmp_path / "other", n_events=N_EVENTS, seed=4)))
    assert first[next(name for name in first if name.name == "genome.fa")] not in other.values()


def test_the_world_is_as_large_as_asked_for(world):
    assert json.loads((world / "world.json").read_text())["n_events"] == len(read(world, "events"))
    assert abs(len(read(world, "events")) - N_EVENTS) <= 4
    assert abs(read(world, "events")["cassette"].mean() - 0.5) < 0.02


def test_sites_lie_where_the_truth_says_with_their_strand(world, genome):
    sites = read(world, "sites")
    assert set(sites["strand"]) == {"+", "-"}
    codes = {name: genome.chromosome(name) for name in genome.lengths}
    for site in sites.itertuples():
        letters = codes[site.chrom][site.start : site.end]
        letters = letters if site.strand == "+" else reverse_complement(letters)
        motif = MOTIFS[site.factor]
        assert motif.weights[np.arange(len(motif)), letters].sum() >= motif.threshold - 1e-5


def test_every_planted_effect_has_sites_in_its_region(world):
    sites, effects = read(world, "sites"), read(world, "effects")
    there = set(zip(sites["factor"], sites["region"], strict=True))
    assert there == set(zip(effects["factor"], effects["region"], strict=True))


def test_introns_begin_with_gt_and_end_with_ag(exons_of, genome):
    for (chrom, strand, _), exons in exons_of.items():
        codes = genome.chromosome(chrom)
        introns = [(end, start) for (_, end), (start, _) in pairwise(sorted(exons))]
        assert introns
        for start, end in introns:
            intron = codes[start:end] if strand == "+" else reverse_complement(codes[start:end])
            assert intron[:2].tolist() == encoded("GT").tolist()
            assert intron[-2:].tolist() == encoded("AG").tolist()


def test_exons_of_a_transcript_follow_its_strand(exons_of):
    assert {strand for _, strand, _ in exons_of} == {"+", "-"}
    for (_, strand, _), exons in exons_of.items():
        assert exons == sorted(exons, reverse=strand == "-")


def test_every_event_is_annotated_and_cassettes_are_skipped_by_one_transcript(world, exons_of):
    adjacent = set()
    for (chrom, strand, _), exons in exons_of.items():
        ordered = sorted(exons)
        adjacent |= {(chrom, strand, a[1], b[0]) for a, b in pairwise(ordered)}
    for event in read(world, "events").itertuples():
        chrom, places, strand = event.event_id.split(":")
        left, start, end, right = map(int, places.split("-"))
        assert {(chrom, strand, left, start), (chrom, strand, end, right)} <= adjacent
        assert ((chrom, strand, left, right) in adjacent) == event.cassette


def test_tables_measure_the_true_inclusion_of_cassette_exons(world, measured):
    truth = read(world, "events").set_index("event_id")
    assert set(measured.exons["event_id"]) <= set(truth.index[truth["cassette"]])
    assert len(measured) > 0.9 * truth["cassette"].sum()
    assert set(measured.conditions) == set(TISSUES)
    for tissue in TISSUES:
        error = (measured.psi[tissue] - truth.loc[measured.psi.index, tissue]).dropna()
        assert abs(error.mean()) < 0.02
        assert 0.02 < error.std() < 0.12  # noise from read counts, and no more


def test_the_sign_of_a_change_is_that_of_the_truth(world, measured):
    truth = read(world, "events").set_index("event_id")
    sure = measured.changes[measured.changes["probability_changing"] > 0.95]
    keys = zip(sure["event_id"], sure["condition_1"], sure["condition_2"], strict=True)
    true = [truth.loc[event, second] - truth.loc[event, first] for event, first, second in keys]
    assert len(sure) > 50
    assert (np.sign(true) == np.sign(sure["dpsi"])).mean() > 0.98


def test_regulation_is_the_sum_of_its_effects():
    how = programme("A1CF", "liver", "excluded", 5)
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.7, (11, len(how.motifs), len(REGIONS))).astype(float)
    names = [motif.name for motif in how.motifs]
    found = regulation(counts, how)
    for i in range(11):
        for t in range(len(TISSUES)):
            total = 0.0
            for factor in how.factors:
                for effect in factor.effects:
                    n = counts[i, names.index(factor.name), REGIONS.index(effect.region)]
                    total += factor.activity[t] * effect.size * (1 - np.exp(-n))
            for pair in how.together:
                region = REGIONS.index(pair.region)
                if all(counts[i, names.index(name), region] > 0 for name in (pair.first, pair.second)):
                    activity = {factor.name: factor.activity[t] for factor in how.factors}
                    total += pair.size * activity[pair.first] * activity[pair.second]
            assert found[i, t] == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("direction", ["included", "excluded"])
def test_only_the_planted_factor_is_at_home_in_the_tissue(direction):
    how = programme("A1CF", "liver", direction, 6)
    at_home = [f for f in how.factors if f.activity[TISSUES.index("liver")] == 1.0]
    assert [factor.name for factor in at_home] == ["A1CF"]
    downstream = next(e for e in at_home[0].effects if e.region == "downstream_intron_start")
    assert (downstream.size > 0) == (direction == "included")


def test_knocking_out_changes_only_exons_with_sites(world):
    events = read_events(world / "knockout" / "RBFOX1.deltapsi.tsv.gz")
    sites = read(world, "sites")
    bound = set(sites.loc[sites["factor"] == "RBFOX1", "event_id"])
    sure = events.changes[events.changes["probability_changing"] > 0.99]
    assert len(sure) >= 15
    assert np.mean([name in bound for name in sure["event_id"]]) > 0.97
    assert tuple(events.conditions) == ("hippocampus-wildtype", "hippocampus-RBFOX1-knockout")


def test_cross_links_lie_on_sites_and_a_fifth_as_many_anywhere(world):
    bed = pd.read_csv(world / "clip" / "RBFOX1.CIMS.bed", sep="\t")
    sites = read(world, "sites").query("factor == 'RBFOX1'")
    centers = set(zip(sites["chrom"], (sites["start"] + sites["end"]) // 2, sites["strand"], strict=True))
    on = [key in centers for key in zip(bed["#chrom"], bed["start"], bed["strand"], strict=True)]
    assert 0.5 < sum(on) / len(centers) < 0.7
    assert (bed["end"] - bed["start"] == 1).all()
    assert (bed["mutationFreq(m)"] <= bed["tagNumber(k)"]).all()
    assert bed["tagNumber(k)"][on].mean() > 2 * bed["tagNumber(k)"][~np.array(on)].mean()


def studied(folder):
    """Proteins with CLIP, and those of them that are decoys."""
    names = {path.name.removesuffix(".CIMS.bed") for path in (folder / "clip").iterdir()}
    return names, sorted(names & set(read(folder, "decoys")["motif"]))


def test_every_world_has_three_decoys_with_clip_and_a_knock_out_beside_its_factor(either):
    names, decoys = studied(either)
    factor = json.loads((either / "world.json").read_text())["arguments"]["factor"]
    assert len(decoys) == 3
    assert names == {*decoys} | ({factor} - {"none"})
    assert {path.name.removesuffix(".deltapsi.tsv.gz") for path in (either / "knockout").iterdir()} == names
    assert not set(decoys) & set(read(either, "effects")["factor"])
    expressed = pd.read_csv(either / "expression.csv").groupby("gene_name")["tpm"].mean()
    assert (expressed[decoys] > 1).all()


def occurrences(folder, motif):
    """Middles of a motif's occurrences in cassette exons and the 300 nt of introns beside them, found letter by letter,
    and how many places there were to look at."""
    genome, events = Genome(folder / "genome.fa"), read(folder, "events")
    width, found, n = len(motif), set(), 0
    for event in events.loc[events["cassette"], "event_id"]:
        chrom, places, strand = event.split(":")
        left, start, end, right = map(int, places.split("-"))
        before, after = min(300, (start - left) // 2), min(300, (right - end) // 2)
        codes = genome.chromosome(chrom)
        for first, last in ((start - before, start), (start, end), (end, end + after)):
            for at in range(first, last - width + 1):
                letters = codes[at : at + width]
                letters = letters if strand == "+" else reverse_complement(letters)
                n += 1
                if motif.weights[np.arange(width), letters].sum() >= motif.threshold - 1e-5:
                    found.add((chrom, at + width // 2, strand))
    return found, n


def test_cross_links_of_a_decoy_lie_on_its_motif_at_the_rates_of_a_factor(either):
    for name in studied(either)[1]:
        bed = pd.read_csv(either / "clip" / f"{name}.CIMS.bed", sep="\t")
        there, n = occurrences(either, MOTIFS[name])
        on = np.array([key in there for key in zip(bed["#chrom"], bed["start"], bed["strand"], strict=True)])
        assert 0.45 < on.sum() / len(there) < 0.75
        assert on.mean() > 10 * len(there) / n
        assert (~on).sum() == pytest.approx(0.2 * on.sum() + 20, rel=0.25)
        assert bed["tagNumber(k)"][on].mean() > 2 * bed["tagNumber(k)"][~on].mean()


def test_knocking_out_a_decoy_changes_no_exon(either):
    """Neither by the programme nor in the tables, in which nothing but noise stirs, at its sites or elsewhere."""
    given = json.loads((either / "world.json").read_text())["arguments"]
    planted = None if given["factor"] == "none" else given["factor"]
    how = programme(planted, given["tissue"], given["direction"], given["seed"])
    counts = np.random.default_rng(0).poisson(0.7, (11, len(how.motifs), len(REGIONS))).astype(float)
    truth = read(either, "events").set_index("event_id")[given["tissue"]]
    for name in studied(either)[1]:
        assert np.array_equal(regulation(counts, how.without(name)), regulation(counts, how))
        events = read_events(either / "knockout" / f"{name}.deltapsi.tsv.gz")
        assert tuple(events.conditions) == (f"{given['tissue']}-wildtype", f"{given['tissue']}-{name}-knockout")
        assert (events.changes["probability_changing"] > 0.95).mean() < 0.01
        error = events.psi.sub(truth.loc[events.psi.index], axis=0)
        assert (error.std() < 0.12).all()
        assert (error.mean().abs() < 0.02).all()
        moved = error.diff(axis=1).iloc[:, 1].dropna()
        assert abs(moved.mean()) < 3 * moved.sem()
    if planted is not None:
        assert not np.array_equal(regulation(counts, how.without(planted)), regulation(counts, how))


def test_decoys_are_drawn_apart_from_all_else(either, tmp_path, monkeypatch):
    """With one of them instead of three every other file is the same."""
    given = json.loads((either / "world.json").read_text())["arguments"]
    monkeypatch.setattr(sys.modules[Programme.__module__], "N_STUDIED", 1)
    one, three = files_of(simulate(Settings(tmp_path / "w", **given))), files_of(either)
    assert sorted(name.parts[0] for name in set(three) - set(one)) == ["clip"] * 2 + ["knockout"] * 2
    assert [name for name in one if one[name] != three[name]] == []


def test_exons_are_conserved_and_introns_are_not(world, measured):
    exons = measured.exons
    starts, ends = (exons[f"exon_{end}"].to_numpy(int)[:, None] for end in ("start", "end"))
    track = Track(world / "conservation.bw")
    chrom = exons["chrom"].to_numpy(object)
    inside = track.means(chrom, (starts, ends)).mean()
    beyond = track.means(chrom, (ends + 50, ends + 75)).mean()
    assert inside > 0.75
    assert beyond < 0.35


def test_a_factor_is_expressed_where_it_acts(world):
    table = pd.read_csv(world / "expression.csv")
    means = table[table["gene_name"] == "RBFOX1"].groupby("tissue")["tpm"].mean()
    assert means.idxmax() == "hippocampus"
    assert means.max() > 8 * means.drop("hippocampus").max()
    assert (table.groupby(["gene_name", "tissue"]).size() == 3).all()


def test_meta_features_that_are_causes_are_features(world):
    rows = read(world, "meta_features")
    motifs = rows[rows["kind"] == "motif"]
    effects = read(world, "effects")
    assert motifs["meta_feature"].tolist() == (effects["region"] + ":" + effects["factor"]).tolist()
    words = rows.query("cause == 'RBFOX1' and kind == 'k-mer'")["meta_feature"]
    assert {"downstream_intron_start:GCA", "downstream_intron_start:UGC"} <= set(words)


def test_a_control_world_has_no_factor_of_the_tissue(control):
    effects = read(control, "effects")
    assert not ((effects["liver"] == 1.0) & (effects["heart"] < 0.1)).any()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_events": 199}, "--n-events: got 199, expected at least 200"),
        ({"share_cassette": 0.6}, "--share-cassette: got 0.6, expected 0.05 to 0.5"),
        ({"seed": -1}, "--seed: got -1, expected at least 0"),
        ({"factor": "RBFOX9"}, "--factor: got 'RBFOX9', expected none or one of "),
        ({"tissue": "brain"}, "--tissue: got 'brain', expected one of hippocampus, "),
        ({"direction": "up"}, "--direction: got 'up', expected included or excluded"),
    ],
)
def test_refusals_before_anything_is_written(tmp_path, given, said):
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        simulate(Settings(**{"out": tmp_path / "w", **given}))
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", ["pybigtools", "pyfaidx"])
def test_a_missing_library_is_named_before_anything_is_written(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=rf"a simulated world needs {name}: pip install 'eigrad\[splicing\]'"):
        simulate(Settings(tmp_path / "w", n_events=200))
    assert not (tmp_path / "w").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no run of eigrad simulate"):
        simulate(Settings(tmp_path, n_events=200))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_older_world_leaves_nothing_behind(tmp_path):
    given = Settings(tmp_path / "w", n_events=200, seed=2)
    simulate(replace(given, factor="A1CF", tissue="liver"))
    for name in ("majiq/moon_sun.deltapsi.tsv.gz", "truth/old.csv", "clip/notes.txt"):
        (tmp_path / "w" / name).write_text("older")
    again, fresh = simulate(given), simulate(replace(given, out=tmp_path / "fresh"))
    assert set(files_of(again)) - set(files_of(fresh)) == {Path("clip/notes.txt")}
    assert not set(files_of(fresh)) - set(files_of(again))


def test_a_world_that_was_interrupted_does_not_pass_for_whole(tmp_path, monkeypatch):
    given = Settings(tmp_path / "w", n_events=200)
    simulate(given)
    assert (tmp_path / "w" / "world.json").exists()
    from eigrad.cases.splicing.simulate import files

    monkeypatch.setattr(files, "write_conservation", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        simulate(given)
    assert not (tmp_path / "w" / "world.json").exists()


def test_tables_are_gzipped_without_a_time(world):
    for path in (world / "majiq").iterdir():
        assert path.read_bytes()[4:8] == b"\0\0\0\0"
        assert gzip.decompress(path.read_bytes()).startswith(b"gene_name\tgene_id\tlsv_id")
