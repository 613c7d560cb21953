"""The splicing study on simulated worlds: what it finds of the planted causes, beside Deep SHAP and without a network.

    python -m benchmarks.splicing --seeds 0 1 2 3 4 5 6 7 8 9 --out runs/splicing-worlds --docs docs

Every world has its folder, and what is finished there is not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eigrad.cases.splicing.model import NETWORKS, Recipe, Score
from eigrad.cases.splicing.simulate import Settings as World
from eigrad.cases.splicing.simulate.programme import PLACES
from eigrad.cases.splicing.study import evaluation, truth
from eigrad.cases.splicing.study.explain import explain, selected
from eigrad.cases.splicing.study.methods import N_BACKGROUND, Method, Workbench, methods
from eigrad.cases.splicing.study.prepare import Study, prepared, surveyed
from eigrad.cases.splicing.study.results import AT
from eigrad.cases.splicing.study.settings import Settings, method_name
from eigrad.competitors import ATTRIBUTIONS
from eigrad.data import write_atomic, write_json, write_table
from eigrad.folder import Clock
from eigrad.significance import ORDERS, ranking

CLOSE, EQUAL, SHAP = method_name("straight", "close"), f"EIG straight, {N_BACKGROUND} random", "Deep SHAP"
CHOSEN = (CLOSE, method_name("straight", "zero"), method_name("latent-straight", "close"), "gradient", SHAP)
PLANTED = World.factor
ORDER = ORDERS[0]
LATENT_SEEDS = 3  # worlds whose latent spaces are compared


def one(seed: int, folder: Path) -> dict[str, Any]:
    """What is measured on one world: rows a network and method, and figures of the world."""
    done = folder / "world-summary.json"
    if done.exists():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    study = prepared(surveyed(Settings(folder, seed=seed)), folder, clock)
    rows = [row for network in NETWORKS for row in _rows(study, network, folder)]
    train, test = (evaluation.examples(study.data, study.groups, part) for part in ("train", "test"))
    groups = study.data.features.groups
    names = list(dict.fromkeys(groups))
    assert study.sources.truth is not None
    true = truth.read_truth(study.sources.truth, study.conditions(), names)
    plain = evaluation.without_network(train, test, groups, seed)
    for name, part in plain.groupby("method", sort=False):
        ap = truth.average_precision(part["score"].to_numpy(), true)
        auc = float(part["auc"].iloc[0]) if part["auc"].notna().all() else None
        order = np.argsort(-part["score"].to_numpy(), kind="stable")
        rows.append({"network": "none", "method": name, "ap": ap, "auc": auc, "enrichment": _enriched(order, true)})
    main = explain(
        chosen_methods(study, "sparse", [CLOSE]),
        study.data.features,
        study.groups,
        study.data.part != "test",
        folder / "sparse",
        _how(study, "sparse"),
        seed=seed,
    )
    train = evaluation.examples(study.data, study.groups, "train", "validation")
    curve = evaluation.subset_curve(train, test, study.data.features, selected(main[CLOSE], ORDER), seed)
    at = curve[curve["n_features"] <= AT].iloc[-1]
    found: dict[str, Any] = {
        "seed": seed, "rows": rows, "explained": len(study.groups.of_class), "causes": int(true.causal.sum()),
        "auc_top": float(at["auc_significant"]), "auc_random": float(at["auc_random"]),
        "auc_all": float(curve["auc_significant"].iloc[-1]),
        "planted": _planted(main[CLOSE], study), "seconds": clock.seconds,
    }  # fmt: skip
    if seed < LATENT_SEEDS:
        found["latent"] = evaluation.within_families(evaluation.stability(study.data, Recipe(), seed=seed))
    write_json(done, found)
    return found


def _how(study: Study, network: str) -> dict[str, Any]:
    return {"files": study.sources.hashes(), "network": network}


def chosen_methods(study: Study, network: str, chosen: list[str] | tuple[str, ...]) -> dict[str, Method]:
    """Methods by name, and eigrad with the very background of Deep SHAP."""
    values = torch.from_numpy(study.data.features.values)
    score = Score(study.trained.networks[network], study.sources.condition, None, study.settings.target)
    settings = study.settings
    bench = Workbench(
        score, study.trained.autoencoder, values[study.data.rows("train")], values[study.groups.background],
        settings.n_baselines, settings.seed,
    )  # fmt: skip
    known = methods(bench)
    known[EQUAL] = lambda samples: ATTRIBUTIONS["EIG random"](score, samples, bench.background())
    return {name: known[name] for name in chosen}


def _rows(study: Study, network: str, folder: Path) -> Iterator[dict[str, Any]]:
    tables = explain(
        chosen_methods(study, network, (*CHOSEN, EQUAL)), study.data.features, study.groups, study.data.part != "test",
        folder / network,
        _how(study, network), seed=study.settings.seed,
    )  # fmt: skip
    assert study.sources.truth is not None
    true = truth.read_truth(study.sources.truth, study.conditions(), tables[CLOSE]["meta_feature"].tolist())
    score = Score(study.trained.networks[network], study.sources.condition, None, study.settings.target)
    quality = evaluation.quality(study.data, study.trained.networks[network], score, study.groups)
    found = truth.recovered(tables, true).set_index("method")
    for name, table in tables.items():
        row = found.loc[name]
        yield {
            "network": network, "method": name, "ap": float(row[ORDER]),
            **{f"ap_{order}": float(row[order]) for order in ORDERS}, "n": int(row["n_significant"]),
            "precision": None if np.isnan(row["precision"]) else float(row["precision"]),
            "recall": float(row["recall"]),
            "enrichment": _enriched(ranking(table, ORDER), true), **quality,
        }  # fmt: skip


def _enriched(order: np.ndarray, true: truth.Truth) -> float:
    curve = evaluation.enrichment_curves({"": order}, true.causal)
    return float(curve.loc[curve["n"] == AT, "enrichment"].iloc[0])


def _planted(table: pd.DataFrame, study: Study) -> dict[str, Any]:
    """The places of the planted factor's two meta-features in the main order, and whether they are significant."""
    order = ranking(table, ORDER)
    place = {table["meta_feature"].iloc[row]: rank + 1 for rank, row in enumerate(order)}
    names = [name for name in place if name in (f"{region}:{PLANTED}" for region, _ in PLACES)]
    significant = set(table.loc[table["significant"], "meta_feature"])
    return {name: [place[name], name in significant] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--out", type=Path, default=Path("runs/splicing-worlds"))
    parser.add_argument("--docs", type=Path)
    given = parser.parse_args()
    found = [one(seed, given.out / f"seed-{seed}") for seed in given.seeds]
    rows = pd.DataFrame([{"seed": each["seed"], **row} for each in found for row in each["rows"]])
    write_table(given.out / "splicing-worlds.csv", rows)
    for line in (*lines(rows, found), "", *table(rows)):
        print(line)
    if given.docs is not None:
        write_table(given.docs / "images" / "splicing-worlds.csv", rows)
        text = files("benchmarks").joinpath("splicing.md").read_text(encoding="utf-8")
        parts = {
            "lines": "\n".join(lines(rows, found)), "table": "\n".join(table(rows)), "planted": planted(found),
            "causes": f"{np.median([each['causes'] for each in found]):.0f}", "worlds": str(len(found)),
        }  # fmt: skip
        for name, part in parts.items():
            text = text.replace(f"{{{{{name}}}}}", part)
        with write_atomic(given.docs / "splicing-worlds.md") as beside:
            beside.write_text(text, encoding="utf-8")


def planted(found: list[dict[str, Any]]) -> str:
    """Where the planted factor's meta-features came, over the worlds."""
    said = []
    for name in found[0]["planted"]:
        places = [each["planted"][name][0] for each in found]
        n = sum(each["planted"][name][1] for each in found)
        said.append(f"`{name}` at {min(places)} to {max(places)}, significant in {n} of {len(found)} worlds")
    return "; ".join(said)


def lines(rows: pd.DataFrame, found: list[dict[str, Any]]) -> Iterator[str]:
    """What the project asks of itself, what was measured in the median world (and its range), and whether it holds."""

    def per_world(network: str, method: str, column: str = "ap") -> np.ndarray:
        part = rows[(rows["network"] == network) & (rows["method"] == method)].sort_values("seed")
        return part[column].to_numpy(float)

    asked: list[tuple[str, np.ndarray, float]] = []
    for network in ("sparse", "dense"):
        for name, method in (("same background", EQUAL), ("close", CLOSE)):
            ratio = per_world(network, method) / per_world(network, SHAP)
            asked.append((f"{network}, EIG ({name}): AP over that of Deep SHAP, by {ORDER}", ratio, 0.97))
        for order in ORDERS[1:]:
            ratio = per_world(network, EQUAL, f"ap_{order}") / per_world(network, SHAP, f"ap_{order}")
            asked.append((f"{network}, EIG (same background): AP over that of Deep SHAP, by {order}", ratio, 0.97))
    for network in ("sparse", "dense"):
        asked.append((f"{network}, EIG (close): precision of the set", per_world(network, CLOSE, "precision"), 0.6))
        gap = per_world(network, CLOSE, "enrichment") - per_world(network, SHAP, "enrichment")
        asked.append((f"{network}, EIG (close): enrichment at 100 less that of Deep SHAP", gap, 0.0))
    asked.append(
        (
            "sparse, EIG (close): AP less that of L1 logistic",
            per_world("sparse", CLOSE) - per_world("none", "L1 logistic"),
            0.0,
        )
    )
    top, random, whole = (np.array([each[name] for each in found]) for name in ("auc_top", "auc_random", "auc_all"))
    asked += [
        ("first 100 meta-features: AUC over that of all", top / whole, 0.98),
        ("first 100 less 100 random: AUC", top - random, 0.05),
    ]
    latent = [[value for value in each["latent"].values() if value is not None] for each in found if "latent" in each]
    smallest = np.array([min(values) for values in latent if values])
    if len(smallest):
        words = f"latent spaces: smallest Spearman within a family ({len(smallest)} worlds)"
        asked.append((words, smallest, 0.7))
    yield "| | median world | range | at least | holds |"
    yield "| --- | --- | --- | --- | --- |"
    for what, values, floor in asked:
        values = values[~np.isnan(values)]
        middle = float(np.median(values))
        said = "yes" if middle >= floor else "**no**"
        yield f"| {what} | {middle:.3f} | {values.min():.3f} to {values.max():.3f} | {floor:g} | {said} |"


def table(rows: pd.DataFrame) -> Iterator[str]:
    """Mean and standard deviation over worlds, a line a network and method."""
    columns = {
        "ap": "AP", "ap_t": "AP by t", "ap_product": "AP by product", "n": "set", "precision": "precision",
        "recall": "recall", "enrichment": "enrichment at 100", "auc": "AUC", "r2_psi": "R2, PSI",
        "r2_increased": "R2, increased",
    }  # fmt: skip
    yield "| network | method | " + " | ".join(columns.values()) + " |"
    yield "|" + " --- |" * (len(columns) + 2)
    for (network, method), part in rows.groupby(["network", "method"], sort=False):
        cells = []
        for name in columns:
            values = part[name].dropna().to_numpy(float) if name in part else np.array([])
            spread = f" ({values.std(ddof=1):.2f})" if len(values) > 1 else ""
            cells.append(f"{values.mean():.2f}{spread}" if len(values) else "")
        yield f"| {network} | {method} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
