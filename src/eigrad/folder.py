"""The run folder of a study: opened for its command, timed stage by stage, and signed with what made it."""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

logger = logging.getLogger(__name__)

LIBRARIES = ("eigrad", "torch", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "zarr")


def opened(folder: Path, command: str, *, argument: str = "--out") -> Path:
    """The run folder of a command, made if need be; a folder that holds something else is left alone.

    `argument` is what a refusal calls it.
    """
    try:
        foreign = folder.is_dir() and any(folder.iterdir()) and not _is_run(folder, command)
    except OSError as error:
        raise ValueError(f"{argument}: cannot read {folder} ({error.strerror}), expected a folder") from error
    if foreign:
        raise ValueError(
            f"{argument}: {folder} is not empty and holds no run of eigrad {command}, expected a new or empty folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".eigrad-can-write"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"{argument}: cannot write to {folder} ({error.strerror}), expected a writable folder"
        ) from error
    return folder


def _is_run(folder: Path, command: str) -> bool:
    """Whether this command wrote here: its configuration, or networks alone before there is one."""
    try:
        return bool(json.loads((folder / "config.json").read_text(encoding="utf-8"))["command"] == command)
    except FileNotFoundError:
        return [path.name for path in folder.iterdir()] == ["models"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def versions() -> dict[str, str]:
    """Versions of eigrad, Python and the libraries that numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


@dataclass
class Clock:
    """Seconds each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        logger.info("%s ...", stage.replace("_", " "))
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 2)
        logger.info("%s: %.1f s", stage.replace("_", " "), self.seconds[stage])
