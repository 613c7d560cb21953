"""Tables of other programs, read cell by cell: what cannot be used is named by file, line and column."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float64

from eigrad.cases.splicing.events.table import Change, Events, Triplet, build
from eigrad.data import one_line

DIGITS = 15  # of a coordinate: far more than a genome needs, and far from where whole numbers end
PLACE = rf"\d{{1,{DIGITS}}}"
SPAN = re.compile(rf"(na|-1|{PLACE})-(na|-1|{PLACE})")
Span = tuple[int | None, int | None]
MISSING = ("", "NA", "na", "NaN", "nan")


@dataclass(frozen=True)
class Text:
    """A table's cells as the file has them, column by column, and the line of the file that each row stands on."""

    path: Path | str
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def refuse(self, row: int, column: str, expected: str) -> NoReturn:
        """ValueError about one cell."""
        got = self.columns[column][row]
        raise ValueError(
            f"{self.path}, line {self.lines[row]}, column {column!r}: got {got[:80]!r}, expected {expected}"
        )

    def named(self, *names: str) -> str:
        """The first of these columns that the table has."""
        for name in names:
            if name in self.columns:
                return name
        raise ValueError(f"{self.path}: has no column {' or '.join(map(repr, names))}, expected one")

    def column(self, *names: str) -> list[str]:
        """The cells of the first of these columns that the table has."""
        return self.columns[self.named(*names)]

    def numbers(
        self, name: str, low: float | int = -math.inf, high: float | int = math.inf, scale: float = 1.0
    ) -> Float64[np.ndarray, " rows"]:
        """A column as numbers between two limits (as they stand in the file), NaN where the cell says missing."""
        return np.array([scale * self.number(row, name, text, low, high) for row, text in enumerate(self.column(name))])

    def number(
        self, row: int, column: str, text: str, low: float | int = -math.inf, high: float | int = math.inf
    ) -> float:
        """One number between two limits, NaN where the text says missing."""
        if text.strip() in MISSING:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            self.refuse(row, column, "a number")
        if not (low <= value <= high and math.isfinite(value)):
            self.refuse(
                row, column, f"a number between {low:g} and {high:g}" if math.isfinite(low) else "a finite number"
            )
        return value

    def list_of(self, row: int, column: str, n: int, low: float | int, high: float | int) -> list[float]:
        """A cell of n numbers with semicolons between them, none of them missing."""
        parts = self.columns[column][row].split(";")
        if len(parts) != n:
            self.refuse(row, column, f"{n} numbers with ';' between them, as many as there are junctions")
        values = [self.number(row, column, part, low, high) for part in parts]
        if any(map(math.isnan, values)):
            self.refuse(row, column, f"{n} numbers")
        return values

    def whole(self, row: int, column: str, text: str) -> int:
        """A coordinate of at least 0."""
        if not text.strip().isdecimal() or len(text.strip()) > DIGITS:
            self.refuse(row, column, f"a whole number of at least 0 and at most {DIGITS} digits")
        return int(text)

    def span(self, row: int, column: str, text: str) -> Span:
        """START-END as two numbers, None where an end is unknown (na)."""
        match = SPAN.fullmatch(text)
        if match is None:
            self.refuse(row, column, "START-END, such as 100-200, an unknown end as na")
        start, end = (None if part in ("na", "-1") else int(part) for part in match.groups())
        return start, end

    def events(
        self,
        exons: Sequence[Triplet],
        psi: Mapping[str, Float64[np.ndarray, " rows"]],
        changes: Sequence[Change] = (),
    ) -> Events:
        """The events that the rows are; where these do not fit together, the table is named."""
        try:
            return build(exons, psi, changes)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error

    def strand(self, row: int, column: str) -> str:
        """+ or -."""
        found = self.columns[column][row]
        if found not in ("+", "-"):
            self.refuse(row, column, "+ or -")
        return found


def read_text(path: Path | str, needed: Sequence[str], separator: str = "\t", repeated: Sequence[str] = ()) -> Text:
    """A table with a header, gzipped or not; lines that start with # before the header are skipped.

    Every row must have as many cells as the header. A column named twice is refused, but for `repeated`, whose first
    is kept.
    """
    path = Path(path)
    rows = csv.reader(io.StringIO(content_of(path), newline=""), delimiter=separator)
    found: list[tuple[int, list[str]]] = []
    try:
        for row in rows:
            if row and not (not found and row[0].startswith("#")):
                found.append((rows.line_num, row))
    except csv.Error as error:
        raise ValueError(f"{path}, line {rows.line_num}: cannot be read ({error}), expected a table") from error
    if not found:
        raise ValueError(f"{path}: got an empty file, expected a table with a header")
    for line, row in found:
        if broken := next((cell for cell in row if "\n" in cell or "\r" in cell), None):
            raise ValueError(f"{path}, line {line}: got {broken[:80]!r}, expected no cell over several lines")
    header = [name.strip() for name in found[0][1]]
    for name in needed:
        if name not in header:
            raise ValueError(f"{path}: has no column {name!r}, expected {', '.join(needed)}")
    if twice := [name for name in header if header.count(name) > 1 and name not in repeated]:
        raise ValueError(f"{path}: has the column {twice[0]!r} twice, expected it once")
    for line, row in found[1:]:
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line}: got {len(row)} cells, expected {len(header)} as in the header")
    columns: dict[str, list[str]] = {}
    for place, name in enumerate(header):
        columns.setdefault(name, [row[place] for _, row in found[1:]])
    return Text(path, columns, [line for line, _ in found[1:]])


def content_of(path: Path) -> str:
    """The text of a file, gzipped or not; ValueError where it cannot be read."""
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: cannot be read ({one_line(error)}), expected a text table, gzipped or not"
        ) from error


def header_of(path: Path | str) -> set[str]:
    """The names in the header of a table, whatever separates them."""
    for line in content_of(Path(path)).splitlines():
        if line.strip() and not line.startswith("#"):
            return {name.strip().strip('"') for name in re.split(r"[\t,]", line)}
    raise ValueError(f"{path}: got an empty file, expected a table with a header")
