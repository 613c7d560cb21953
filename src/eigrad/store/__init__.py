"""Attributions on disk: a Zarr group for each set of samples, in chunks that count once they are committed."""

from eigrad.store.fingerprint import fingerprint
from eigrad.store.group import FACTS, Progress, load, progress
from eigrad.store.stream import stream
from eigrad.store.whole import load_or_compute, save

__all__ = ["FACTS", "Progress", "fingerprint", "load", "load_or_compute", "progress", "save", "stream"]
