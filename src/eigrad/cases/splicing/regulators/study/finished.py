"""What the search starts from: a finished splicing run, and the evidence that lies beside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Bool

from eigrad.cases.splicing.events import Events, alternative_elsewhere, non_changing, read_events
from eigrad.cases.splicing.features import Genome
from eigrad.cases.splicing.features.motifs import Motif, built_in, read_meme
from eigrad.cases.splicing.regulators.clip import Sites, read_sites, require_shared
from eigrad.cases.splicing.regulators.expression import Expression, read_expression
from eigrad.cases.splicing.regulators.knockout import Response, response
from eigrad.cases.splicing.regulators.study.settings import Settings
from eigrad.cases.splicing.study import sources
from eigrad.cases.splicing.study.explain import changed
from eigrad.cases.splicing.study.prepare import Study
from eigrad.cases.splicing.study.settings import Settings as StudySettings
from eigrad.data import one_line

T = TypeVar("T")
logger = logging.getLogger(__name__)

INCLUDED, EXCLUDED, STILL, ELSEWHERE = "included", "excluded", "non-changing", "changing elsewhere"
NUMBERS = ("magnitude", "p_adjusted")
NEEDED = ("meta_feature", "region", "kind", "significant", "direction", "magnitude", "p_adjusted")
FEWEST = 20  # exons of the class, and of those that do not change, below which nothing can be tested


@dataclass(frozen=True)
class Finished:
    """A finished splicing run: its events and their sets, its meta-features, and the motifs these were made of."""

    folder: Path
    study: StudySettings
    condition: str
    events: Events
    genome: Genome
    sets: dict[str, Bool[np.ndarray, " events"]]
    meta_features: pd.DataFrame
    motifs: list[Motif]

    @property
    def of_class(self) -> str:
        """The set that the run explains."""
        return self.study.direction


@dataclass(frozen=True)
class Evidence:
    """What is known of candidates besides sequence; empty, or None, where there is nothing.

    Names are those of the compendium's proteins, whatever their case in the evidence.
    """

    expression: Expression | None
    tissue: str
    clip: Mapping[str, Sites]
    knockout: Mapping[str, Response]
    compendium: list[Motif]


def candidates(compendium: Sequence[Motif]) -> dict[str, list[Motif]]:
    """Proteins, each with its motifs: a compendium names the second motif of QKI "QKI-2"."""
    names = {motif.name for motif in compendium}
    found: dict[str, list[Motif]] = {}
    for motif in compendium:
        gene, dash, number = motif.name.rpartition("-")
        own = gene if dash and number.isdecimal() and gene in names else motif.name
        found.setdefault(own, []).append(motif)
    return found


def read_run(folder: Path) -> Finished:
    """The run, from its own files and those it was made of."""
    if not (folder / "summary.json").is_file():
        raise ValueError(f"RUN: got {folder}, expected a finished run folder of eigrad splicing (with summary.json)")
    config = _config(folder)
    study = _settings(folder, config)
    files = sources.located(study)
    _require_same(folder, config.get("data"), files)
    events = sources.quantified_events(files)
    motifs = built_in() if files.motifs is None else read_meme(files.motifs)
    return Finished(
        folder, study, files.condition, events, Genome(files.fasta), exon_sets(events, study, files.condition),
        _meta_features(folder), motifs,
    )  # fmt: skip


def of_study(study: Study, meta_features: pd.DataFrame) -> Finished:
    """What `read_run` would find in the folder of a study, before it is written."""
    files = study.sources
    condition, events = files.condition, study.read.events.take(np.arange(study.read.n_quantified))
    motifs = built_in() if files.motifs is None else read_meme(files.motifs)
    sets = exon_sets(events, study.settings, condition)
    return Finished(
        study.settings.out, study.settings, condition, events, Genome(files.fasta), sets, meta_features, motifs
    )


def exon_sets(events: Events, study: StudySettings, condition: str) -> dict[str, np.ndarray]:
    """Exons more included and more excluded in the condition, that change elsewhere alone, and that change nowhere.

    The last are compared with the condition, in every comparison with it their dPSI, sure or not, is at most what
    counts as a change, and they are not sure to change in any other. Exons that are neither are in none of the sets.
    """
    sets = {name: changed(events, study, condition, name) for name in (INCLUDED, EXCLUDED)}
    sets[ELSEWHERE] = alternative_elsewhere(events, condition, min_dpsi=study.min_dpsi)
    moved = alternative_elsewhere(events, condition, min_pairs=1, min_dpsi=study.min_dpsi)
    sets[STILL] = non_changing(events, condition=condition, max_dpsi=study.min_dpsi) & ~moved
    for name in (study.direction, STILL):
        if (n := int(sets[name].sum())) < FEWEST:
            raise ValueError(f"RUN: got {n} {name} exons, expected at least {FEWEST} to test anything")
    return sets


def read_evidence(settings: Settings, finished: Finished) -> Evidence:
    """The files that are given, and for what is not given those of the run's simulated world, if it has one."""
    beside = _of_world(finished)
    compendium = finished.motifs if settings.motifs is None else read_meme(settings.motifs)
    proteins = candidates(compendium)
    expression = settings.expression or beside.get("expression")
    clip = dict(settings.clip) or beside.get("clip", {})
    knockout = dict(settings.knockout) or beside.get("knockout", {})
    tissue = settings.tissue or finished.condition
    measured = None if expression is None else read_expression(expression)
    if measured is not None:
        _require_genes(measured, proteins, expression)
    sites = {name: read_sites(path, min_tags=settings.min_tags) for name, path in clip.items()}
    for name, each in sites.items():
        require_shared(finished.events, each, f"--clip {name}")
    answers = {name: read_response(path, settings.wildtype_of(name)) for name, path in knockout.items()}
    return Evidence(measured, tissue, _called(sites, proteins), _called(answers, proteins), compendium)


