"""The files of a study, and what is read from them: events and their features, which the run folder keeps."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import eigrad
from eigrad.cases.splicing.events import Events, constitutive_exons, merge, read_events
from eigrad.cases.splicing.features import SITES, Features, Genome, compute, sites
from eigrad.cases.splicing.features.conservation import Track
from eigrad.cases.splicing.features.motifs import read_meme
from eigrad.cases.splicing.features.regions import by_chromosome
from eigrad.cases.splicing.features.table import CATALOGUE
from eigrad.cases.splicing.model.dataset import joined
from eigrad.cases.splicing.simulate import TISSUES, simulate
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.study.settings import Settings
from eigrad.data import is_there, write_atomic, write_json, write_table

logger = logging.getLogger(__name__)

CHECKED, CANONICAL = 1000, 0.5  # events whose splice sites are looked at, and the part that must be GT or AG
TABLES = ("*.tsv", "*.tsv.gz", "*.txt", "*.txt.gz", "*.csv", "*.csv.gz", "*.tab", "*.tab.gz")


@dataclass(frozen=True)
class Sources:
    """Where everything is read from; `truth` is the folder of a simulated world's truth tables."""

    events: tuple[Path, ...]
    fasta: Path
    gtf: Path
    bigwig: Path | None
    motifs: Path | None
    condition: str
    truth: Path | None
    structure: bool = False
    changes: Path | None = None
    groups: tuple[tuple[str, str], ...] = ()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file that numbers depend on, by what it is and its name."""
        single = {
            "fasta": self.fasta, "gtf": self.gtf, "bigwig": self.bigwig, "motifs": self.motifs, "changes": self.changes
        }  # fmt: skip
        tables = {f"events {i}": path for i, path in enumerate(self.events, start=1)}
        return {f"{what}: {path.name}": _hash(path) for what, path in {**tables, **single}.items() if path is not None}


@dataclass(frozen=True)
class Read:
    """Events, the first `n_quantified` of them from tables and the others by annotation."""

    events: Events
    n_quantified: int


def located(settings: Settings) -> Sources:
    """The files of the settings; without any, those of a world that is simulated in the run folder."""
    if not settings.events:
        return _of_world(settings)
    assert settings.fasta is not None
    assert settings.gtf is not None
    assert settings.condition is not None
    events = tuple(path for given in settings.events for path in _tables(given))
    sources = Sources(
        events,
        settings.fasta,
        settings.gtf,
        settings.bigwig,
        settings.motifs,
        settings.condition,
        None,
        settings.structure,
        settings.changes,
        _groups(settings.groups, events),
    )
    for name in ("fasta", "gtf", "bigwig", "motifs", "changes"):
        path = getattr(sources, name)
        if path is not None and not (is_there(path) and path.is_file()):
            raise ValueError(f"--{name}: got {path}, expected a file")
    return sources


def _groups(given: tuple[str, ...], events: tuple[Path, ...]) -> tuple[tuple[str, str], ...]:
    """The names of the two groups of every table, none where none are given."""
    if given and len(given) != len(events):
        raise ValueError(f"--groups: got {len(given)} for {len(events)} tables, expected one each, in their order")
    found = []
    for text in given:
        names = [name.strip() for name in text.split(",")]
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            raise ValueError(f"--groups: got {text!r}, expected two names with a comma between them")
        found.append((names[0], names[1]))
    return tuple(found)


def _of_world(settings: Settings) -> Sources:
    folder = settings.world
    if folder is None:
        folder = settings.out / "world"
        if settings.condition not in (None, *TISSUES):
            raise ValueError(f"--condition: got {settings.condition!r}, expected one of {', '.join(TISSUES)}")
        wanted = World(
            folder, settings.n_events or World.n_events, tissue=settings.condition or World.tissue,
            direction=settings.direction, seed=settings.seed,
        )  # fmt: skip
        if arguments_of(folder) != wanted.arguments():
            logger.info("simulating a world of %d events in %s", wanted.n_events, folder)
            simulate(wanted)
    arguments = arguments_of(folder)
    if arguments is None:
        raise ValueError(f"--world: got {folder}, expected the finished folder of eigrad simulate (with world.json)")
    tissue = settings.condition or str(arguments["tissue"])
    return Sources(
        tuple(_tables(folder / "majiq")), folder / "genome.fa", folder / "annotation.gtf", folder / "conservation.bw",
        None, tissue, folder / "truth", settings.structure,
    )  # fmt: skip


def arguments_of(folder: Path) -> dict[str, Any] | None:
    """What a finished world was made with."""
    try:
        return dict(json.loads((folder / "world.json").read_text(encoding="utf-8"))["arguments"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _tables(given: Path) -> list[Path]:
    """A table itself, or the tables in a folder."""
    if is_there(given) and given.is_file():
        return [given]
    found = sorted({path for pattern in TABLES for path in given.glob(pattern)}) if is_there(given) else []
    if not found:
        raise ValueError(f"--events: got {given}, expected a table of events or a folder with some")
    return found


def quantified_events(sources: Sources) -> Events:
    """The events of all tables, joined; there must be changes, the condition's among them."""
    groups = sources.groups or (None,) * len(sources.events)
    quantified = merge(
        [
            read_events(path, groups=names, changes=sources.changes)
            for path, names in zip(sources.events, groups, strict=True)
        ]
    )
    if quantified.changes.empty:
        raise ValueError(
            f"--events: {sources.events[0].name} has no changes between two conditions, expected some, or --changes "
            "with plain CSV"
        )
    if sources.condition not in quantified.conditions:
        known = ", ".join(quantified.conditions)
        raise ValueError(f"--condition: got {sources.condition!r}, expected a condition of the tables, of {known}")
    return quantified


