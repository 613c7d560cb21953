"""Progress bars: on stderr, only in a terminal, and only once a loop has lasted a second."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

PATIENCE = 1.0  # seconds a loop runs before it shows a bar


def track(items: Iterable[T], description: str, total: int | None = None, enabled: bool = True) -> Iterator[T]:
    """Pass the items on, with a bar where one is wanted and can be shown."""
    console = Console(stderr=True)
    if not enabled or not console.is_interactive:
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=True) as bar:
        task = bar.add_task(description, total=total)
        try:
            for item in items:
                yield item
                bar.advance(task)
                if bar.disable and time.monotonic() - start > PATIENCE:
                    bar.disable = False
                    bar.start()
        finally:
            bar.stop()
