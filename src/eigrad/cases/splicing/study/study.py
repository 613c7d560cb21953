"""The splicing study: read, train, explain, evaluate, draw, and report, one stage after another."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import eigrad
from eigrad.attribute import Attributions
from eigrad.cases.folder import Clock, opened, versions
from eigrad.cases.splicing.model import Dataset, Recipe, Score, Trained, assembled, load_or_train
from eigrad.cases.splicing.study import evaluation, figures, methods, page, sources, truth
from eigrad.cases.splicing.study.explain import Groups, explain, grouped
from eigrad.cases.splicing.study.methods import Workbench
from eigrad.cases.splicing.study.settings import ALL, Settings
from eigrad.cases.splicing.study.sources import Read, Sources
from eigrad.data import write_json, write_table
from eigrad.report import build
from eigrad.significance import null_p_values, ranking
from eigrad.training import model_hash

logger = logging.getLogger(__name__)

RESULTS = ("summary.json", "page.json", "report.html")  # with them a run folder is whole
ORDERS = {"sparse": "magnitude", "dense": "t"}  # the order each network is read in
AT = 100  # meta-features at which enrichment and subsets are summarized
NULL_DRAWS = 20


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
        """The order in which the network is read."""
        return ORDERS[self.settings.network]

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


def run(settings: Settings) -> Path:
    """Run the study into `settings.out` and return its page; what is finished there is reused."""
    folder = opened(settings.out, "splicing")
    clock = Clock()
    write_json(
        folder / "config.json", {"command": "splicing", "arguments": settings.arguments(), "versions": versions()}
    )
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)
    wanted = _wanted(settings)
    study = prepared(settings, folder, clock)
    write_json(folder / "config.json", _config(study))
    bench = study.workbench()
    chosen = {name: method for name, method in methods.methods(bench).items() if name in wanted}
    with clock("attributions"):
        tables = explain(
            chosen, study.data.features, study.groups, folder / "methods", _fingerprint(study), seed=settings.seed,
            device=settings.device,
        )  # fmt: skip
    summary = _evaluated(study, bench, tables, folder, clock)
    write_json(folder / "page.json", page.describe(settings, summary))
    write_json(folder / "summary.json", summary)
    return build(folder)


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
        made_from = {"version": eigrad.__version__, "files": files.hashes()}
        trained = load_or_train(
            folder / "models", data, Recipe(), fingerprint=made_from, seed=settings.seed, device=settings.device
        )
    return Study(settings, files, read, data, groups, trained)


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


def _fingerprint(study: Study) -> dict[str, Any]:
    settings = study.settings
    return {
        "version": eigrad.__version__, "files": study.sources.hashes(), "score": model_hash(study.score),
        "seed": settings.seed, "n_baselines": settings.n_baselines, "target": settings.target,
        **{name: rows.tolist() for name, rows in study.groups.explained().items()},
    }  # fmt: skip


def _evaluated(
    study: Study, bench: Workbench, tables: dict[str, pd.DataFrame], folder: Path, clock: Clock
) -> dict[str, Any]:
    """Tables and figures of everything that is measured, and their summary."""
    settings, data, groups = study.settings, study.data, study.groups
    main, order = tables[settings.main], study.order
    train, test = evaluation.split_examples(data, groups)
    with clock("without_a_network"):
        plain = evaluation.without_network(train, test, data.features.groups, settings.seed)
    with clock("subsets"):
        curve = evaluation.subset_curve(train, test, data.features, ranking(main, order), settings.seed)
        sets = evaluation.set_scores(train, test, data.features.groups, tables, settings.seed)
    with clock("latent_spaces"):
        agreement = evaluation.stability(data, Recipe(), seed=settings.seed, device=settings.device)
    orders = {name: ranking(table, order) for name, table in tables.items()}
    known, found = _known(study, tables, plain)
    curves = evaluation.enrichment_curves(orders, known)
    network = study.trained.networks[settings.network]
    calibration = evaluation.calibration(data, network)
    written = {
        "features": described(main, data, groups), "methods": _counts(tables), "without_network": plain,
        "subsets": curve, "set_scores": sets, "enrichment": curves, "calibration": calibration,
        "latent": agreement.rename_axis("space").reset_index(), **({} if found is None else {"recovery": found}),
    }  # fmt: skip
    for name, table in written.items():
        write_table(folder / f"{name}.csv", table)
    with clock("figures"):
        _draw(study, bench, tables, written, agreement, folder / "figures")
    quality = evaluation.quality(data, network, study.score, groups)
    return {
        **quality,
        **_of_truth(settings, found),
        "n_significant": {name: int(table["significant"].sum()) for name, table in tables.items()},
        "n_significant_paper": {name: int(table["significant_paper"].sum()) for name, table in tables.items()},
        "enrichment": {
            name: float(part.loc[part["n"] == min(AT, part["n"].max()), "enrichment"].iloc[0])
            for name, part in curves.groupby("method", sort=False)
        },
        "subsets": _subset_summary(curve),
        "latent_agreement": evaluation.within_families(agreement),
        "without_network": _predicting(plain),
        "top": main["meta_feature"].iloc[ranking(main, order)[:10]].tolist(),
        "significant": main.loc[main["significant"], "meta_feature"].tolist(),
        "warnings": list(main.attrs.get("warnings", [])),
        "warnings_paper": list(main.attrs.get("warnings_paper", [])),
        "exons": {
            "quantified": study.read.n_quantified, "all": len(data), "class": int(groups.chosen.sum()),
            "constitutive": int(groups.constitutive.sum()), "explained": len(groups.of_class),
            **{part: len(data.rows(part)) for part in ("train", "validation", "test")},
        },
        "features": {"features": len(data.features.names), "meta_features": len(main)},
        "condition": study.sources.condition, "conditions": list(data.conditions), "order": order,
        "main": settings.main, "simulated": study.sources.truth is not None, "seed": settings.seed,
        "seconds": clock.seconds, "versions": versions(),
    }  # fmt: skip


def _known(
    study: Study, tables: dict[str, pd.DataFrame], plain: pd.DataFrame
) -> tuple[np.ndarray, pd.DataFrame | None]:
    """What enrichment is measured by: planted causes, else what the data say; and what methods recover of causes."""
    names = tables[study.settings.main]["meta_feature"].tolist()
    if study.sources.truth is None:
        return evaluation.known(study.data, study.groups), None
    true = truth.read_truth(study.sources.truth, study.conditions(), names)
    found = truth.recovered(tables, true)
    scored = [
        {"method": name, study.order: truth.average_precision(part["score"].to_numpy(), true)}
        for name, part in plain.groupby("method", sort=False)
    ]
    return true.causal, pd.concat([found, pd.DataFrame(scored)], ignore_index=True)


def _of_truth(settings: Settings, found: pd.DataFrame | None) -> dict[str, Any]:
    if found is None:
        return {"average_precision": None, "precision_significant": None}
    rows = found.set_index("method")
    precision = float(rows["precision"].to_numpy(float)[rows.index.get_loc(settings.main)])
    return {
        "average_precision": rows[ORDERS[settings.network]].to_dict(),
        "precision_significant": None if np.isnan(precision) else precision,
    }


def _predicting(plain: pd.DataFrame) -> list[dict[str, Any]]:
    """How well each method without a network predicts, None where it does not."""
    rows = plain.drop_duplicates("method")
    return [
        {"method": name, "auc": None if pd.isna(auc) else float(auc)}
        for name, auc in zip(rows["method"], rows["auc"], strict=True)
    ]


def _subset_summary(curve: pd.DataFrame) -> dict[str, Any]:
    row = curve[curve["n_features"] <= AT].iloc[-1]
    return {
        "n": int(row["n_features"]), "auc_top": float(row["auc_significant"]), "auc_random": float(row["auc_random"]),
        "auc_all": float(curve["auc_significant"].iloc[-1]),
    }  # fmt: skip


def _counts(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": list(tables),
            "n_significant": [int(table["significant"].sum()) for table in tables.values()],
            "n_significant_paper": [int(table["significant_paper"].sum()) for table in tables.values()],
        }
    )


def described(table: pd.DataFrame, data: Dataset, groups: Groups) -> pd.DataFrame:
    """The main method's table with directions: what a meta-feature says of the class, and whether the class has more.

    `direction` is "for" or "against" the explained outcome, of significant ones. `difference` is the standardized
    difference between class and constitutive exons in the member that differs most.
    """
    values, labels = data.features.values, data.features.groups
    one, other = (values[mask].astype(np.float64) for mask in (groups.chosen, groups.constitutive))
    spread = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2)
    gap = np.divide(one.mean(axis=0) - other.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    largest = pd.Series(gap).groupby(labels, sort=False).agg(lambda each: each.iloc[each.abs().to_numpy().argmax()])
    result = table.copy()
    speaks = np.where(result["t"] > 0, "for", "against")
    result.insert(3, "direction", np.where(result["significant"], speaks, ""))
    result.insert(4, "difference", largest.to_numpy())
    first = ["meta_feature", "region", "kind", "significant", "direction", "difference"]
    return result[[*first, *(name for name in result if name not in first)]]


def _draw(
    study: Study, bench: Workbench, tables: dict[str, pd.DataFrame], written: dict[str, pd.DataFrame],
    agreement: pd.DataFrame, folder: Path,
) -> None:  # fmt: skip
    """All figures."""
    settings = study.settings
    values = torch.from_numpy(study.data.features.values).to(settings.device)
    figures.paths_in_plane(
        bench, {name: values[rows] for name, rows in study.groups.explained().items()}, settings.baseline_kind, folder
    )
    figures.significant_counts(tables, folder)
    figures.features(tables[settings.main], study.order, folder)
    known = "planted causes" if study.sources.truth is not None else "features known by a hypergeometric test"
    figures.enrichment(written["enrichment"], known, folder)
    figures.subsets(written["subsets"], folder)
    figures.set_scores(written["set_scores"], folder)
    figures.overlap(tables, folder)
    figures.latent(agreement, folder)
    figures.calibration(written["calibration"], folder)
    pool: Attributions = bench.explainer(settings.path, settings.baseline_kind)(values[study.groups.null])
    n = len(study.groups.null) // 2
    drawn = null_p_values(pool, n, NULL_DRAWS, groups=study.data.features.groups, seed=settings.seed)
    figures.p_values(drawn.to_numpy(), folder)
    if "recovery" in written:
        figures.recovery(written["recovery"], study.order, folder)


def _config(study: Study) -> dict[str, Any]:
    return {
        "command": "splicing",
        "arguments": study.settings.arguments(),
        "seed": study.settings.seed,
        "data": study.sources.hashes(),
        "models": {"hash": model_hash(*study.trained.networks.values()), "recipe": Recipe().config()},
        "versions": versions(),
    }
