"""The page put together from its template, its style and its script, and written in one go."""

from __future__ import annotations

import base64
import hashlib
import zlib
from importlib.resources import files
from pathlib import Path

import jinja2

from eigrad.data import write_atomic
from eigrad.report import show
from eigrad.report.folder import Csv, read_csv, read_json, read_png
from eigrad.report.page import Page, Table, read_page
from eigrad.report.spread import read_distributions, read_samples

TEMPLATES = files("eigrad").joinpath("templates")
SPREAD = "  // spread.js: the attributions behind the features\n"  # where it goes in report.js, of pages that need it


def build(run: Path) -> Path:
    """Write RUN/report.html from the files of the run folder; the same files give the same bytes."""
    run = Path(run)
    if not run.is_dir():
        raise ValueError(f"{run}: no such folder, expected an eigrad run folder")
    page = read_page(run)
    style, script = _style_and_script(page)
    text = _template(run).render(
        page=page,
        summary=show.nested(read_json(run, "summary.json")),
        config=show.nested(read_json(run, "config.json")),
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
    )
    target = run / "report.html"
    try:
        with write_atomic(target) as beside:
            beside.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise ValueError(f"{target}: cannot be written ({error.strerror}), expected a writable folder") from error
    return target


def _style_and_script(page: Page) -> tuple[str, str]:
    """What every page has, and what shows the attributions behind the features only where a table has them."""
    style, script = _part("report.css"), _part("report.js")
    if any(len(table.files) > 1 for section in page.sections for table in section.tables):
        return style + _part("spread.css"), script.replace(SPREAD, _part("spread.js"))
    return style, script.replace(SPREAD, "")


def _part(name: str) -> str:
    return TEMPLATES.joinpath(name).read_text(encoding="utf-8")


def _template(run: Path) -> jinja2.Template:
    """The template with its filters; files are read where the template shows them, one at a time."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "png": lambda name: read_png(run, name),
        "base64": lambda data: base64.b64encode(data).decode("ascii"),
        "files": lambda name: _with_vector(run, name),
        "csv": lambda table: _read_table(run, table),
        "grid": lambda table: show.csv_grid(table.columns, table.kinds, table.rows),
        "feature_json": _feature_json,
        "spread_json": lambda table, content: _spread_json(run, table, content),
        "packed": lambda text: zlib.compress(text.encode(), 9),
        "marked": show.marked,
        "shape": lambda value: type(value).__name__,
    }
    return environment.from_string(_part("report.html.j2"))


def _read_table(run: Path, table: Table) -> Csv:
    """The CSV of a table, with numbers in the column that it is to be sorted by."""
    content = read_csv(run, table.file)
    numbers = [name for name, kind in zip(content.columns, content.kinds, strict=True) if kind == "number"]
    if table.sort and content.rows and table.sort not in numbers:
        raise ValueError(
            f"{run / table.file}: got no column of numbers {table.sort!r} to sort by, expected one of "
            f"{', '.join(numbers) or 'none'}"
        )
    return content


def _feature_json(table: Csv) -> str:
    """A feature table for the page's script, column by column, every cell as the file has it."""
    columns = [list(cells) for cells in zip(*table.rows, strict=True)] or [[] for _ in table.columns]
    return show.script_json({"columns": table.columns, "kinds": table.kinds, "cells": columns})


def _spread_json(run: Path, table: Table, content: Csv) -> str:
    """The attributions behind a feature table, for the page's script."""
    names = [row[0] for row in content.rows]
    parts = {
        "distributions": read_distributions(run, table.distributions, names) if table.distributions else None,
        "samples": read_samples(run, table.samples, names) if table.samples else None,
    }
    return show.script_json(parts)


def _with_vector(run: Path, name: str) -> list[str]:
    """The figure's file, and the SVG of the same name if the run has one."""
    vector = str(Path(name).with_suffix(".svg"))
    return [name, vector] if (run / vector).is_file() else [name]


def _csp_hash(text: str) -> str:
    """What a Content-Security-Policy calls the one style or script it lets through."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
