"""The libraries that come with eigrad[splicing]: loaded where they are needed, and named where they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def library(name: str, need: str) -> ModuleType:
    """The library; ValueError, with what needs it and what to install, where it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ValueError(f"{need} needs {name}: pip install 'eigrad[splicing]'") from error
