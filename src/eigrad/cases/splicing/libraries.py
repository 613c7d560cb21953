"""The libraries that come with eigrad[splicing]: named where they are missing."""

from __future__ import annotations

from importlib.util import find_spec


def require_library(name: str, need: str) -> None:
    """ValueError, with what needs the library and what to install, where it is missing."""
    if find_spec(name) is None:
        raise ValueError(f"{need} needs {name}: pip install 'eigrad[splicing]'")
