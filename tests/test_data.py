"""Examples are checked at the door, splits are fair, files are read whole and written whole."""

import gzip
import json
import math
import os
import re
import stat
import threading

import numpy as np
import pytest
import torch

from eigrad.data import IDX_TYPES, Examples, one_line, read_idx, require_whole, split, write_atomic, write_json


def examples(n=60, shape=(3, 4), n_labels=5):
    values = np.arange(n * math.prod(shape), dtype=np.float32).reshape(n, *shape)
    return Examples(values, np.arange(n) % n_labels, tuple(f"f{i}" for i in range(math.prod(shape))))


def idx(array, code=None, n_axes=None, shape=None):
    """An IDX file's bytes; the header can be made to lie."""
    big_endian = array.dtype.newbyteorder(">")
    code = {np.dtype(name): code for code, name in IDX_TYPES.items()}[big_endian] if code is None else code
    sizes = array.shape if shape is None else shape
    header = bytes([0, 0, code, len(sizes) if n_axes is None else n_axes]) + np.array(sizes, ">u4").tobytes()
    return header + array.astype(big_endian).tobytes()


# Examples


def test_examples_know_their_size_and_shape():
    whole = examples()
    assert (len(whole), whole.shape, whole.n_features) == (60, (3, 4), 12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_examples_refuse_what_is_not_finite_and_say_where(bad):
    values = examples().values.copy()
    values[7, 1, 2] = values[9, 0, 0] = bad
    with pytest.raises(ValueError, match=r"2 of 60 samples hold NaN or infinite values \(the first is number 7\)"):
        Examples(values, examples().labels, examples().feature_names)


@pytest.mark.parametrize("shape", [(0, 12), (60, 0), (60,)])
def test_examples_refuse_emptiness(shape):
    names = tuple(f"f{i}" for i in range(math.prod(shape[1:]) if len(shape) > 1 else 1))
    with pytest.raises(ValueError, match="expected \\(samples, features"):
        Examples(np.zeros(shape, np.float32), np.zeros(shape[0], int), names)


def test_examples_refuse_labels_and_names_that_do_not_fit():
    whole = examples()
    with pytest.raises(ValueError, match="59 labels for 60 samples"):
        Examples(whole.values, whole.labels[1:], whole.feature_names)
    with pytest.raises(ValueError, match="11 feature names, expected one for each of 12"):
        Examples(whole.values, whole.labels, whole.feature_names[1:])


def test_take_accepts_positions_and_masks():
    whole = examples()
    mask = whole.labels == 3
    by_mask, by_position = whole.take(mask), whole.take(np.flatnonzero(mask))
    assert np.array_equal(by_mask.values, by_position.values)
    assert set(by_mask.labels) == {3}
    assert np.array_equal(whole.take(np.array([5, 2])).values, whole.values[[5, 2]])
    assert by_mask.feature_names == whole.feature_names


def test_of_class_takes_all_of_a_label_and_names_those_there_are():
    whole = examples()
    assert np.array_equal(whole.of_class(2).values, whole.values[2::5])
    with pytest.raises(ValueError, match="none has label 8, expected one of 0, 1, 2, 3, 4"):
        whole.of_class(8)


# splits


def rows(part):
    return part.values[:, 0, 0].astype(int) // 12


def test_parts_are_disjoint_and_complete_and_of_the_sizes_asked_for(seed):
    parts = split(examples(100), (0.5, 0.3, 0.2), seed)
    assert [len(part) for part in parts] == [50, 30, 20]
    assert sorted(np.concatenate([rows(part) for part in parts])) == list(range(100))


def test_every_label_keeps_its_proportion(seed):
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    whole = examples(100)
    whole = Examples(whole.values, labels, whole.feature_names)
    for part in split(whole, (0.5, 0.3, 0.2), seed):
        assert np.array_equal(np.bincount(part.labels) * 10, np.array([7, 2, 1]) * len(part))


def test_rows_keep_their_labels(seed):
    for part in split(examples(), (0.75, 0.25), seed):
        assert np.array_equal(part.labels, rows(part) % 5)


def test_a_split_follows_its_seed_alone(seed):
    whole = examples()
    first = split(whole, (0.4, 0.3, 0.3), seed)
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    torch.manual_seed(1)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = split(whole, (0.4, 0.3, 0.3), seed)
    other = split(whole, (0.4, 0.3, 0.3), seed + 1)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert all(np.array_equal(rows(a), rows(b)) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(rows(a), rows(b)) for a, b in zip(first, other, strict=True))


def test_the_largest_seed_splits_into_several_parts():
    assert len(split(examples(), (0.4, 0.3, 0.3), 2**32 - 1)) == 3


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (1.2, -0.2), (1.0, 0.0), ()])
def test_fractions_must_be_positive_and_sum_to_one(fractions, seed):
    with pytest.raises(ValueError, match="expected positive ones that sum to 1"):
        split(examples(), fractions, seed)


