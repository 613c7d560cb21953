"""What page.json may say: the words of a page and the figures and tables it shows, all of it plain text."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from eigrad.report.folder import inside, read_json

TABLE_KINDS = ("features", "plain")


@dataclass(frozen=True)
class Figure:
    """A PNG of the run folder; `alt` says in words what it shows."""

    file: str
    title: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A CSV of the run folder: "features" to sort and search, or "plain".

    `sort` names the column of numbers whose largest, whatever their sign, come first in a table of features; without
    one it is `effect`, the largest first. `distributions` and `samples` are CSVs, as eigrad.report.spread reads them,
    of the attributions behind a table of features.
    """

    file: str
    title: str
    caption: str = ""
    kind: str = "plain"
    sort: str = ""
    distributions: str = ""
    samples: str = ""

    @property
    def files(self) -> list[str]:
        """Every file it is made of."""
        return [name for name in (self.file, self.distributions, self.samples) if name]


@dataclass(frozen=True)
class Section:
    """Paragraphs, then figures, then tables."""

    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Page:
    """The whole page; `headline` are the sentences under the title."""

    title: str
    headline: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    reading: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


LISTS: dict[str, Any] = dict.fromkeys(("headline", "text", "reading", "limits"), str)
LISTS |= {"sections": Section, "figures": Figure, "tables": Table}
REQUIRED = ("title", "file", "alt")
OF_FEATURES = ("sort", "distributions", "samples")  # what only a table of features has


def read_page(run: Path) -> Page:
    """The page that page.json describes, every file it names known to be there."""
    page: Page = _parsed(Page, read_json(run, "page.json"), f"{run / 'page.json'}: the page")
    for section in page.sections:
        for figure in section.figures:
            inside(run, figure.file)
        for name in (name for table in section.tables for name in table.files):
            inside(run, name)
    return page


def _parsed(kind: Any, content: Any, where: str) -> Any:
    """A dataclass from a JSON object; unknown keys, missing ones and wrong types are refused by name."""
    if kind is str:
        if not isinstance(content, str):
            raise ValueError(f"{where}: got {type(content).__name__}, expected a text")
        return content
    names = [field.name for field in fields(kind)]
    if not isinstance(content, dict):
        raise ValueError(f"{where}: got {type(content).__name__}, expected an object with {', '.join(names)}")
    if unknown := [name for name in content if name not in names]:
        raise ValueError(f"{where}: got {unknown[0]!r}, expected only {', '.join(names)}")
    values = {name: _value(name, content[name], where) for name in names if name in content}
    for name in REQUIRED:
        if name in names and not values.get(name):
            raise ValueError(f"{where}: {name!r} is missing or empty, expected a text")
    if kind is Table and values.get("kind", "plain") not in TABLE_KINDS:
        raise ValueError(f"{where}: got the kind {values['kind']!r}, expected one of {', '.join(TABLE_KINDS)}")
    if kind is Table and values.get("kind") != "features":
        for name in OF_FEATURES:
            if values.get(name):
                raise ValueError(f"{where}: got {name!r} in a plain table, expected it in one of the kind features")
    return kind(**values)


def _value(name: str, content: Any, where: str) -> Any:
    if name not in LISTS:
        return _parsed(str, content, f"{where}, {name!r}")
    if not isinstance(content, list):
        raise ValueError(f"{where}, {name!r}: got {type(content).__name__}, expected a list")
    return tuple(_parsed(LISTS[name], item, f"{where}, {name!r} {i}") for i, item in enumerate(content, start=1))
