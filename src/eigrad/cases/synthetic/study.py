"""The comparison of methods over worlds and seeds: a run folder with a table of everything and one of means."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import eigrad
from eigrad.cases.synthetic import figures
from eigrad.cases.synthetic.compare import METHODS, Compared, compare
from eigrad.cases.synthetic.networks import NETWORKS
from eigrad.cases.synthetic.worlds import WORLDS
from eigrad.data import write_json, write_table

logger = logging.getLogger(__name__)

WAYS = ["variant", "network", "method", "order"]
MEASURES = [
    "average_precision", "average_precision_no_proxies", "roc_auc", "precision_at_20", "precision_at_50",
    "n_significant", "precision", "recall", "auc",
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Which worlds, drawn by which seeds, are explained in which networks, and where the tables go."""

    out: Path
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    networks: tuple[str, ...] = NETWORKS
    methods: tuple[str, ...] = METHODS
    n_samples: int = 10_000
    n_explained: int = 450

    def __post_init__(self) -> None:
        for name, given, known in (
            ("variants", self.variants, WORLDS),
            ("networks", self.networks, NETWORKS),
            ("methods", self.methods, METHODS),
        ):
            unknown = [each for each in given if each not in known]
            if unknown or not given:
                raise ValueError(f"--{name}: got {', '.join(given)!r}, expected some of {', '.join(known)}")
        if not self.seeds:
            raise ValueError("--seeds: got none, expected at least one")


def run(settings: Comparison, *, progress: bool = True) -> Path:
    """Compare on every world and seed that is not in the folder yet; write comparison.csv and means.csv."""
    parts = settings.out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    found = {
        (variant, seed): _one(settings, parts / f"{variant}-{seed}", variant, seed, progress)
        for variant in settings.variants
        for seed in settings.seeds
    }
    table, groups = (
        pd.concat([getattr(each, name).assign(variant=variant) for (variant, _), each in found.items()])
        for name in ("methods", "groups")
    )
    table = table[["variant", *(name for name in table if name != "variant")]]
    summary = means(table)
    for name, content in {"comparison.csv": table, "means.csv": summary}.items():
        write_table(settings.out / name, content)
    if "average_precision" in summary:  # where anything is a cause
        figures.draw(summary.dropna(subset=["average_precision"]), groups, settings.out / "figures")
    return settings.out / "means.csv"


def _one(settings: Comparison, path: Path, variant: str, seed: int, progress: bool) -> Compared:
    """What is known of a world and seed: read if it is there and was made the same way."""
    how = {
        "version": eigrad.__version__, "world": asdict(WORLDS[variant]), "seed": seed,
        "networks": list(settings.networks), "methods": list(settings.methods), "n_samples": settings.n_samples,
        "n_explained": settings.n_explained,
    }  # fmt: skip
    config = path.with_suffix(".json")
    tables = [path.with_suffix(".csv"), path.with_name(f"{path.name}-groups.csv")]
    if (kept := _kept(config, tables, how)) is not None:
        logger.info("%s, seed %d: reusing %s", variant, seed, tables[0])
        return kept
    logger.info("%s, seed %d", variant, seed)
    config.unlink(missing_ok=True)
    found = compare(
        WORLDS[variant], seed, n_samples=settings.n_samples, n_explained=settings.n_explained,
        networks=settings.networks, methods=settings.methods, progress=progress,
    )  # fmt: skip
    for file, table in zip(tables, (found.methods, found.groups), strict=True):
        write_table(file, table)
    write_json(config, how)
    return found


def _kept(config: Path, tables: Sequence[Path], how: Mapping[str, Any]) -> Compared | None:
    """What the files have, None where it was made in another way or they cannot be read."""
    try:
        same = json.loads(config.read_text(encoding="utf-8")) == how
        return Compared(*map(pd.read_csv, tables)) if same else None
    except (OSError, ValueError, RecursionError):
        return None


def means(table: pd.DataFrame, measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Mean and standard deviation over data sets, each the mean of its classes, and how many a way is best on.

    Classes of one data set share their samples and their network: they are no two draws. `wins` counts the data sets on
    which no other way has a larger average precision.
    """
    there = [name for name in measures if name in table]
    by_data = table.groupby([*WAYS, "seed"], sort=False)[there].mean().reset_index()
    grouped = by_data.groupby(WAYS, sort=False)[there]
    result = grouped.mean().join(grouped.std(ddof=1).add_suffix("_sd"))
    if "average_precision" in by_data:
        best = by_data.groupby(["variant", "seed"])["average_precision"].transform("max")
        wins = (by_data["average_precision"] >= best - 1e-12).groupby([by_data[name] for name in WAYS], sort=False)
        result["wins"] = wins.sum()
    result["data_sets"] = grouped.size()
    return result.reset_index()
