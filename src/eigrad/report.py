"""The page of a run: a run folder in, one self-contained HTML file out, made from the files alone.

A case study describes its page in page.json: `title`, `headline` (sentences), `sections` (each with `title`, `text`
(paragraphs), `figures` (`file`, `title`, `caption`, `alt`) and `tables` (`file`, `title`, `caption`, `kind`:
"features" to sort and search, or "plain")), `reading` and `limits` (paragraphs). All of it is plain text, and
nothing in it is trusted.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from eigrad.data import write_atomic

NEEDED = ("page.json", "summary.json", "config.json")
MIME = {".png": "image/png", ".svg": "image/svg+xml"}
TABLE_KINDS = ("features", "plain")


def build(run: Path) -> Path:
    """Write RUN/report.html; the same files give the same page, byte for byte."""
    run = Path(run)
    if not run.is_dir():
        raise ValueError(f"{run}: no such folder, expected the folder of a finished run")
    page, summary, config = (_read_json(run, name) for name in NEEDED)
    _check_page(run, page)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = lambda name: _data_uri(run, name)
    environment.filters["rows"] = lambda name: _table(run, name)
    environment.filters["script_json"] = _script_json
    environment.filters["number"] = _readable
    environment.filters["leaves"] = _leaves
    text = environment.from_string(_part("report.html.j2")).render(
        page=page, summary=summary, config=config, style=Markup(_part("report.css")), script=Markup(_part("report.js"))
    )
    target = run / "report.html"
    try:
        with write_atomic(target) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ValueError(f"{target}: cannot be written ({error.strerror}), expected a writable folder") from error
    return target


def _part(name: str) -> str:
    return files("eigrad").joinpath("templates", name).read_text(encoding="utf-8")


def _read_json(run: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((run / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{run}: is not the folder of a finished run, it has no {name}") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{run / name}: cannot be read ({error}), expected a JSON file that is whole") from error
    if not isinstance(content, dict):
        raise ValueError(f"{run / name}: got a {type(content).__name__}, expected a JSON object")
    return content


def _check_page(run: Path, page: dict[str, Any]) -> None:
    """Every key the page needs, each figure and table named only once it is known to lie in the run folder."""
    fields = {"title": str, "headline": list, "sections": list, "reading": list, "limits": list}
    _require(run, page, fields, "the page")
    for section in page["sections"]:
        _require(run, section, {"title": str, "text": list, "figures": list, "tables": list}, "a section")
        for figure in section["figures"]:
            _require(run, figure, {"file": str, "title": str, "caption": str, "alt": str}, "a figure")
            if _inside(run, figure["file"]).suffix not in MIME:
                raise ValueError(f"{run / 'page.json'}: figure {figure['file']!r} is no .png or .svg file")
        for table in section["tables"]:
            _require(run, table, {"file": str, "title": str, "caption": str, "kind": str}, "a table")
            _inside(run, table["file"])
            if table["kind"] not in TABLE_KINDS:
                raise ValueError(f"{run / 'page.json'}: got a table of kind {table['kind']!r}, expected {TABLE_KINDS}")


def _require(run: Path, content: Any, fields: Mapping[str, type], what: str) -> None:
    for name, kind in fields.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise ValueError(f"{run / 'page.json'}: {what} has no {name!r} that is a {kind.__name__}, expected one")


def _inside(run: Path, name: str) -> Path:
    """A file of the run folder; names that lead out of it are refused."""
    path = (run / name).resolve()
    if not path.is_relative_to(run.resolve()):
        raise ValueError(f"{run / 'page.json'}: {name!r} leads out of the run folder, expected a file in it")
    if not path.is_file():
        raise ValueError(f"{run}: {name!r} is named in page.json and is not there, expected it in the run folder")
    return path


def _data_uri(run: Path, name: str) -> str:
    path = _inside(run, name)
    return f"data:{MIME[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _table(run: Path, name: str) -> dict[str, Any]:
    """Columns, whether each is numeric, and rows of plain values; NaN is shown as nothing."""
    try:
        table = pd.read_csv(_inside(run, name), keep_default_na=False, na_values=[""], encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{run / name}: cannot be read ({error}), expected a CSV table") from error
    numeric = [bool(pd.api.types.is_numeric_dtype(kind) and kind is not np.dtype(bool)) for kind in table.dtypes]
    columns = [[_plain(value) for value in table[column]] for column in table.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": [str(column) for column in table.columns], "numeric": numeric, "rows": rows}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _script_json(content: Any) -> Markup:
    """JSON that no HTML parser takes for the end of a script or the start of a comment."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _readable(value: Any) -> str:
    """Numbers with four significant digits, everything else as it is."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _leaves(content: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested JSON as pairs of a dotted name and a readable value."""
    if isinstance(content, dict):
        items = [(f"{name}.{key}" if name else str(key), value) for key, value in content.items()]
    elif isinstance(content, list) and any(isinstance(value, dict | list) for value in content):
        items = [(f"{name}[{i}]", value) for i, value in enumerate(content)]
    elif isinstance(content, list):
        return [(name, ", ".join(map(_readable, content)))]
    else:
        return [(name, _readable(content))]
    return [leaf for key, value in items for leaf in _leaves(value, key)]
