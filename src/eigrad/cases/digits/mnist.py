"""MNIST: the 10,000 images in the package, a folder of IDX files, or a download of all 70,000."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eigrad.data import Examples, one_line, read_idx, split

SHIPPED = Path(__file__).parent / "mnist_10k"
SHAPE = (1, 28, 28)
TEST_FRACTION = 0.2  # of images that come without a test set
VALIDATION_FRACTION = 1 / 12  # of the training images
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
PARTS = ("train", "t10k")
DOWNLOADS = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


@dataclass(frozen=True)
class Digits:
    """Images in [0, 1] of shape (1, 28, 28): to train on, to stop by, and to judge by."""

    train: Examples
    validation: Examples
    test: Examples
    source: str
    hash: str


def load(source: str | None, seed: int) -> Digits:
    """The digits in the package (None), in a folder of IDX files, or "full": all 70,000, downloaded once.

    A train-/t10k- pair keeps its own test set; a single pair is split by `seed`, every digit in proportion.
    """
    folder = SHIPPED if source is None else _downloaded() if source == "full" else Path(source)
    if not folder.is_dir():
        raise ValueError(f"--data: {folder} is no folder, expected one with MNIST's IDX files")
    parts = {part: examples for part in PARTS if (examples := _read(folder, part)) is not None}
    if not parts:
        raise ValueError(
            f"--data: {folder} has no train-images-idx3-ubyte or t10k-images-idx3-ubyte (.gz), expected one"
        )
    digest = hashlib.sha256()
    for part in parts.values():
        digest.update(part.values.tobytes())
        digest.update(part.labels.tobytes())
    if len(parts) == 2:
        rest, test = parts["train"], parts["t10k"]
    else:
        (only,) = parts.values()
        rest, test = split(only, (1 - TEST_FRACTION, TEST_FRACTION), seed)
    train, validation = split(rest, (1 - VALIDATION_FRACTION, VALIDATION_FRACTION), seed)
    known = {None: "10,000 images in the package", "full": "70,000 images, downloaded"}
    return Digits(train, validation, test, known.get(source, folder.resolve().name), digest.hexdigest())


def _read(folder: Path, part: str) -> Examples | None:
    """The images and labels of one part, or None where the folder has neither."""
    images, labels = (_find(folder, part, kind) for kind in ("images", "labels"))
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        missing = "labels" if labels is None else "images"
        raise ValueError(f"--data: {folder} has no {part}-{missing}-idx file, expected images and labels together")
    values, digits = read_idx(images), read_idx(labels)
    if values.ndim != 3 or values.shape[1:] != SHAPE[1:] or len(values) == 0:
        raise ValueError(f"{images}: got an array of shape {values.shape}, expected images of 28 x 28 pixels")
    if digits.shape != values.shape[:1]:
        raise ValueError(f"{labels}: got labels of shape {digits.shape}, expected one for each of {len(values)} images")
    if digits.dtype.kind not in "iu" or digits.min() < 0 or digits.max() > 9:
        raise ValueError(f"{labels}: got labels other than whole numbers from 0 to 9, expected digits")
    names = tuple(f"r{row:02}c{column:02}" for row in range(28) for column in range(28))
    try:
        return Examples(_scaled(values).reshape(-1, *SHAPE), digits.astype(np.int64), names)
    except ValueError as error:
        raise ValueError(f"{images}: {error}") from error


def _find(folder: Path, part: str, kind: str) -> Path | None:
    rank = {"images": 3, "labels": 1}[kind]
    for name in (f"{part}-{kind}-idx{rank}-ubyte", f"{part}-{kind}.idx{rank}-ubyte"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def _scaled(values: NDArray[Any]) -> NDArray[np.float32]:
    """Bytes from 0 to 255 become 0 to 1; other numbers are taken as they are, and must lie there."""
    if values.dtype == np.uint8:
        return (values / np.float32(255)).astype(np.float32)
    scaled = values.astype(np.float32)
    if np.isfinite(scaled).all() and (scaled.min() < 0 or scaled.max() > 1):
        raise ValueError(f"got values from {scaled.min():g} to {scaled.max():g}, expected bytes or numbers from 0 to 1")
    return scaled


def _downloaded() -> Path:
    try:
        import pooch
    except ImportError as error:
        raise ValueError("--data full needs pooch to download: pip install 'eigrad[data]'") from error
    folder = Path(pooch.os_cache("eigrad"), "mnist")
    fetcher = pooch.create(folder, MIRROR, registry=DOWNLOADS)
    try:
        for name in DOWNLOADS:
            fetcher.fetch(name)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong checksum is a ValueError
        raise ValueError(
            f"--data full: the download from {MIRROR} failed ({one_line(error)}), expected a network"
        ) from error
    return folder
