"""Attributions that are there at once: written beside their place and renamed when whole, and computed once."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import zarr

from eigrad.attribute import Attributions
from eigrad.store.group import Writer, begin, load, opened

logger = logging.getLogger(__name__)


def save(path: Path, attributions: Attributions, fingerprint: Mapping[str, Any] | None = None) -> None:
    """Write attributions as the Zarr group `path`; a folder around it that ends in .zarr becomes its parent group.

    `fingerprint` is what they were computed from (JSON values), so that `load_or_compute` knows them again.
    bfloat16 is stored as float32, and names of features that are neither text nor whole numbers as text.
    """
    make_parent(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent, ignore_cleanup_errors=True) as beside:
        whole = Path(beside, "new")
        Writer(begin(whole, len(attributions), fingerprint))(0, slice(0, len(attributions)), attributions)
        _replace(path, whole, Path(beside, "old"))


def load_or_compute(path: Path, fingerprint: Mapping[str, Any], compute: Callable[[], Attributions]) -> Attributions:
    """The saved attributions if they have this fingerprint, else freshly computed and saved ones."""
    if path.exists():
        try:
            with opened(path) as group:
                same = group.attrs["fingerprint"] == json.loads(json.dumps(fingerprint))
            if same:
                attributions = load(path)
                logger.info("reusing the attributions in %s", path)
                return attributions
        except ValueError as error:
            logger.warning("%s; computing again", error)
    attributions = compute()
    save(path, attributions, fingerprint)
    return attributions


def make_parent(path: Path) -> None:
    """The folders above; one that ends in .zarr is a group that lists what is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.suffix == ".zarr":
        zarr.open_group(path.parent, mode="a")


def _replace(path: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `path`, which is back there if that fails."""
    try:
        if path.exists():
            path.rename(old)
        new.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise
