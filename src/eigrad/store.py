"""Attributions on disk: a Zarr group for each set of samples, written beside its place and renamed when whole."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import zarr

from eigrad.attribute import TENSORS, Attributions

logger = logging.getLogger(__name__)


def save(path: Path, attributions: Attributions, fingerprint: Mapping[str, Any] | None = None) -> None:
    """Write attributions as the Zarr group `path`; a folder around it that ends in .zarr becomes its parent group.

    `fingerprint` is what they were computed from (JSON values), so that `load_or_compute` knows them again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.suffix == ".zarr":
        zarr.open_group(path.parent, mode="a")
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        group = zarr.open_group(beside, mode="w")
        for name in TENSORS:
            group.create_array(name, data=getattr(attributions, name).detach().cpu().numpy())
        group.attrs.update({name: getattr(attributions, name) for name in _FACTS} | {"fingerprint": fingerprint})
        if path.exists():
            shutil.rmtree(path)
        beside.chmod(0o755)
        beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def load(path: Path) -> Attributions:
    """Read attributions back; ValueError when the folder holds none."""
    try:
        group = zarr.open_group(path, mode="r")
        tensors: dict[str, Any] = {name: torch.from_numpy(_array(group, name)[:]) for name in TENSORS}
        facts: dict[str, Any] = {name: group.attrs[name] for name in _FACTS}
        return Attributions(**tensors, **facts)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: expected attributions saved by eigrad ({type(error).__name__}: {error})") from error


def load_or_compute(path: Path, fingerprint: Mapping[str, Any], compute: Callable[[], Attributions]) -> Attributions:
    """The saved attributions if they have this fingerprint, else freshly computed and saved ones."""
    try:
        saved = zarr.open_group(path, mode="r").attrs["fingerprint"]
        if saved == json.loads(json.dumps(fingerprint)):
            attributions = load(path)
            logger.info("reusing the attributions in %s", path)
            return attributions
    except (OSError, KeyError, ValueError, TypeError) as error:
        logger.debug("no attributions to reuse in %s: %s", path, error)
    attributions = compute()
    save(path, attributions, fingerprint)
    return attributions


_FACTS = ("rule", "n_points", "n_evaluations", "path", "baseline")


def _array(group: zarr.Group, name: str) -> Any:
    return group[name]
