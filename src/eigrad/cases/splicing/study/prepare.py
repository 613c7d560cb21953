"""What a study has read and trained before anything is explained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import eigrad
from eigrad.cases.splicing.model import Dataset, Recipe, Score, Trained, assembled, load_or_train, parts
from eigrad.cases.splicing.study import sources
from eigrad.cases.splicing.study.explain import Groups, grouped
from eigrad.cases.splicing.study.methods import Workbench
from eigrad.cases.splicing.study.settings import ALL, Settings
from eigrad.cases.splicing.study.sources import Read, Sources
from eigrad.folder import Clock

FEWEST = {"test": 2, "other": 10}  # exons of a set on chromosomes to test on, and on others


@dataclass(frozen=True)
class Study:
    """All that is read and trained before anything is explained."""

    settings: Settings
    sources: Sources
    read: Read
    data: Dataset
    groups: Groups
    trained: Trained

    @property
    def score(self) -> Score:
        """What is explained."""
        reference = None if self.settings.reference == ALL else self.settings.reference
        network = self.trained.networks[self.settings.network]
        return Score(network, self.sources.condition, reference, self.settings.target)

    @property
    def compared(self) -> Groups:
        """The exons on which methods are compared."""
        return self.groups.fewer(self.settings.n_compared, self.settings.seed)

    @property
    def order(self) -> str:
        """The order in which meta-features are read."""
        return self.settings.order

    def workbench(self) -> Workbench:
        """What methods need."""
        values = torch.from_numpy(self.data.features.values).to(self.settings.device)
        return Workbench(
            self.score.to(self.settings.device), self.trained.autoencoder, values[self.data.rows("train")],
            values[self.groups.background], self.settings.n_baselines, self.settings.seed,
        )  # fmt: skip

    def conditions(self) -> tuple[str, ...]:
        """The conditions that the score compares."""
        if self.settings.reference == ALL:
            return self.data.conditions
        return self.sources.condition, self.settings.reference


@dataclass(frozen=True)
class Ground:
    """What a study stands on, before anything is computed: files, events, the sets of exons, and their parts."""

    settings: Settings
    sources: Sources
    read: Read
    groups: Groups
    part: np.ndarray


def surveyed(settings: Settings) -> Ground:
    """Read the files of the settings, and refuse what can be refused."""
    files = sources.located(settings)
    read = sources.read(files)
    annotated = np.arange(len(read.events)) >= read.n_quantified
    part = parts(read.events.exons["chrom"].to_numpy(object), ~annotated, settings.seed)
    groups = grouped(read, settings, files.condition)
    _require_in_parts(part, groups)
    _require_compared(read, settings, files.condition)
    return Ground(settings, files, read, groups, part)


def prepared(ground: Ground, folder: Path, clock: Clock) -> Study:
    """Features are computed and networks trained, or both are read from the folder."""
    settings, read = ground.settings, ground.read
    with clock("features"):
        features = sources.features_of(read.events, ground.sources, folder)
        data = assembled(read.events, read.n_quantified, features, ground.part, seed=settings.seed)
    with clock("training"):
        made_from = {"version": eigrad.__version__, "data": data.hash}
        trained = load_or_train(
            folder / "models", data, Recipe(), fingerprint=made_from, seed=settings.seed, device=settings.device
        )
    return Study(settings, ground.sources, read, data, ground.groups, trained)


def _require_in_parts(part: np.ndarray, groups: Groups) -> None:
    """Exons of the class and constitutive ones must be among those to test on, and among the others."""
    sets = {"of the class": groups.chosen, "constitutive": groups.constitutive}
    for name, mask in sets.items():
        n_test, n_other = int((mask & (part == "test")).sum()), int((mask & (part != "test")).sum())
        if n_test < FEWEST["test"] or n_other < FEWEST["other"]:
            raise ValueError(
                f"exons: got {n_test} {name} on chromosomes to test on and {n_other} on others, expected at least "
                f"{FEWEST['test']} and {FEWEST['other']}"
            )


def _require_compared(read: Read, settings: Settings, condition: str) -> None:
    seen = read.events.changes[["condition_1", "condition_2"]].drop_duplicates()
    pairs = {frozenset(pair) for pair in seen.itertuples(index=False, name=None)}
    if settings.reference != ALL and {condition, settings.reference} not in pairs:
        known = ", ".join(sorted({name for pair in pairs if condition in pair for name in pair - {condition}}))
        raise ValueError(
            f"--reference: got {settings.reference!r}, expected one that {condition} is compared with, {known}"
        )
