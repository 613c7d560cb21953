"""The search: read a finished run and its evidence, test every line, judge, draw, and report."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.regulators.study import figures, lines, page
from eigrad.cases.splicing.regulators.study.details import Details, details_of
from eigrad.cases.splicing.regulators.study.finished import Evidence, Finished, candidates, read_evidence, read_run
from eigrad.cases.splicing.regulators.study.queries import Query, queries
from eigrad.cases.splicing.regulators.study.settings import Settings
from eigrad.cases.splicing.regulators.study.verdict import BEYOND_SEQUENCE, judged, of_candidates, verdict
from eigrad.data import write_json, write_table
from eigrad.folder import Clock, opened, versions
from eigrad.report import build

logger = logging.getLogger(__name__)

PLATES = 3  # candidates that have a plate
RESULTS = ("summary.json", "page.json", "report.html")
TABLES = ("candidates", "evidence", "alignments", "motif_windows", "clip", "knockout")


@dataclass(frozen=True)
class Found:
    """Candidates with their motifs, what was asked of them, every line, and the tables that lines were drawn from."""

    proteins: Mapping[str, list[Motif]]
    asked: list[Query]
    lines: dict[str, pd.DataFrame]
    aligned: pd.DataFrame
    windows: pd.DataFrame
    near: pd.DataFrame
    overlaps: pd.DataFrame


def run(settings: Settings) -> Path:
    """Search for the regulator of a finished run; the page of `settings.out` is returned."""
    clock = Clock()
    with clock("data"):
        finished = read_run(settings.run)
        evidence = read_evidence(settings, finished)
    return searched(settings, finished, evidence, clock)


def searched(settings: Settings, finished: Finished, evidence: Evidence, clock: Clock) -> Path:
    """Likewise, of a run and evidence that are read already."""
    folder = opened(settings.out, "regulators")
    _refuse_own_tables(settings, folder)
    found = gathered(finished, evidence, clock)
    judgement = judged(found.lines, settings.alpha)
    table = verdict(judgement)
    with clock("plates"):
        details = _plates(finished, evidence, found, table)
    _begin(settings, finished, folder)
    _write(found, judgement, table, folder)
    with clock("figures"):
        figures.candidates(judgement, table, folder / "figures")
        for place, each in enumerate(details.values(), start=1):
            figures.plate(each, folder / "figures", str(place))
    summary = _summary(settings, finished, evidence, found, judgement, table, details)
    write_json(folder / "page.json", page.describe(summary))
    write_json(folder / "summary.json", summary | {"seconds": clock.seconds, "versions": versions()})
    return build(folder)


def gathered(finished: Finished, evidence: Evidence, clock: Clock, progress: bool = True) -> Found:
    """Every line of evidence there is, of every candidate."""
    proteins = candidates(evidence.compendium)
    asked = queries(finished.meta_features, finished.motifs)
    with clock("alignment"):
        aligned = lines.alignments(asked, proteins)
    with clock("motif_maps"):
        maps, tested = lines.motif_map(finished, proteins, progress)
    with clock("experiments"):
        near, of_sites = lines.clip(finished, evidence)
        answers, overlaps = lines.knockout(finished, evidence)
    names = list(dict.fromkeys([*proteins, *evidence.clip, *evidence.knockout]))
    of_line = {
        "motif": lines.motif(asked, aligned, proteins), "motif_map": maps, "clip": near, "knockout": answers
    }  # fmt: skip
    if evidence.expression is not None:
        of_line["expression"] = lines.expression(evidence.expression, evidence.tissue, names)
    return Found(proteins, asked, of_line, aligned, tested, of_sites, overlaps)


def _refuse_own_tables(settings: Settings, folder: Path) -> None:
    """Evidence that lies where a table is to be written would be lost."""
    own = {(folder / f"{name}.csv").resolve() for name in TABLES}
    for name, path in settings.files().items():
        if path.resolve() in own:
            raise ValueError(f"{name}: got {path}, where the search writes its own table, expected another place")


def _begin(settings: Settings, finished: Finished, folder: Path) -> None:
    """The folder holds no results from here on."""
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in settings.files().items()}
    of_figures = (each for pattern in ("candidates.*", "plate-*.*") for each in (folder / "figures").glob(pattern))
    for path in (*(folder / name for name in RESULTS), *(folder / f"{name}.csv" for name in TABLES), *of_figures):
        path.unlink(missing_ok=True)
    table = finished.meta_features.to_csv(index=False).encode()
    write_json(
        folder / "config.json",
        {
            "command": "regulators", "arguments": settings.arguments(),
            "data": {"meta-features": hashlib.sha256(table).hexdigest(), **files}, "versions": versions(),
        },
    )  # fmt: skip


def _write(found: Found, judgement: pd.DataFrame, table: pd.DataFrame, folder: Path) -> None:
    """Tables; those of experiments that are missing are not written."""
    order = dict(zip(table["candidate"], table["place"], strict=True))
    in_order = judgement.sort_values("candidate", key=lambda names: names.map(order), kind="stable")
    tables = {
        "candidates": table, "evidence": in_order, "alignments": found.aligned.drop(columns="itself"),
        "motif_windows": found.windows, "clip": found.near, "knockout": found.overlaps,
    }  # fmt: skip
    for name, each in tables.items():
        if name not in ("motif_windows", "clip", "knockout") or not each.empty:
            write_table(folder / f"{name}.csv", each)


def _plates(finished: Finished, evidence: Evidence, found: Found, table: pd.DataFrame) -> dict[str, Details]:
    """What is shown of the first candidates."""
    shown = table["candidate"].head(PLATES).tolist()
    return {
        name: details_of(
            name, finished, evidence, found.proteins, found.asked, found.aligned, found.windows, found.near,
            found.overlaps,
        )
        for name in shown
    }  # fmt: skip


def _summary(
    settings: Settings,
    finished: Finished,
    evidence: Evidence,
    found: Found,
    judgement: pd.DataFrame,
    table: pd.DataFrame,
    details: Mapping[str, Details],
) -> dict[str, Any]:
    first = {name: each.at_sites for name, each in details.items()}
    return {
        "ranking": table["candidate"].tolist(),
        "passed": table.loc[table["passes"], "candidate"].tolist(),
        "evidence": of_candidates(judgement),
        "condition": finished.condition, "tissue": evidence.tissue, "direction": finished.of_class,
        "sets": {name: int(mask.sum()) for name, mask in finished.sets.items()},
        "queries": [
            {"motif": each.motif.name, "places": list(each.places), "weight": each.weight, "p_value": each.p_value}
            for each in found.asked
        ],
        "missing": [
            name for name in BEYOND_SEQUENCE if name not in set(judgement["line"])
        ],
        "motif_at_sites": {name: _finite(each) for name, each in first.items() if each is not None},
        "plates": list(details), "alpha": settings.alpha, "n_candidates": len(table),
    }  # fmt: skip


def _finite(numbers: Mapping[str, float | int]) -> dict[str, float | int | None]:
    return {name: value if np.isfinite(value) else None for name, value in numbers.items()}
