"""One-hot sequences, against letters read one by one."""

import numpy as np
import pytest

from eigrad.sequence import IUPAC, LETTERS, one_hot


def test_every_letter_shares_one_between_the_nucleotides_it_stands_for():
    values = one_hot(["".join(IUPAC)])
    assert values.shape == (1, 4, len(IUPAC))
    assert values.dtype == np.float32
    for position, code in enumerate(IUPAC):
        expected = [1 / len(IUPAC[code]) if letter in IUPAC[code] else 0 for letter in LETTERS]
        assert np.allclose(values[0, :, position], expected, atol=1e-7)
    assert np.allclose(values.sum(axis=1), 1, atol=1e-6)


def test_codes_and_their_complements_stand_for_complementary_letters():
    """Reversing the rows of A, C, G, T complements; so does the complementary code."""
    codes, complements = "ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN"
    assert np.array_equal(one_hot([codes])[:, ::-1], one_hot([complements]))


def test_sequences_come_in_order_whatever_their_case(seed):
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, 4, (5, 7))
    sequences = ["".join(LETTERS[letter] for letter in row) for row in letters]
    values = one_hot([sequences[0].lower(), *sequences[1:]])
    assert np.array_equal(values.argmax(axis=1), letters)
    assert np.array_equal(one_hot([each.replace("T", "U") for each in sequences]), values)


@pytest.mark.parametrize(
    ("sequences", "said"),
    [
        ([], "got none"),
        ([""], "number 1 has 0 letters"),
        (["ACG", "AC"], "number 2 has 2 letters, expected 3 as in the first"),
        (["ACGT", "ACXT"], "number 2 has 'X' at position 3, expected a nucleotide"),
        (["AC-T"], "number 1 has '-' at position 3"),
    ],
)
def test_what_is_no_sequence_is_refused(sequences, said):
    with pytest.raises(ValueError, match=said):
        one_hot(sequences)
