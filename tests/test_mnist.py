"""Digits are read from the package, a folder or a download, and split fairly; what is no such file is refused."""

import gzip
import hashlib
import sys

import numpy as np
import pooch
import pytest

from eigrad.cases.digits import mnist

TYPES = {np.dtype("u1"): 8, np.dtype("i1"): 9, np.dtype(">i4"): 12, np.dtype(">f4"): 13}


def idx(array):
    header = bytes([0, 0, TYPES[array.dtype], array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def images(n, seed=0):
    """N random images of bytes, with 0 and 255 among them."""
    drawn = np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    drawn[:, 0, 0], drawn[:, 27, 27] = 0, 255
    return drawn


def labels(n):
    return (np.arange(n) % 10).astype(np.uint8)


def write(folder, part, values, digits, zipped=False, dotted=False):
    for kind, array, rank in (("images", values, 3), ("labels", digits, 1)):
        name = f"{part}-{kind}{'.' if dotted else '-'}idx{rank}-ubyte{'.gz' if zipped else ''}"
        (folder / name).write_bytes(gzip.compress(idx(array)) if zipped else idx(array))


def rows(examples):
    return {image.tobytes() for image in examples.values}


def in_one_sentence(refused):
    text = str(refused.value)
    return "\n" not in text and not text.endswith(".") and ". " not in text


@pytest.fixture(scope="module")
def shipped():
    return mnist.load(None, 0)


# the images in the package


def test_the_package_holds_ten_thousand_digits_of_the_mnist_test_set(shipped):
    parts = (shipped.train, shipped.validation, shipped.test)
    assert [len(part) for part in parts] == [7333, 667, 2000]
    counts = np.bincount(np.concatenate([part.labels for part in parts]))
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    for part in parts:
        assert part.shape == (1, 28, 28)
        assert part.values.dtype == np.float32
        assert (part.values.min(), part.values.max()) == (0, 1)
        assert part.labels.dtype == np.int64
    assert shipped.source == "10,000 images in the package"


def test_features_are_named_by_row_and_column(shipped):
    names = shipped.train.feature_names
    assert len(set(names)) == 784
    assert [names[i] for i in (0, 27, 28, 28 * 13 + 7, 783)] == ["r00c00", "r00c27", "r01c00", "r13c07", "r27c27"]


def test_the_parts_share_no_image_and_every_digit_keeps_its_proportion(shipped):
    parts = (shipped.train, shipped.validation, shipped.test)
    assert len(set.union(*map(rows, parts))) == 10_000
    whole = np.bincount(np.concatenate([part.labels for part in parts]))
    for part in parts:
        assert np.abs(np.bincount(part.labels) - whole * len(part) / 10_000).max() < 2


def test_the_split_follows_the_seed_alone(shipped):
    again, other = mnist.load(None, 0), mnist.load(None, 1)
    for name in ("train", "validation", "test"):
        first, second, third = (rows(getattr(digits, name)) for digits in (shipped, again, other))
        assert first == second
        assert first != third
    assert shipped.hash == again.hash == other.hash


# a folder


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("part", ["train", "t10k"])
def test_a_single_pair_is_split(tmp_path, part, zipped, dotted, seed):
    write(tmp_path, part, images(190), labels(190), zipped, dotted)
    digits = mnist.load(str(tmp_path), seed)
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part) for part in parts] == [139, 13, 38]
    scaled = images(190).astype(np.float32) / np.float32(255)
    assert set.union(*map(rows, parts)) == {image.tobytes() for image in scaled}
    by_image = {image.tobytes(): label for image, label in zip(scaled, labels(190), strict=True)}
    for part in parts:
        assert [by_image[image.tobytes()] for image in part.values] == part.labels.tolist()
    assert digits.source == tmp_path.name


def test_a_pair_of_pairs_keeps_its_own_test_set(tmp_path, seed):
    write(tmp_path, "train", images(120, 1), labels(120))
    write(tmp_path, "t10k", images(30, 2), labels(30), zipped=True)
    digits = mnist.load(str(tmp_path), seed)
    assert np.array_equal(digits.test.values[:, 0], images(30, 2) / np.float32(255))
    assert digits.test.labels.tolist() == labels(30).tolist()
    assert (len(digits.train), len(digits.validation)) == (110, 10)
    assert len(rows(digits.train) | rows(digits.validation)) == 120


def test_the_hash_is_of_the_content_whatever_the_file_is_called_or_packed(tmp_path, seed):
    found = set()
    for name, zipped, dotted in (("plain", False, False), ("zipped", True, False), ("dotted", False, True)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "train", images(190), labels(190), zipped, dotted)
        found.add(mnist.load(str(tmp_path / name), seed).hash)
    other = labels(190)
    other[:2] = other[1::-1]
    write(tmp_path, "train", images(190), other)
    swapped = mnist.load(str(tmp_path), seed).hash
    write(tmp_path, "train", 255 - images(190), labels(190))
    assert len({*found, swapped, mnist.load(str(tmp_path), seed).hash}) == 3
    values = images(190).astype(np.float32) / np.float32(255)
    expected = hashlib.sha256(values.tobytes() + labels(190).astype(np.int64).tobytes())
    assert found == {expected.hexdigest()}


def test_numbers_other_than_bytes_are_taken_as_they_are(tmp_path, seed):
    values = (images(190) / 255).astype(">f4")
    write(tmp_path, "train", values, labels(190).astype(">i4"))
    digits = mnist.load(str(tmp_path), seed)
    assert rows(digits.train) < {image.astype(np.float32).tobytes() for image in values}
    assert digits.train.values.dtype == np.float32


# refusals


