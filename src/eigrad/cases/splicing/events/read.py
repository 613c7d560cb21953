"""Any of the tables, told by its header."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from eigrad.cases.splicing.events.cassettes import read_cassettes
from eigrad.cases.splicing.events.majiq import read_majiq
from eigrad.cases.splicing.events.plain import read_csv
from eigrad.cases.splicing.events.rmats import read_rmats
from eigrad.cases.splicing.events.table import Events
from eigrad.cases.splicing.events.text import header_of
from eigrad.cases.splicing.events.vasttools import read_vasttools

# A column that no other kind of table has, and what reads it.
KINDS: dict[str, tuple[str, Callable[[Path], Events]]] = {
    "spliced_with_coord": ("cassette.tsv of voila modulize", read_cassettes),
    "lsv_id": ("a table of voila tsv", read_majiq),
    "exonStart_0base": ("an SE table of rMATS", read_rmats),
    "FullCO": ("an inclusion table of VAST-TOOLS", read_vasttools),
    "exon_start": ("plain CSV", read_csv),
}


def read_events(
    path: Path | str, *, groups: tuple[str, str] | None = None, changes: Path | str | None = None
) -> Events:
    """Events from a table by MAJIQ 2, rMATS or VAST-TOOLS, or from plain CSV, whichever its header says.

    `groups` names the two groups of an rMATS table, which knows them by number; `changes` is the second table of plain
    CSV. Other tables take neither.
    """
    path, header = Path(path), header_of(path)
    for column, (kind, read) in KINDS.items():
        if column in header:
            if groups is not None and read is not read_rmats:
                raise ValueError(
                    f"groups: {path} is {kind}, expected an SE table of rMATS: others name their conditions"
                )
            if changes is not None and read is not read_csv:
                raise ValueError(f"changes: {path} is {kind}, expected plain CSV: others have their changes themselves")
            if groups is not None:
                return read_rmats(path, groups)
            return read(path) if changes is None else read_csv(path, changes)
    kinds = "; ".join(f"{kind} ({column})" for column, (kind, _) in KINDS.items())
    raise ValueError(f"{path}: got a table of no known kind, expected one of: {kinds}")