def test_too_few_of_a_label_are_refused_in_one_sentence(seed):
    whole = examples(61)
    labels = whole.labels.copy()
    labels[-1] = 17
    with pytest.raises(ValueError, match="61 examples of 6 labels, expected enough") as refused:
        split(Examples(whole.values, labels, whole.feature_names), (0.5, 0.5), seed)
    assert one_sentence(refused)


# IDX files


def one_sentence(refused):
    text = str(refused.value)
    return "\n" not in text and not text.endswith(".") and ". " not in text


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("rank", range(1, 9))
@pytest.mark.parametrize("name", IDX_TYPES.values())
def test_every_type_and_rank_comes_back(tmp_path, name, rank, zipped):
    array = (np.arange(math.prod(range(1, rank + 1))) - 3).astype(np.dtype(name)).reshape(range(1, rank + 1))
    path = tmp_path / "array-idx"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    read = read_idx(path)
    assert read.shape == array.shape
    assert np.array_equal(read, array)
    assert read.dtype.isnative
    assert read.dtype == array.dtype.newbyteorder("=")


def test_an_array_without_elements_is_whole(tmp_path):
    path = tmp_path / "empty-idx"
    path.write_bytes(idx(np.zeros((0, 3), ">u1")))
    assert read_idx(path).shape == (0, 3)


GOOD = idx(np.arange(24, dtype=">i2").reshape(2, 3, 4))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0\0", id="two bytes"),
        pytest.param(GOOD[:4], id="magic only"),
        pytest.param(GOOD[:9], id="half a header"),
        pytest.param(GOOD[:12], id="two sizes of three"),
        pytest.param(GOOD[:-1], id="a byte less"),
        pytest.param(GOOD + b"\0", id="a byte more"),
        pytest.param(b"\1" + GOOD[1:], id="magic"),
        pytest.param(GOOD[:2] + b"\x0a" + GOOD[3:], id="unknown type"),
        pytest.param(GOOD[:3] + b"\0" + GOOD[4:], id="no axis"),
        pytest.param(GOOD[:3] + b"\xff" + GOOD[4:], id="255 axes"),
        pytest.param(b"PK\3\4" + bytes(100), id="zip"),
        pytest.param(gzip.compress(GOOD)[:-9], id="truncated gzip"),
        pytest.param(gzip.compress(GOOD)[:12], id="gzip header"),
        pytest.param(gzip.compress(GOOD)[:-8] + bytes(8), id="gzip checksum"),
        pytest.param(gzip.compress(GOOD)[:10] + b"\xff" * 20, id="gzip stream"),
        pytest.param(gzip.compress(GOOD) + b"more", id="gzip and more"),
        pytest.param(gzip.compress(GOOD[:-1]), id="truncated inside gzip"),
        pytest.param(gzip.compress(b""), id="nothing inside gzip"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused_in_one_sentence_with_its_name(tmp_path, content):
    path = tmp_path / "array-idx3"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="array-idx3: ") as refused:
        read_idx(path)
    assert one_sentence(refused)


