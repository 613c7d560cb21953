"""Which exons are explained against which, and what each method says of every meta-feature."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eigrad.cases.splicing.events import constitutive, differential
from eigrad.cases.splicing.features import Features
from eigrad.cases.splicing.study.methods import Method
from eigrad.cases.splicing.study.settings import LEAST, Settings
from eigrad.cases.splicing.study.sources import Read
from eigrad.data import write_json, write_table
from eigrad.progress import track
from eigrad.significance import SignificanceWarning, recommended, significance

logger = logging.getLogger(__name__)

FEW = 50  # samples below which p-values are by permutation


@dataclass(frozen=True)
class Groups:
    """Places of exons: of the class, random others, and constitutive ones, as many each; and more constitutive ones.

    `chosen` says of every exon whether it is of the class, `constitutive` whether it is always included.
    """

    of_class: np.ndarray
    null: np.ndarray
    reference: np.ndarray
    background: np.ndarray
    chosen: np.ndarray
    constitutive: np.ndarray

    def explained(self) -> dict[str, np.ndarray]:
        """The three sets that are explained."""
        return {"class": self.of_class, "null": self.null, "reference": self.reference}


def grouped(read: Read, settings: Settings, condition: str) -> Groups:
    """Exons that are more included (or excluded) in the condition, and what they are held against."""
    events = read.events
    chosen = differential(
        events, condition, direction=settings.direction, min_others=settings.min_others, min_dpsi=settings.min_dpsi
    )
    always = np.arange(len(events)) >= read.n_quantified
    always |= constitutive(events, min_conditions=2) & ~chosen
    rng = np.random.default_rng((settings.seed, 3))
    n = min(settings.n_samples, int(chosen.sum()), int(always.sum()) // 2)
    if n < LEAST["n_samples"]:
        raise ValueError(
            f"exons: got {chosen.sum()} that are more {settings.direction} in {condition} than in at least "
            f"{settings.min_others} others and {always.sum()} constitutive ones, expected at least "
            f"{LEAST['n_samples']} and twice as many"
        )
    of_class = np.sort(rng.choice(np.flatnonzero(chosen), n, replace=False))
    there = rng.permutation(np.flatnonzero(always))
    reference, background = np.sort(there[:n]), np.sort(there[n:])
    rest = np.setdiff1d(np.arange(len(events)), np.concatenate([of_class, reference]))
    null = np.sort(rng.choice(rest, min(n, len(rest)), replace=False))
    return Groups(of_class, null, reference, background, chosen, always)


def explain(
    methods: Mapping[str, Method],
    features: Features,
    groups: Groups,
    folder: Path,
    fingerprint: Mapping[str, Any],
    *,
    seed: int,
    device: str = "cpu",
    progress: bool = True,
) -> dict[str, pd.DataFrame]:
    """For every method a row a meta-feature; tables of the same fingerprint in the folder are read from it.

    Columns are those of `recommended`, with meta_feature, region and kind, and beside them the paper's mode (one-sided
    |attribution| against random exons): statistic_paper, p_paper and significant_paper.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, method in track(methods.items(), "methods", len(methods), enabled=progress):
        path = folder / f"{slug(name)}.csv"
        how = {**fingerprint, "method": name}
        if (kept := _kept(path, how)) is not None:
            found[name] = kept
            continue
        path.with_suffix(".json").unlink(missing_ok=True)
        values = [
            method(torch.from_numpy(features.values[rows]).to(device)).cpu().numpy()
            for rows in groups.explained().values()
        ]
        found[name] = tested(values, features, seed)
        write_table(path, found[name])
        write_json(
            path.with_suffix(".json"), {"how": how, **{str(key): value for key, value in found[name].attrs.items()}}
        )
    return found


def tested(values: list[np.ndarray], features: Features, seed: int) -> pd.DataFrame:
    """Attributions of class, null and reference (exons, features) as a table of meta-features."""
    test = "maxt" if len(values[0]) < FEW else "welch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)  # kept in attrs, and told on the page for the main method
        table = recommended(*values, groups=features.groups, test=test, seed=seed, progress=False)
        paper = significance(values[0], values[1], groups=features.groups, progress=False)
    first = features.catalogue.drop_duplicates("meta_feature")
    told = pd.DataFrame({name: first[name].to_numpy() for name in ("region", "kind")})
    beside = pd.DataFrame(
        {
            "statistic_paper": paper["statistic"], "p_paper": paper["p_adjusted"],
            "significant_paper": paper["significant"],
        }
    )  # fmt: skip
    result = pd.concat([table.rename(columns={"feature": "meta_feature"}), told, beside], axis=1)
    result.attrs = {"warnings": table.attrs["warnings"], "warnings_paper": paper.attrs["warnings"]}
    return result


def slug(name: str) -> str:
    """A method's name as a file's."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _kept(path: Path, how: Mapping[str, Any]) -> pd.DataFrame | None:
    """The table as the file has it, where it was made in this way."""
    try:
        beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if beside.pop("how") != json.loads(json.dumps(how)):
            return None
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    table.attrs = beside
    return table