def _require_genes(measured: Expression, proteins: Iterable[str], path: object) -> None:
    genes = {str(name).upper() for name in measured.means.index}
    if not genes & {name.upper() for name in proteins}:
        first = ", ".join(str(name) for name in measured.means.index[:3])
        raise ValueError(
            f"--expression: {path} has none of the candidates among its genes ({first}, ...), expected genes called as "
            f"motifs are, such as {next(iter(proteins))}"
        )


def _called(found: Mapping[str, T], proteins: Iterable[str]) -> dict[str, T]:
    """Evidence under the names that proteins have; a name that none has keeps its own, and has no motif."""
    known = {name.upper(): name for name in proteins}
    renamed = {name: known.get(name.upper(), name) for name in found}
    if len(set(renamed.values())) < len(renamed):
        raise ValueError(f"evidence: got {', '.join(renamed)}, expected every protein once, whatever the case")
    for name in found:
        if name.upper() not in known:
            logger.warning("%s is not among the motifs: it has no line of motif and motif map", name)
    return {renamed[name]: each for name, each in found.items()}


def read_response(path: Path, wildtype: str | None = None) -> Response:
    """How exons answer, by a table of two conditions: the wild type is the first, or the one that is named."""
    events = read_events(path)
    pairs = sorted(set(zip(events.changes["condition_1"], events.changes["condition_2"], strict=True)))
    if len(pairs) != 1:
        raise ValueError(f"--knockout: {path} compares {len(pairs)} pairs of conditions, expected one")
    first, second = pairs[0]
    if wildtype is not None and wildtype not in pairs[0]:
        raise ValueError(f"--wildtype: got {wildtype!r}, expected a condition of {path}, {first} or {second}")
    return response(events, second, first) if wildtype == second else response(events, first, second)


def _of_world(finished: Finished) -> dict[str, Any]:
    """The evidence in a simulated world: a table of expression, and files named after proteins."""
    if finished.study.events:
        return {}
    world = finished.study.world or finished.folder / "world"
    expression = world / "expression.csv"
    return {
        "expression": expression if expression.is_file() else None,
        "clip": {path.name.split(".")[0]: path for path in sorted((world / "clip").glob("*.bed*"))},
        "knockout": {path.name.split(".")[0]: path for path in sorted((world / "knockout").glob("*.tsv*"))},
    }


def _settings(folder: Path, config: Mapping[str, Any]) -> StudySettings:
    try:
        return StudySettings.from_arguments(folder, config["arguments"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"RUN: got {folder}, whose config.json has other arguments than eigrad splicing now takes "
            f"({one_line(error)}), expected a run of this version"
        ) from None


def _meta_features(folder: Path) -> pd.DataFrame:
    """The run's table of meta-features."""
    path = folder / "features.csv"
    try:
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"RUN: {path} cannot be read ({one_line(error)}), expected the run's meta-features") from None
    if missing := [name for name in NEEDED if name not in table]:
        raise ValueError(f"RUN: {path} has no column {missing[0]!r}, expected {', '.join(NEEDED)}")
    if table.empty or table["significant"].dtype != bool:
        raise ValueError(f"RUN: {path} does not say True or False in every row of 'significant', expected it to")
    for name in NUMBERS:
        table[name] = pd.to_numeric(table[name], errors="coerce")
        if not np.isfinite(table.loc[table["significant"], name].to_numpy(float)).all():
            raise ValueError(f"RUN: {path} has no finite {name!r} of every significant meta-feature, expected numbers")
    return table


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["command"] == "splicing":
            return dict(config)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(f"RUN: got {folder}, expected a run folder of eigrad splicing (its config.json says otherwise)")


def _require_same(folder: Path, hashes: object, files: sources.Sources) -> None:
    """Refuse files that are no longer those the run was made of."""
    now = files.hashes()
    if isinstance(hashes, dict) and hashes != now:
        changed = next(name for name in {**hashes, **now} if hashes.get(name) != now.get(name))
        raise ValueError(f"RUN: {changed} is not what {folder} was made of, expected the same file")