@pytest.mark.parametrize("shape", [(2**32 - 1,) * 2, (2**32 - 1,) * 8, (2**31, 2**31, 4), (2**16,) * 4])
def test_a_header_of_gigantic_size_is_refused_and_not_allocated(tmp_path, shape):
    path = tmp_path / "array-idx"
    path.write_bytes(idx(np.arange(3, dtype=">f8"), shape=shape))
    with pytest.raises(ValueError, match=f"expected {4 + 4 * len(shape) + 8 * math.prod(shape)} by the header"):
        read_idx(path)


def test_a_file_that_is_not_there_or_a_folder_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: cannot be read"):
        read_idx(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder: cannot be read"):
        read_idx(tmp_path / "folder")


# writing


def test_a_block_that_ends_well_leaves_the_file_and_nothing_else(tmp_path):
    with write_atomic(tmp_path / "table.csv") as beside:
        assert beside.parent == tmp_path
        assert beside.suffix == ".csv"
        beside.write_text("whole")
        assert not (tmp_path / "table.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [None, "old"])
def test_a_block_that_fails_leaves_everything_as_it_was(tmp_path, error, old):
    path = tmp_path / "table.csv"
    if old is not None:
        path.write_text(old)

    def interrupted():
        with write_atomic(path) as beside:
            beside.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert [found.name for found in tmp_path.iterdir()] == ([] if old is None else ["table.csv"])
    assert old is None or path.read_text() == old


def test_a_rename_that_fails_leaves_no_litter(tmp_path):
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(OSError), write_atomic(tmp_path / "table.csv") as beside:  # noqa: PT011 - it differs by system
        beside.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("nan"), np.float64("-inf")])
def test_json_holds_finite_numbers_alone(tmp_path, bad):
    """NaN is no JSON: other readers refuse the file."""
    path = tmp_path / "summary.json"
    write_json(path, {"a": np.float32(0.5), "b": [np.int64(3), None]})
    with pytest.raises(ValueError, match=r"summary\.json: cannot be written \(.*\), expected finite numbers$"):
        write_json(path, {"a": [{"b": bad}]})
    assert [found.name for found in tmp_path.iterdir()] == ["summary.json"]
    assert json.loads(path.read_text()) == {"a": 0.5, "b": [3, None]}


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with write_atomic(tmp_path / "table.csv") as beside:
            beside.write_text("whole")
        assert stat.S_IMODE((tmp_path / "table.csv").stat().st_mode) == 0o666 & ~umask
    finally:
        assert os.umask(before) == umask


def test_a_reader_never_sees_a_part(tmp_path):
    path = tmp_path / "table.csv"
    lengths, done = set(), threading.Event()
    whole = {10_000, 20_000}
    path.write_bytes(bytes(10_000))

    def read():
        while not done.is_set():
            lengths.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(100):
        with write_atomic(path) as beside, beside.open("wb") as file:
            for _ in range(10):
                file.write(bytes(1_000 * (1 + i % 2)))
                file.flush()
    done.set()
    reader.join()
    assert lengths
    assert lengths <= whole


@pytest.mark.parametrize("value", [5, 5.0, np.int64(5), np.float32(5)])
def test_whole_numbers_are_taken_in_any_kind(value):
    found = require_whole("n", value, 5)
    assert (found, type(found)) == (5, int)


@pytest.mark.parametrize("value", [4, 5.5, np.inf, np.nan, None, True, "5", 5j])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=re.escape(f"n: got {value!r}, expected a whole number of at least 5")):
        require_whole("n", value, 5)


def test_errors_are_quoted_in_a_line():
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(OSError("x" * 900)) == "x" * 200
    assert one_line(RuntimeError()) == "RuntimeError"
