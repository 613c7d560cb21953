"""Findings written into a run folder: tables, figures, numbers and the page that shows them."""

from __future__ import annotations

import shutil
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from eigrad import store
from eigrad.attribute import Attributions
from eigrad.data import write_json, write_table
from eigrad.findings import figures
from eigrad.findings.findings import Findings, Question
from eigrad.findings.words import described
from eigrad.folder import opened, versions
from eigrad.report import build
from eigrad.sets import Sets

RESULTS = ("summary.json", "page.json", "report.html", "features.csv", "distributions.csv", "samples.csv")
DIGITS, SHOWN_DIGITS = 7, 4  # significant ones, of statistics in single precision, and of single samples


def write_page(
    folder: str | Path,
    group: Attributions,
    *,
    null: Attributions,
    reference: Attributions,
    title: str = "What sets the class apart",
    names: tuple[str, str] | None = None,
    score: str = "the score",
    sets: Sets | None = None,
    groups: Iterable[Hashable] | None = None,
    feature_names: Iterable[Hashable] | None = None,
    alpha: float = 0.05,
    min_share: float = 0.05,
    test: str = "maxt",
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Compare a class with a null and a reference (`eigrad.recommended`) and write a page; returns its path.

    All three should be explained for the same output, along the same path and from the same baselines. The run folder
    has `features.csv`, `distributions.csv`, `samples.csv`, `summary.json`, two figures, the attributions and
    `report.html`, one file that needs no network. A page written there before is replaced; ValueError where the folder
    holds something else, or something cannot be compared, before anything is replaced.

    `names` are the page's words for class and reference, `score` those for what was explained, such as "output 5".
    With `sets`, of `eigrad.draw_sets`, samples are numbered as in the data; without, in their order.
    """
    found = {"class": group, "reference": reference, "null": null}
    question = _question(title, score, names, found)
    if not (sets is None or isinstance(sets, Sets)):
        raise ValueError(f"sets: got a {type(sets).__name__}, expected what eigrad.draw_sets gives")
    findings = Findings.of(
        found, numbers=None if sets is None else {name: each.tolist() for name, each in sets.explained.items()},
        feature_names=feature_names, groups=groups, alpha=alpha, min_share=min_share, test=test, seed=seed,
        progress=progress,
    )  # fmt: skip
    summary = findings.summary()
    page = described(question, summary)
    place = opened(Path(folder), "write_page", argument="folder")
    clear(place)
    for part in ("attributions.zarr", "figures"):
        shutil.rmtree(place / part, ignore_errors=True)
    arguments = {"alpha": alpha, "min_share": min_share, "test": test, "seed": seed, "title": title, "names": names}
    write_json(place / "config.json", {"command": "write_page", "arguments": arguments, "versions": versions()})
    for name, each in found.items():
        store.save(place / "attributions.zarr" / name, each)
    tabulate(place, findings)
    figures.draw(findings, place / "figures")
    return finish(place, page, summary | {"versions": versions()})


def clear(folder: Path) -> None:
    """Take results away that a run may be about to change, so that none is taken for its own."""
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)


def tabulate(folder: Path, findings: Findings) -> None:
    """The three tables."""
    write_table(folder / "features.csv", findings.table, DIGITS)
    write_table(folder / "distributions.csv", findings.distributions(), DIGITS)
    write_table(folder / "samples.csv", findings.samples(), SHOWN_DIGITS)


def finish(folder: Path, page: Mapping[str, Any], summary: Mapping[str, Any]) -> Path:
    """The page, from what is written, its words, and a summary."""
    write_json(folder / "page.json", page)
    write_json(folder / "summary.json", summary)
    return build(folder)


def _question(title: Any, score: Any, names: Any, found: Mapping[str, Any]) -> Question:
    """The words of the page, where they are words and the sets are attributions."""
    for name, each in found.items():
        if not isinstance(each, Attributions):
            raise ValueError(f"the {name}: got a {type(each).__name__}, expected the Attributions of an Explainer")
    for name, text in (("title", title), ("score", score)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name}: got {text!r}, expected some words")
    pair = ("", "") if names is None else names
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        raise ValueError(f"names: got {names!r}, expected two texts, for the class and for the reference")
    who = dict(zip(("class", "reference"), pair, strict=True))
    return Question(title, score, who, [f"Baselines: {found['class'].baseline}."])
