"""Motifs find themselves and their kin; k-mers that overlap become the motif they come from."""

import sys

import numpy as np
import pytest
import torch

from eigrad.cases.splicing.features import built_in, from_consensus
from eigrad.cases.splicing.regulators.alignment import align, consensus, from_words, word_groups

KNOWN = built_in()


def test_every_motif_finds_itself_first():
    table = align(KNOWN[:12], KNOWN)
    best = table.groupby("query", sort=False).first()
    assert (best["p_value"] < 1e-3).all()
    own = [motif.name for motif in KNOWN[:12]]
    alike = table[table["query"] == table["target"]]
    assert alike["query"].tolist() == own
    assert (alike["offset"] == 0).all()
    assert alike["overlap"].tolist() == [len(motif) for motif in KNOWN[:12]]
    assert (table.groupby("query").size() == 10).all()
    assert (table.groupby("query")["p_value"].apply(lambda p: p.is_monotonic_increasing)).all()


def test_pytorch_keeps_its_threads():
    torch.rand(3).sum()
    align(KNOWN[:2], KNOWN)
    assert torch.get_num_threads() == 1


def test_values_are_adjusted_within_a_query():
    table = align(KNOWN[:2], KNOWN, most=None)
    assert len(table) == 2 * len(KNOWN)
    np.testing.assert_allclose(table["e_value"], table["p_value"] * len(KNOWN))
    for _, part in table.groupby("query"):
        p = part["p_value"].to_numpy()
        adjusted = np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
        np.testing.assert_allclose(part["q_value"], np.minimum(adjusted, 1))


def test_the_other_strand_is_not_asked():
    """CAUGCA is UGCAUG read backwards on the other strand: RNA has none."""
    turned = from_consensus("turned", "AAACGU")  # ACGUUU on the other strand
    targets = [from_consensus("forward", "ACGUUU"), *(motif for motif in KNOWN if motif.name != "x")]
    table = align([turned], targets, most=None).set_index("target")
    same = align([from_consensus("same", "ACGUUU")], targets, most=None).set_index("target")
    assert table.loc["forward", "p_value"] > 100 * same.loc["forward", "p_value"]


@pytest.mark.parametrize("weights", [[5, 4, 3, 2, 1], [3, 3, 5, 4, 1], None])
def test_k_mers_of_one_motif_are_put_together(weights):
    """Words of a motif in which no two letters in a row stand twice: they fit together in one way."""
    words = ["GUA", "UAC", "ACA", "CAU", "AUU"]
    (motif,) = from_words(words, weights)
    assert consensus(motif) == "GUACAUU"
    assert motif.name.endswith(" and 2 more")
    np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1)
    table = align([motif], [*KNOWN, from_consensus("mine", "GUACAUU")])
    assert (table["target"].iloc[0], table["target_consensus"].iloc[0]) == ("mine", "GUACAUU")


def test_k_mers_that_do_not_fit_stay_apart():
    assert word_groups(["UUU", "GCA", "UGC", "GAU"], [1, 2, 3, 0.5]) == [["UGC", "GCA"], ["UUU"], ["GAU"]]
    assert len(from_words(["AAA", "CCC", "GGG", "UUU"])) == 4
    assert from_words([]) == []


def test_weights_decide_between_letters():
    (motif,) = from_words(["GCA", "GCU"], [3.0, 1.0])
    assert consensus(motif) == "GCA"
    np.testing.assert_allclose(motif.probabilities[2], [0.7, 0.025, 0.025, 0.25], atol=1e-12)
    with pytest.raises(ValueError, match="got 1 weights for 2 words, expected one each"):
        from_words(["GCA", "GCU"], [1.0])


def test_refusals():
    with pytest.raises(ValueError, match="alignment: got no motifs to align"):
        align([], KNOWN)
    with pytest.raises(ValueError, match="alignment: got 1 targets, expected at least 2"):
        align(KNOWN[:1], KNOWN[:1])


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "memelite", None)
    with pytest.raises(ValueError, match=r"an alignment of motifs needs memelite: pip install 'eigrad\[splicing\]'"):
        align(KNOWN[:2], KNOWN)
