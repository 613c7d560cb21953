"""What a study has read and trained before anything is explained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

import eigrad
from eigrad.cases.folder import Clock
from eigrad.cases.splicing.model import Dataset, Recipe, Score, Trained, assembled, load_or_train
from eigrad.cases.splicing.study import sources
from eigrad.cases.splicing.study.explain import Groups, grouped
from eigrad.cases.splicing.study.methods import Workbench
from eigrad.cases.splicing.study.settings import ALL, Settings
from eigrad.cases.splicing.study.sources import Read, Sources


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


def prepared(settings: Settings, folder: Path, clock: Clock) -> Study:
    """Files are read, and networks trained or read."""
    with clock("data"):
        files = sources.located(settings)
        read = sources.read(files, folder)
        data = assembled(read.events, read.n_quantified, read.features, seed=settings.seed)
        groups = grouped(read, settings, files.condition)
        if settings.reference != ALL:
            data.of_pair(files.condition, settings.reference)
    with clock("training"):
        made_from = {"version": eigrad.__version__, "data": data.hash}
        trained = load_or_train(
            folder / "models", data, Recipe(), fingerprint=made_from, seed=settings.seed, device=settings.device
        )
    return Study(settings, files, read, data, groups, trained)