def holed(value):
    values = (images(120) / 255).astype(">f4")
    values[7, 3, 4] = value
    return values


def with_label(value, dtype=np.uint8):
    digits = labels(120).astype(dtype)
    digits[3] = value
    return digits


@pytest.mark.parametrize(
    ("values", "digits", "sentence"),
    [
        (images(120), labels(119), r"labels-idx1-ubyte: got labels of shape \(119,\), expected one for each of 120"),
        (images(120), labels(120)[:, None], r"got labels of shape \(120, 1\), expected one for each"),
        (images(120), with_label(11), "labels-idx1-ubyte: got labels other than whole numbers from 0 to 9"),
        (images(120), with_label(-1, np.int8), "got labels other than whole numbers from 0 to 9"),
        (images(120), with_label(2.5, ">f4"), "got labels other than whole numbers from 0 to 9"),
        (
            images(120)[:, :27],
            labels(120),
            r"images-idx3-ubyte: got an array of shape \(120, 27, 28\), expected images",
        ),
        (images(120).reshape(120, 784), labels(120), r"got an array of shape \(120, 784\), expected images of 28 x 28"),
        (images(0), labels(0), r"got an array of shape \(0, 28, 28\), expected images"),
        (holed(np.nan), labels(120), r"images-idx3-ubyte: .*1 of 120 samples hold NaN .*number 7\)"),
        (holed(-np.inf), labels(120), "1 of 120 samples hold NaN or infinite values"),
        (holed(1.5), labels(120), "images-idx3-ubyte: got values from 0 to 1.5, expected bytes or numbers from 0 to 1"),
        (holed(-0.5), labels(120), "got values from -0.5 to 1, expected"),
        (images(30), labels(30).clip(0, 8), "expected enough for every label to be in each part"),
    ],
)
def test_arrays_that_are_no_digits_are_refused(tmp_path, values, digits, sentence, seed):
    write(tmp_path, "train", values, digits)
    with pytest.raises(ValueError, match=sentence) as refused:
        mnist.load(str(tmp_path), seed)
    assert in_one_sentence(refused)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: raw[:-1], "by the header; the file is not whole"),
        (lambda raw: b"\1" + raw[1:], "starts with '01 00 08 0[13]', expected an IDX file"),
        (lambda raw: gzip.compress(raw)[:-9], "cannot be read"),
        (lambda raw: b"\x1f\x8bnot gzip", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, kind, damage, sentence, seed):
    write(tmp_path, "train", images(120), labels(120))
    path = tmp_path / f"train-{kind}-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path.name}: .*{sentence}") as refused:
        mnist.load(str(tmp_path), seed)
    assert in_one_sentence(refused)


@pytest.mark.parametrize(("left", "missing"), [("images-idx3", "labels"), ("labels-idx1", "images")])
def test_half_a_pair_is_refused_also_beside_a_whole_one(tmp_path, left, missing, seed):
    write(tmp_path, "train", images(120), labels(120))
    (tmp_path / f"train-{left}-ubyte").rename(tmp_path / f"t10k-{left}-ubyte")
    write(tmp_path, "train", images(120), labels(120))
    with pytest.raises(ValueError, match=f"has no t10k-{missing}-idx file, expected images and labels together"):
        mnist.load(str(tmp_path), seed)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "nowhere is no folder, expected one with MNIST's IDX files"),
        ("file", "file is no folder"),
        (".", "has no train-images-idx3-ubyte or t10k-images-idx3-ubyte"),
    ],
)
def test_a_folder_without_digits_is_refused(tmp_path, name, sentence, seed):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match=f"--data: .*{sentence}") as refused:
        mnist.load(str(tmp_path / name), seed)
    assert in_one_sentence(refused)


# the download


class Mirror:
    """A pooch that fetches nothing from anywhere, or fails."""

    def __init__(self, folder, error=None):
        self.folder, self.error, self.fetched = folder, error, []

    def fetch(self, name):
        self.fetched.append(name)
        if self.error is not None:
            raise self.error


def test_full_reads_what_pooch_has_fetched_and_checked(tmp_path, monkeypatch, seed):
    folder = tmp_path / "mnist"
    folder.mkdir()
    write(folder, "train", images(120, 1), labels(120), zipped=True)
    write(folder, "t10k", images(30, 2), labels(30), zipped=True)
    asked = {}

    def create(path, base_url, registry):
        asked.update(path=path, base_url=base_url, registry=registry, mirror=Mirror(path))
        return asked["mirror"]

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setattr(pooch, "create", create)
    digits = mnist.load("full", seed)
    assert (len(digits.test), digits.source) == (30, "70,000 images, downloaded")
    assert (asked["path"], asked["base_url"]) == (folder, mnist.MIRROR)
    assert asked["mirror"].fetched == list(asked["registry"])
    assert {path.name for path in folder.iterdir()} == set(asked["registry"])
    assert all(checksum.startswith("md5:") for checksum in asked["registry"].values())


@pytest.mark.parametrize(
    "error", [OSError("no route\nto host"), ValueError("MD5 hash of downloaded file does not match")]
)
def test_a_download_that_fails_is_refused_in_one_sentence(tmp_path, monkeypatch, error, seed):
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setattr(pooch, "create", lambda *_, **__: Mirror(tmp_path, error))
    with pytest.raises(
        ValueError, match=r"--data full: the download .* failed \((no route to host|MD5 hash)"
    ) as refused:
        mnist.load("full", seed)
    assert in_one_sentence(refused)


def test_full_without_pooch_says_what_to_install(monkeypatch, seed):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ValueError, match=r"--data full needs pooch to download: pip install 'eigrad\[data\]'"):
        mnist.load("full", seed)
