"""Files of a run folder: JSON, CSV tables and PNG figures, each inside the folder and each read whole or refused."""

from __future__ import annotations

import csv
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
PIXELS_PER_INCH = 135.0  # on the page, where a figure's lettering then has the size of the text around it
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf|nan", re.IGNORECASE)


@dataclass(frozen=True)
class Csv:
    """A table with its cells as the file has them; a column's kind is "number", "flag" (True, False) or "text"."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Png:
    """An image and its size on the page, in CSS pixels: figures drawn to one scale are shown to one scale."""

    data: bytes
    width: int
    height: int


def inside(run: Path, name: str) -> Path:
    """A file of the run folder; a name that leads out of it, by itself or through a link, is refused."""
    try:
        path = (run / name).resolve()
        leads_out = Path(name).is_absolute() or ".." in Path(name).parts or not path.is_relative_to(run.resolve())
        there = path.is_file()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name no file system takes
        leads_out, there = False, False
    if leads_out:
        raise ValueError(f"{run}: {name!r} leads out of the run folder, expected a file inside it")
    if not there:
        raise ValueError(f"{run}: {name!r} is named in page.json but is not there, expected a file in the run folder")
    return path


def read_json(run: Path, name: str) -> dict[str, Any]:
    """One of the JSON files that every run folder has."""
    if not (run / name).is_file():
        raise ValueError(f"{run} is not an eigrad run folder: it has no {name}")
    path = inside(run, name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{run / name}: cannot be read ({error}), expected a JSON file that is whole") from error
    if not isinstance(content, dict):
        raise ValueError(f"{run / name}: got {type(content).__name__}, expected a JSON object")
    return content


def read_csv(run: Path, name: str) -> Csv:
    """A table with a header and as many cells in every row; no cell is changed on the way."""
    try:
        with inside(run, name).open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [tuple(row) for row in csv.reader(file, strict=True) if row] or [()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{run / name}: cannot be read ({error}), expected a CSV table") from error
    if not header:
        raise ValueError(f"{run / name}: got an empty file, expected a CSV table with a header")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{run / name}: got {len(row)} cells in row {number}, expected {len(header)} as in the header"
            )
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return Csv(header, tuple(_kind(cells) for cells in columns), tuple(rows))


def read_png(run: Path, name: str) -> Png:
    """A figure, known by its signature rather than its name."""
    try:
        data = inside(run, name).read_bytes()
    except OSError as error:
        raise ValueError(f"{run / name}: cannot be read ({error}), expected a PNG image") from error
    if data[:8] != PNG or len(data) < 24:
        raise ValueError(f"{run / name}: got a file that starts with {data[:8]!r}, expected a PNG image")
    scale = PIXELS_PER_INCH / _per_inch(data)
    width, height = (max(1, round(scale * size)) for size in struct.unpack(">II", data[16:24]))
    return Png(data, width, height)


def _per_inch(png: bytes) -> float:
    """The resolution that the file states in its pHYs chunk (pixels per meter); without one, the page's own."""
    at = png.find(b"pHYs", 0, png.find(b"IDAT"))
    if at < 0 or len(png) < at + 13:
        return PIXELS_PER_INCH
    across, _, unit = struct.unpack(">IIB", png[at + 4 : at + 13])
    return 0.0254 * across if unit == 1 and across else PIXELS_PER_INCH


def _kind(cells: tuple[str, ...]) -> str:
    there = [cell for cell in cells if cell]
    if not there:
        return "text"
    if all(NUMBER.fullmatch(cell) for cell in there):
        return "number"
    return "flag" if set(there) <= {"True", "False"} else "text"