def read(sources: Sources) -> Read:
    """Quantified events and, after them, constitutive ones of the annotation, both of this genome."""
    quantified = quantified_events(sources)
    events = joined(quantified, constitutive_exons(sources.gtf))
    genome = Genome(sources.fasta)
    is_quantified = np.arange(len(events)) < len(quantified)
    for option, mask in (("--events", is_quantified), ("--gtf", ~is_quantified)):
        if mask.any():
            _require_own_genome(events.take(mask), genome, option)
    return Read(events, len(quantified))


def features_of(events: Events, sources: Sources, folder: Path) -> Features:
    """The features of events; those of the same events and files that are in the folder are read from it."""
    ids = hashlib.sha256("\n".join(events.exons["event_id"]).encode()).hexdigest()
    how = {
        "version": eigrad.__version__, "files": sources.hashes(), "structure": sources.structure, "events": ids
    }  # fmt: skip
    features = _stored(folder, how, events)
    if features is None:
        features = compute(
            events, Genome(sources.fasta),
            motifs=None if sources.motifs is None else read_meme(sources.motifs),
            conservation=None if sources.bigwig is None else Track(sources.bigwig), structure=sources.structure,
        )  # fmt: skip
        _store(folder, how, features)
    return features


def _require_own_genome(events: Events, genome: Genome, option: str) -> None:
    """Refuse a genome in which most introns do not begin with GT and end with AG: it is another, or another build."""
    drawn = events.take(np.sort(np.random.default_rng(0).permutation(len(events))[:CHECKED]))
    share = np.mean(
        [
            sites.canonical(each, name.split("_")[1]).mean()
            for _, _, windows in by_chromosome(drawn, genome, CHECKED)
            for name, each in zip(SITES, windows, strict=True)
        ]
    )
    if share < CANONICAL:
        raise ValueError(
            f"--fasta: in {genome.path} {100 * share:.0f} % of the splice sites of {option} are GT or AG, expected "
            "nearly all: the genome, and the build, that they were made with"
        )


def _stored(folder: Path, how: dict[str, Any], events: Events) -> Features | None:
    try:
        if json.loads((folder / "features.json").read_text(encoding="utf-8")) != how:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # our own files give none
            values: np.ndarray = np.lib.format.open_memmap(folder / "features.npy", mode="r")
        catalogue = pd.read_csv(folder / "catalogue.csv", keep_default_na=False)
    except Exception:  # what readers of damaged files raise is many things
        return None
    if values.shape != (len(events), len(catalogue)) or tuple(catalogue) != CATALOGUE:
        return None
    values = np.array(values)
    if values.dtype != np.float32 or not np.isfinite(values).all():
        return None
    logger.info("reusing %s", folder / "features.npy")
    return Features(values, tuple(events.exons["event_id"]), catalogue)


def _store(folder: Path, how: dict[str, Any], features: Features) -> None:
    """The file that says how comes last."""
    (folder / "features.json").unlink(missing_ok=True)
    with write_atomic(folder / "features.npy") as beside:
        np.save(beside, features.values, allow_pickle=False)
    write_table(folder / "catalogue.csv", features.catalogue)
    write_json(folder / "features.json", how)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}), expected a file") from error
