"""Motif maps: against letters read one by one, uniform where sets are random, and a planted place found again."""

import numpy as np
import pytest
from scipy import stats
from tests.splicing import genomes

from eigrad.cases.splicing.events.table import Triplet
from eigrad.cases.splicing.features import Genome, from_consensus
from eigrad.cases.splicing.regulators.motif_map import (
    EXON,
    INTRON,
    SIDES,
    WINDOW,
    Hits,
    frequencies,
    hits,
    windows,
)  # fmt: skip

MOTIF = from_consensus("plain", "UGCAUG")
LENGTHS = {"chr1": 30_000, "chr2": 21_001}
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(21)


@pytest.fixture(scope="module")
def chromosomes(rng):
    return {name: genomes.letters(n, rng, 0.01).replace("TACG", "TGCATG") for name, n in LENGTHS.items()}


@pytest.fixture(scope="module")
def events(chromosomes, rng):
    return genomes.events_of(genomes.triplets({name: len(text) for name, text in chromosomes.items()}, 90, rng))


@pytest.fixture(scope="module")
def found(tmp_path_factory, chromosomes, events):
    return hits(events, Genome(genomes.write(tmp_path_factory.mktemp("g") / "g.fa", chromosomes)), MOTIF)


def test_a_motif_begins_where_its_letters_stand(found, chromosomes, events):
    """Positions count from the site as the transcript runs; beyond the intron or the exon nothing is shown."""
    assert found.begins.any(axis=1).sum() > 20
    for row, event in enumerate(events.exons.to_dict("records")):
        text, forward = chromosomes[event["chrom"]], event["strand"] == "+"
        start, end = event["exon_start"], event["exon_end"]
        introns = (
            (event["upstream_end"], event["downstream_start"])
            if forward
            else (event["upstream_start"], event["downstream_end"])
        )
        for column, (side, position) in enumerate(zip(found.side, found.position, strict=True)):
            site = {True: {SIDES[0]: start, SIDES[1]: end}, False: {SIDES[0]: end, SIDES[1]: start}}[forward][side]
            at = site + position if forward else site - position - 6
            word = text[max(at, 0) : at + 6] if forward else text[max(at, 0) : at + 6][::-1].translate(COMPLEMENT)
            letter = site + position if forward else site - position - 1
            inside = (start <= letter < end) if (position >= 0) == (side == SIDES[0]) else not (start <= letter < end)
            edges = sorted((*introns, start, end))
            shown = inside and edges[0] <= letter < edges[-1]
            assert found.shown[row, column] == shown
            assert found.begins[row, column] == (shown and word == "TGCATG")


def made_up(rng, n, chance=0.01):
    position = np.concatenate([np.arange(-INTRON, EXON), np.arange(-EXON, INTRON)])
    side = np.repeat(np.array(SIDES, object), INTRON + EXON)
    shown = rng.random((n, len(position))) < 0.999
    return Hits((rng.random((n, len(position))) < chance) & shown, shown, side, position)


def test_windows_are_tested_as_fisher_would_one_by_one(rng):
    found = made_up(rng, 80)
    sets = {"mine": rng.random(80) < 0.4, "all": rng.random(80) < 0.9}
    table = windows(found, sets, "all")
    other = sets["all"] & ~sets["mine"]
    assert len(table) == 2 * (INTRON + EXON - WINDOW + 1)
    for row in table.iloc[::37].to_dict("records"):
        columns = np.flatnonzero(
            (found.side == row["side"])
            & (found.position >= row["position"])
            & (found.position < row["position"] + WINDOW)
        )
        assert len(columns) == WINDOW
        whole = found.shown[:, columns].all(axis=1)
        there = found.begins[:, columns].any(axis=1)
        counts = [[(there & whole & each).sum(), (~there & whole & each).sum()] for each in (sets["mine"], other)]
        assert row["p_value"] == pytest.approx(stats.fisher_exact(counts)[1])
        assert row["fraction"] == pytest.approx(counts[0][0] / sum(counts[0]))
        assert row["p_adjusted"] == pytest.approx(min(1, row["p_value"] * len(table)))


def test_shuffled_sets_are_significant_no_more_often_than_they_should(rng):
    """Fisher's test on few hits is conservative: at most the nominal share over draws, at several levels."""
    found = made_up(rng, 600, 0.02)
    everyone = np.ones(600, bool)
    draws = [windows(found, {"mine": rng.permutation(600) < 250, "all": everyone}, "all") for _ in range(20)]
    p = np.concatenate([table["p_value"].to_numpy()[::20] for table in draws])
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(p <= level) < level + 3 * np.sqrt(level * (1 - level) / len(p))
    assert np.mean(p <= 0.5) > 0.3


@pytest.mark.parametrize(("side", "place"), [(SIDES[0], -120), (SIDES[1], 75), (SIDES[1], -30)])
def test_a_planted_place_is_found_within_a_window(rng, side, place):
    found = made_up(rng, 500)
    mine = rng.permutation(500) < 150
    column = np.flatnonzero((found.side == side) & (found.position == place))
    found.begins[np.ix_(np.flatnonzero(mine)[:60], column)] = True
    table = windows(found, {"mine": mine, "all": np.ones(500, bool)}, "all")
    best = table.loc[table["p_value"].idxmin()]
    assert (best["side"], abs(best["position"] + WINDOW / 2 - place) <= WINDOW) == (side, True)
    assert best["p_adjusted"] < 1e-6


def test_frequencies_are_smoothed_within_a_side(rng):
    found = made_up(rng, 50, 0.1)
    chosen = rng.random(50) < 0.5
    table = frequencies(found, {"mine": chosen})
    shown, begins = found.shown[chosen].sum(0), found.begins[chosen].sum(0)
    np.testing.assert_allclose(table["frequency"], begins / shown)
    for side in SIDES:
        part = table[table["side"] == side].reset_index(drop=True)
        middle = part["frequency"].iloc[100 - WINDOW // 2 : 100 + WINDOW // 2].mean()
        assert part["smoothed"][100] == pytest.approx(middle)


def test_refusals(rng):
    with pytest.raises(ValueError, match="background: got 'none', expected one of the sets, mine"):
        windows(made_up(rng, 5), {"mine": np.ones(5, bool)}, "none")


def test_an_exon_without_a_motif_anywhere_has_no_hits(tmp_path):
    path = genomes.write(tmp_path / "g.fa", {"chr1": "A" * 2000})
    one = genomes.events_of([Triplet("g", "G", "chr1", "-", [1500, 1550, 900, 1000, 300, 400])])
    found = hits(one, Genome(path), MOTIF)
    assert not found.begins.any()
    assert found.shown.sum() == 2 * (INTRON + EXON)
