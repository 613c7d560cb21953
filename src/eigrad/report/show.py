"""Text, numbers and nested JSON as a reader wants to see them; nothing of what is shown is trusted."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SPAN = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*")
WHOLE = re.compile(r"[+-]?[0-9]+")
DIGITS = 4  # of a number outside the feature tables, where accuracies differ in the third
DEPTH = 8  # of nested tables; what lies deeper stands as JSON


@dataclass(frozen=True)
class Cell:
    """A value to show; `full` is the whole of it, where `text` is rounded."""

    text: str
    full: str = ""
    kind: str = "text"


@dataclass(frozen=True)
class Grid:
    """A table with a header; a first column without a name holds the names of the rows."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Pairs:
    """Names with what stands under them."""

    items: tuple[tuple[str, Cell | Grid | Pairs], ...]


def marked(text: str) -> str:
    """Plain text as HTML: escaped, then `code` and **bold** marked up."""
    return SPAN.sub(
        lambda span: f"<code>{span[1]}</code>" if span[1] else f"<strong>{span[2]}</strong>", html.escape(text)
    )


def script_json(content: Any) -> str:
    """JSON that no HTML parser takes for the end of a script or for a comment."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub(r"[<>&]", lambda character: f"\\u{ord(character[0]):04x}", text)


def number(value: float, digits: int = DIGITS) -> str:
    """So many significant digits, as 0.0123, 12.35 or 1.235e-05; whole numbers below a million stay whole."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e6:
        text = str(int(value))
    elif 1e-3 <= abs(value) < 1e6:
        exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    else:
        text = f"{value:.{digits - 1}e}"
    return _minus(text)


def csv_cell(text: str, kind: str) -> Cell:
    """A cell of a CSV file."""
    if kind == "number" and text:
        shown = _minus(text) if WHOLE.fullmatch(text) else number(float(text))
        return Cell(shown, text, kind)
    return Cell({"True": "yes", "False": "no"}.get(text, text) if kind == "flag" else text, kind=kind)


def csv_grid(columns: Iterable[str], kinds: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Grid:
    """A CSV file's table."""
    cells = tuple(tuple(map(csv_cell, row, kinds)) for row in rows)
    return Grid(tuple(columns), kinds, cells)


def nested(content: Any, depth: int = DEPTH) -> Cell | Grid | Pairs:
    """JSON laid out: a grid where like stands beside like, else names and values, level by level."""
    named = isinstance(content, dict) and bool(content)
    if not named and not (isinstance(content, list) and any(isinstance(value, dict | list) for value in content)):
        return _cell(content)
    names = [str(name) for name in content] if named else [str(i) for i in range(1, len(content) + 1)]
    values = list(content.values()) if named else content
    if _alike(values):
        return _grid(names if named else None, values)
    if depth == 0:
        return Cell(json.dumps(content, ensure_ascii=False))
    return Pairs(tuple((name, nested(value, depth - 1)) for name, value in zip(names, values, strict=True)))


def _alike(values: list[Any]) -> bool:
    """Whether these are two or more objects with the same keys and nothing nested in them."""
    return (
        len(values) > 1
        and all(isinstance(value, dict) and value and value.keys() == values[0].keys() for value in values)
        and not any(isinstance(leaf, dict | list) for value in values for leaf in value.values())
    )


def _grid(names: list[str] | None, values: list[dict[str, Any]]) -> Grid:
    columns = list(values[0])
    rows = [[_cell(value[column]) for column in columns] for value in values]
    kinds = ["number" if all(row[i].kind == "number" for row in rows) else "text" for i in range(len(columns))]
    if names is not None:
        columns, kinds = ["", *columns], ["text", *kinds]
        rows = [[Cell(name), *row] for name, row in zip(names, rows, strict=True)]
    return Grid(tuple(columns), tuple(kinds), tuple(map(tuple, rows)))


def _minus(text: str) -> str:
    return re.sub("^-", "−", text)


def _cell(content: Any) -> Cell:
    if isinstance(content, list):
        cells = [_cell(value) for value in content]
        return Cell(
            ", ".join(cell.text for cell in cells) or "empty", ", ".join(cell.full or cell.text for cell in cells)
        )
    if content is None or content == {}:
        return Cell("none" if content is None else "empty")
    if isinstance(content, bool):
        return Cell("yes" if content else "no")
    if isinstance(content, float):
        return Cell(min(number(content), _minus(repr(content)), key=len), repr(content), "number")
    return Cell(str(content), kind="number" if isinstance(content, int) else "text")
