"""What a study found: tables and figures of everything that is measured, and their summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eigrad.attribute import Attributions
from eigrad.cases.splicing.model import Dataset, Recipe
from eigrad.cases.splicing.study import evaluation, explain, figures, truth
from eigrad.cases.splicing.study.explain import Groups
from eigrad.cases.splicing.study.methods import Workbench
from eigrad.cases.splicing.study.prepare import Study
from eigrad.cases.splicing.study.settings import Settings
from eigrad.data import write_table
from eigrad.folder import Clock, versions
from eigrad.significance import null_p_values, ranking

AT = 100  # meta-features at which enrichment and subsets are summarized
NULL_DRAWS = 20


def evaluated(
    study: Study, bench: Workbench, main: pd.DataFrame, tables: dict[str, pd.DataFrame], folder: Path, clock: Clock
) -> dict[str, Any]:
    """Tables and figures of everything that is measured, and their summary.

    `main` is what the main method says of all exons that are explained, `tables` what every method says of those on
    which methods are compared.
    """
    measured = _measured(study, main, tables, clock)
    for name, table in measured.items():
        write_table(folder / f"{name}.csv", table)
    with clock("figures"):
        _draw(study, bench, main, tables, measured, folder / "figures")
    return _summary(study, main, measured) | {"seconds": clock.seconds, "versions": versions()}


def _measured(
    study: Study, main: pd.DataFrame, tables: dict[str, pd.DataFrame], clock: Clock
) -> dict[str, pd.DataFrame]:
    """Every table of the run folder, by its name."""
    settings, data, groups = study.settings, study.data, study.groups
    order = study.order
    train, test = evaluation.examples(data, groups, "train"), evaluation.examples(data, groups, "test")
    with clock("without_a_network"):
        plain = evaluation.without_network(train, test, data.features.groups, settings.seed)
    with clock("subsets"):
        train = evaluation.examples(data, groups, "train", "validation")
        curve = evaluation.subset_curve(train, test, data.features, explain.selected(main, order), settings.seed)
        sets = evaluation.set_scores(train, test, data.features.groups, tables, settings.seed)
    with clock("latent_spaces"):
        agreement = evaluation.stability(data, Recipe(), seed=settings.seed, device=settings.device)
    known, found = _known(study, main, tables, plain)
    orders = {name: ranking(table, order) for name, table in tables.items()}
    return {
        "features": described(main, data, groups), "methods": _counts(tables), "without_network": plain,
        "subsets": curve, "set_scores": sets, "enrichment": evaluation.enrichment_curves(orders, known),
        "calibration": evaluation.calibration(data, study.trained.networks[settings.network]),
        "latent": agreement.rename_axis("space").reset_index(), **_planted(study, main, found),
    }  # fmt: skip


def _summary(study: Study, main: pd.DataFrame, measured: dict[str, pd.DataFrame]) -> dict[str, Any]:
    settings, data, groups = study.settings, study.data, study.groups
    counts = measured["methods"].set_index("method")
    ranked = main.iloc[ranking(main, study.order)]
    by_method = measured["enrichment"].groupby("method", sort=False)
    return {
        **evaluation.quality(data, study.trained.networks[settings.network], study.score, groups),
        **_of_truth(settings, measured.get("recovery")),
        **{name: counts[name].to_dict() for name in ("n_significant", "n_significant_paper")},
        "enrichment": {str(name): float(part["enrichment"].iloc[min(AT, len(part)) - 1]) for name, part in by_method},
        "subsets": _subset_summary(measured["subsets"]),
        "latent_agreement": evaluation.within_families(measured["latent"].set_index("space")),
        "without_network": _predicting(measured["without_network"]),
        "top": ranked["meta_feature"].head(10).tolist(),
        "significant": ranked.loc[ranked["significant"], "meta_feature"].tolist(),
        "warnings": list(main.attrs.get("warnings", [])),
        "warnings_paper": list(main.attrs.get("warnings_paper", [])),
        "exons": {
            "quantified": study.read.n_quantified, "all": len(data), "class": int(groups.chosen.sum()),
            "constitutive": int(groups.constitutive.sum()), "explained": len(groups.of_class),
            "compared": len(study.compared.of_class),
            **{part: len(data.rows(part)) for part in ("train", "validation", "test")},
        },
        "features": {"features": len(data.features.names), "meta_features": len(main)},
        "condition": study.sources.condition, "conditions": list(data.conditions), "order": study.order,
        "main": settings.main, "simulated": study.sources.truth is not None, "seed": settings.seed,
    }  # fmt: skip


def _planted(study: Study, main: pd.DataFrame, found: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """In a world what was planted, and what methods recover of it."""
    if found is None or study.sources.truth is None:
        return {}
    return {"recovery": found, "planted": truth.planted(study.sources.truth, main, ranking(main, study.order))}


def _known(
    study: Study, main: pd.DataFrame, tables: dict[str, pd.DataFrame], plain: pd.DataFrame
) -> tuple[np.ndarray, pd.DataFrame | None]:
    """What enrichment is measured by: planted causes, else what the data say; and what methods recover of causes."""
    names = main["meta_feature"].tolist()
    if study.sources.truth is None:
        return evaluation.known(study.data, study.groups), None
    true = truth.read_truth(study.sources.truth, study.conditions(), names)
    found = truth.recovered({**tables, all_exons(study.settings): main}, true)
    scored = [
        {"method": name, study.order: truth.average_precision(part["score"].to_numpy(), true)}
        for name, part in plain.groupby("method", sort=False)
    ]
    return true.causal, pd.concat([found, pd.DataFrame(scored)], ignore_index=True)


def all_exons(settings: Settings) -> str:
    """What the main method is called where it explains more exons than methods are compared on."""
    return f"{settings.main}, all exons"


def _of_truth(settings: Settings, found: pd.DataFrame | None) -> dict[str, Any]:
    if found is None:
        return {"average_precision": None, "precision_significant": None}
    rows = found.set_index("method")
    precision = float(rows["precision"].to_numpy(float)[rows.index.get_loc(all_exons(settings))])
    return {
        "average_precision": rows[settings.order].to_dict(),
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

    `direction` is "for" or "against" the explained outcome, as the mean attribution in the class has it, of significant
    ones. `difference` is the standardized difference between class and constitutive exons in the member that differs
    most.
    """
    values, labels = data.features.values, data.features.groups
    one, other = (values[mask].astype(np.float64) for mask in (groups.chosen, groups.constitutive))
    spread = np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2)
    gap = np.divide(one.mean(axis=0) - other.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    largest = pd.Series(gap).groupby(labels, sort=False).agg(lambda each: each.iloc[each.abs().to_numpy().argmax()])
    result = table.copy()
    speaks = np.where(result["mean_attribution"] > 0, "for", "against")
    result.insert(3, "direction", np.where(result["significant"], speaks, ""))
    result.insert(4, "difference", largest.to_numpy())
    result = result[[name for name in result if not str(name).endswith(explain.SELECTION)]]
    first = ["meta_feature", "region", "kind", "significant", "direction", "difference"]
    return result[[*first, *(name for name in result if name not in first)]]


def _draw(
    study: Study,
    bench: Workbench,
    main: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    written: dict[str, pd.DataFrame],
    folder: Path,
) -> None:
    """All figures."""
    settings = study.settings
    values = torch.from_numpy(study.data.features.values).to(settings.device)
    figures.paths_in_plane(
        bench, {name: values[rows] for name, rows in study.groups.explained().items()}, settings.baseline_kind, folder
    )
    figures.significant_counts(tables, folder)
    figures.features(main, study.order, folder)
    known = "planted causes" if study.sources.truth is not None else "features known by a hypergeometric test"
    figures.enrichment(written["enrichment"], known, settings.main, folder)
    figures.subsets(written["subsets"], folder)
    figures.set_scores(written["set_scores"], folder)
    figures.overlap(tables, folder)
    figures.latent(written["latent"].set_index("space"), folder)
    figures.calibration(written["calibration"], folder)
    pool: Attributions = bench.explainer(settings.path, settings.baseline_kind)(values[study.groups.null])
    n = len(study.groups.null) // 2
    drawn = null_p_values(pool, n, NULL_DRAWS, groups=study.data.features.groups, seed=settings.seed)
    figures.p_values(drawn.to_numpy(), folder)
    if "recovery" in written:
        figures.recovery(written["recovery"], study.order, folder)
