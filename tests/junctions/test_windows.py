"""Windows read, freed of copies, and parted so that relatives stay together."""

import gzip
import itertools

import numpy as np
import pandas as pd
import pytest
from tests.junctions.conftest import LENGTH, made_up

from eigrad.cases.junctions.windows import SHARED, load, relatives
from eigrad.sequence import LETTERS


def texts(examples):
    return {
        "".join(LETTERS[i] for i in row.argmax(0)): int(label)
        for row, label in zip(examples.values, examples.labels, strict=True)
    }


def written(tmp_path, table):
    path = tmp_path / "windows.csv"
    table.to_csv(path, index=False)
    return path


def test_what_ships_is_the_published_table():
    windows = load(None, 0)
    assert (windows.n_read, windows.n_duplicates, windows.n_contradictory) == (3190, 184, 2)
    assert len(windows.train) + len(windows.validation) + len(windows.test) == 3190 - 186
    assert windows.length == 60
    assert windows.train.values.shape[1:] == (4, 60)
    ambiguous = sum(
        ((part.values > 0) & (part.values < 1)).any(axis=1).any(axis=1).sum()
        for part in (windows.train, windows.validation, windows.test)
    )
    assert ambiguous == 15


def test_no_relative_of_a_training_window_is_tested():
    """Every pair of windows across the split, letter by letter."""
    windows = load(None, 1)
    words = [
        {text[i : i + SHARED] for text in texts(part) for i in range(60 - SHARED + 1)}
        for part in (windows.train, windows.validation, windows.test)
    ]
    for one, other in itertools.combinations(words, 2):
        assert not one & other


def test_relatives_are_found_through_others():
    """A shares with B, B with C, A not with C; D with none. In any order of the rows."""
    a, b, c, d = "AAAAACCCCC", "CCCCCGGGGG", "GGGGGTTTTT", "ACGTACGTAC"
    for order in itertools.permutations([a, b, c, d]):
        numbers = dict(zip(order, relatives(pd.Series(order), 5), strict=True))
        assert numbers[a] == numbers[b] == numbers[c] != numbers[d]
    assert len(set(relatives(pd.Series([a, b, c, d]), 6))) == 4


def test_copies_and_contradictions_are_left_out(tmp_path):
    table = made_up(40, 3)
    copies = pd.concat([table, table[:7], table[-2:].assign(label="EI")])
    windows = load(str(written(tmp_path, copies)), 0)
    assert (windows.n_read, windows.n_duplicates, windows.n_contradictory) == (129, 7, 4)
    known = dict(zip(table["sequence"][:-2], table["label"], strict=False))
    found = texts(windows.train) | texts(windows.validation) | texts(windows.test)
    assert {text: ("EI", "IE", "N")[label] for text, label in found.items()} == known


def test_the_seed_decides_the_split_and_the_order_of_classes_does_not_matter(tmp_path, data):
    first, again, other = load(str(data), 0), load(str(data), 0), load(str(data), 1)
    assert np.array_equal(first.test.values, again.test.values)
    assert texts(first.test) != texts(other.test)
    zipped = tmp_path / "windows.csv.gz"
    zipped.write_bytes(gzip.compress(data.read_bytes()))
    assert load(str(zipped), 0).hash == first.hash
    assert first.positions == tuple(range(1, LENGTH + 1)) * 4
    assert first.train.feature_names[LENGTH] == "C1"


GOOD = made_up(12, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.rename(columns={"label": "class"}), "has no column 'label'"),
        (lambda table: table.replace("IE", "acceptor"), "row 13: label is 'acceptor', expected one of EI, IE, N"),
        (
            lambda table: table.assign(sequence=table["sequence"].str[:-1]),
            "row 1: sequence has 19 letters, expected an even",
        ),
        (
            lambda table: table.assign(sequence=[*table["sequence"][:4], "ACGT", *table["sequence"][5:]]),
            "row 5: sequence has 4 letters",
        ),
        (
            lambda table: table.assign(sequence=["Z" * LENGTH, *table["sequence"][1:]]),
            "row 1: sequence has the letter 'Z'",
        ),
        (lambda table: table[:24], "got 0 different windows of the label N, expected at least 10"),
        (lambda table: table[:0], "got 0 different windows of the label EI"),
        (lambda table: table.assign(sequence="ACGT" * 5), "got 0 different windows of the label EI"),
    ],
)
def test_a_damaged_table_is_refused_by_row(tmp_path, change, said):
    path = written(tmp_path, change(GOOD))
    with pytest.raises(ValueError, match=r"windows\.csv") as error:
        load(str(path), 0)
    assert said in str(error.value)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"sequence,label\n" * 99, mtime=0)[:-20], b"\xff\xfe\x00"])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    path = tmp_path / "windows.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read .*expected a CSV table of windows"):
        load(str(path), 0)
    with pytest.raises(ValueError, match="cannot be read"):
        load(str(tmp_path / "nowhere.csv"), 0)
