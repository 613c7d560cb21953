"""Which exons are explained against which, and what each method says of every meta-feature."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eigrad.cases.splicing.events import Events, constitutive, differential, n_comparisons
from eigrad.cases.splicing.features import Features
from eigrad.cases.splicing.study.methods import Method
from eigrad.cases.splicing.study.settings import LEAST, Settings
from eigrad.cases.splicing.study.sources import Read
from eigrad.data import write_json, write_table
from eigrad.progress import track
from eigrad.significance import ORDERS, SignificanceWarning, ranking, recommended, significance

logger = logging.getLogger(__name__)

FEWEST_OTHERS = 2  # comparisons that an exon must have changed in, where there are as many
FEW = 50  # samples below which p-values are by permutation

SELECTION = "_selection"


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

    def fewer(self, n: int, seed: int) -> Groups:
        """At most so many exons of each set, drawn anew; all else as it is."""
        rng = np.random.default_rng((seed, 5))
        of_class, null, reference = (
            np.sort(rng.permutation(rows)[:n]) for rows in (self.of_class, self.null, self.reference)
        )
        return replace(self, of_class=of_class, null=null, reference=reference)


def grouped(read: Read, settings: Settings, condition: str) -> Groups:
    """Exons that are more included (or excluded) in the condition, and what they are held against."""
    events = read.events
    chosen = changed(events, settings, condition)
    always = np.arange(len(events)) >= read.n_quantified
    always |= constitutive(events, min_conditions=2) & ~chosen
    rng = np.random.default_rng((settings.seed, 3))
    n = min(settings.n_samples, int(chosen.sum()), int(always.sum()) // 2)
    if n < LEAST["n_samples"]:
        raise ValueError(
            f"exons: got {chosen.sum()} that are more {settings.direction} in {condition} than in at least "
            f"{fewest_comparisons(events, settings, condition)} others and {always.sum()} constitutive ones, expected "
            f"at least {LEAST['n_samples']} and twice as many"
        )
    of_class = np.sort(rng.choice(np.flatnonzero(chosen), n, replace=False))
    there = rng.permutation(np.flatnonzero(always))
    reference = np.sort(there[:n])
    rest = np.setdiff1d(np.arange(len(events)), np.concatenate([of_class, reference]))
    null = np.sort(rng.choice(rest, min(n, len(rest)), replace=False))
    background = np.setdiff1d(there[n:], null)
    if len(background) < settings.n_baselines + 1:
        raise ValueError(
            f"--n-baselines: got {settings.n_baselines}, expected less than the {len(background)} constitutive exons "
            "that are not explained"
        )
    return Groups(of_class, null, reference, background, chosen, always)


def changed(events: Events, settings: Settings, condition: str, direction: str | None = None) -> np.ndarray:
    """Whether exons are more included (or excluded) in the condition than in enough others; by default the class."""
    mask: np.ndarray = differential(
        events, condition, direction=direction or settings.direction,
        min_others=fewest_comparisons(events, settings, condition), min_dpsi=settings.min_dpsi,
    )  # fmt: skip
    return mask


def fewest_comparisons(events: Events, settings: Settings, condition: str) -> int:
    """In how many comparisons with the condition an exon of the class must change."""
    return settings.min_others or min(FEWEST_OTHERS, n_comparisons(events, condition))


def explain(
    methods: Mapping[str, Method],
    features: Features,
    groups: Groups,
    seen: np.ndarray,
    folder: Path,
    fingerprint: Mapping[str, Any],
    *,
    seed: int,
    device: str = "cpu",
    progress: bool = True,
) -> dict[str, pd.DataFrame]:
    """For every method a row a meta-feature; tables of the same fingerprint in the folder are read from it.

    Columns are those of `recommended`, with meta_feature, region and kind, and beside them the paper's mode (one-sided
    |attribution| against random exons): statistic_paper, p_paper and significant_paper. `seen` says which exons are not
    of test chromosomes: the orders and significance among them alone, with `SELECTION` after their names, are for what
    is then judged on test chromosomes. Tables in the folder of another fingerprint are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_others(folder, fingerprint)
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
        kept_in = [seen[rows] for rows in groups.explained().values()]
        found[name] = tested(values, features, seed).join(selection(values, kept_in, features, seed))
        write_table(path, found[name])
        write_json(
            path.with_suffix(".json"), {"how": how, **{str(key): value for key, value in found[name].attrs.items()}}
        )
    return found


def tested(values: list[np.ndarray], features: Features, seed: int) -> pd.DataFrame:
    """Attributions of class, null and reference (exons, features) as a table of meta-features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)  # kept in attrs, and told on the page for the main method
        table = _recommended(values, features, seed)
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


def _recommended(values: Sequence[np.ndarray], features: Features, seed: int) -> pd.DataFrame:
    test = "maxt" if len(values[0]) < FEW else "welch"
    return recommended(*values, groups=features.groups, test=test, seed=seed, progress=False)


def selection(values: list[np.ndarray], kept: Sequence[np.ndarray], features: Features, seed: int) -> pd.DataFrame:
    """Orders and significance among the exons that are kept, as columns with `SELECTION` after their names."""
    parts = [each[mask] for each, mask in zip(values, kept, strict=True)]
    columns = [*ORDERS, "significant"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        table = _recommended(parts, features, seed)
    return table[columns].add_suffix(SELECTION)


def selected(table: pd.DataFrame, order: str) -> np.ndarray:
    """The places of the rows of a table, best first, by exons that are not of test chromosomes."""
    return ranking(table.drop(columns=order).rename(columns={f"{order}{SELECTION}": order}), order)


def slug(name: str) -> str:
    """A method's name as a file's."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def _remove_others(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Remove tables of another fingerprint, and files that are half of a pair."""
    for path in [*folder.glob("*.json"), *folder.glob("*.csv")]:
        try:
            beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            same = {**beside["how"], "method": None} == json.loads(json.dumps({**fingerprint, "method": None}))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            same = False
        if not same:
            path.unlink()


def _kept(path: Path, how: Mapping[str, Any]) -> pd.DataFrame | None:
    """The table as the file has it, where it was made in this way."""
    try:
        beside = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if beside.pop("how") != json.loads(json.dumps(how)):
            return None
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    table.attrs = beside
    return table
