"""The splicing study: read, train, explain, evaluate, draw, and report, one stage after another."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

import eigrad
from eigrad.cases.splicing.model import Recipe
from eigrad.cases.splicing.study import methods, page
from eigrad.cases.splicing.study.explain import Groups, explain
from eigrad.cases.splicing.study.prepare import Study, prepared, surveyed
from eigrad.cases.splicing.study.results import evaluated
from eigrad.cases.splicing.study.settings import ALL, Settings
from eigrad.data import write_json
from eigrad.folder import Clock, opened, versions
from eigrad.report import build
from eigrad.training import model_hash

logger = logging.getLogger(__name__)

RESULTS = ("summary.json", "page.json", "report.html")  # with them a run folder is whole


def run(settings: Settings) -> Path:
    """Run the study into `settings.out` and return its page; what is finished there is reused."""
    wanted = _wanted(settings)
    folder = opened(settings.out, "splicing")
    clock = Clock()
    with clock("data"):
        ground = surveyed(settings)
    _begin(settings, folder)
    study = prepared(ground, folder, clock)
    write_json(folder / "config.json", _config(study))
    bench = study.workbench()
    known = methods.methods(bench)
    chosen = {name: method for name, method in known.items() if name in wanted}
    with clock("attributions"):
        main = _explained(study, {settings.main: known[settings.main]}, study.groups, folder / "main")[settings.main]
    with clock("comparison"):
        tables = _explained(study, chosen, study.compared, folder / "methods")
    summary = evaluated(study, bench, main, tables, folder, clock)
    write_json(folder / "page.json", page.describe(settings, summary))
    write_json(folder / "summary.json", summary)
    return build(folder)


def _begin(settings: Settings, folder: Path) -> None:
    """The folder holds no results from here on, and none of other settings when it is whole again."""
    write_json(
        folder / "config.json", {"command": "splicing", "arguments": settings.arguments(), "versions": versions()}
    )
    for path in (*(folder / name for name in RESULTS), *folder.glob("*.csv"), *(folder / "figures").glob("*.*")):
        if path.name != "catalogue.csv":  # kept with the features
            path.unlink(missing_ok=True)


def _wanted(settings: Settings) -> set[str]:
    """Names of the methods to be run, the main one among them; of "all" those whose library is installed."""
    known = methods.names()
    if settings.methods == (ALL,):
        left_out = {name: library for name in known if (library := methods.missing(name)) is not None}
        if left_out:
            logger.warning("without %s, which need: pip install 'eigrad[compare]'", ", ".join(left_out))
        return set(known) - set(left_out)
    for name in settings.methods:
        if name not in known:
            raise ValueError(f"--methods: got {name!r}, expected all or some of {'; '.join(known)}")
        if (library := methods.missing(name)) is not None:
            raise ValueError(f"--methods: {name!r} needs {library}: pip install 'eigrad[compare]'")
    return {settings.main, *settings.methods}


def _explained(
    study: Study, chosen: dict[str, methods.Method], groups: Groups, folder: Path
) -> dict[str, pd.DataFrame]:
    settings = study.settings
    return explain(
        chosen, study.data.features, groups, study.data.part != "test", folder, _fingerprint(study, groups),
        seed=settings.seed, device=settings.device,
    )  # fmt: skip


def _fingerprint(study: Study, groups: Groups) -> dict[str, Any]:
    settings = study.settings
    return {
        "version": eigrad.__version__, "files": study.sources.hashes(), "score": model_hash(study.score),
        "seed": settings.seed, "n_baselines": settings.n_baselines, "target": settings.target,
        **{name: rows.tolist() for name, rows in groups.explained().items()},
    }  # fmt: skip


def _config(study: Study) -> dict[str, Any]:
    return {
        "command": "splicing",
        "arguments": study.settings.arguments(),
        "seed": study.settings.seed,
        "data": study.sources.hashes(),
        "models": {"hash": model_hash(*study.trained.networks.values()), "recipe": Recipe().config()},
        "versions": versions(),
    }
