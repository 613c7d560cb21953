"""The paper's digits study: train, explain, test, evaluate, draw, and report, one stage after another."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eigrad.cases.digits import calibrate, evaluation, figures, mnist, networks, page
from eigrad.cases.digits.explain import Explanation, Images, Study
from eigrad.cases.digits.settings import KINDS, Settings
from eigrad.data import write_json, write_table
from eigrad.folder import Clock, opened, versions
from eigrad.report import build
from eigrad.significance import null_calibration, null_p_values, ranking
from eigrad.training import model_hash

logger = logging.getLogger(__name__)

FIGURES = {"vae": "2a_vae", "cnn": "2b_cnn", "cvae": "2c_cvae"}
RESULTS = ("summary.json", "page.json", "report.html", calibrate.RESULT)  # with the first three a run folder is whole
CALIBRATION_REPEATS = 100
BETWEEN_BARS = slice(8, 14)  # rows between the top and the middle bar, where a 5 has its ink left and a 3 right


def run(settings: Settings) -> Path:
    """Run the study into `settings.out` and return its page; finished models and attributions there are reused."""
    folder = opened(settings.out, "digits")
    clock = Clock()
    with clock("data"):
        digits = mnist.load(settings.data, settings.seed)
        _require_enough(digits, settings.n_baselines)
        images = Images.draw(digits.train, settings.sample, settings.n_samples, settings.seed)
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)
    with clock("training"):
        models = networks.load_or_train_all(folder / "models", digits, settings)
    study = Study(settings, digits, models, images)
    write_json(folder / "config.json", _config(study))
    explanations: dict[str, Explanation] = {}
    attributions = folder / "attributions.zarr"
    for kind in KINDS:
        with clock(f"attributions_{kind}"):
            explanations[kind] = study.explain(kind, settings.baseline, settings.n_points, attributions)
        write_table(folder / f"significance_{kind}.csv", explanations[kind].table)
    with clock("recommended_mode"):
        recommended = study.recommended("vae", attributions)
    write_table(folder / "recommended_vae.csv", recommended.table)
    with clock("attributions_other_digits"):
        by_digit = {
            digit: explanations["vae"]
            if digit == settings.baseline
            else study.explain("vae", digit, settings.other_n_points, attributions)
            for digit in range(10)
            if digit != settings.sample
        }
    tables = _evaluated(study, explanations["vae"], by_digit, clock)
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)
    with clock("figures"):
        _draw(study, explanations, tables, folder / "figures")
        figures.significant_features(study, "vae", recommended, "S15_recommended", folder / "figures")
    summary = _summary(study, explanations, tables, clock.seconds) | _summary_of_recommended(recommended)
    write_json(folder / "page.json", page.describe(settings, summary))
    write_json(folder / "summary.json", summary)
    return build(folder)


def _evaluated(
    study: Study, explanation: Explanation, by_digit: dict[int, Explanation], clock: Clock
) -> dict[str, pd.DataFrame]:
    with clock("binary"):
        binary = evaluation.binary_accuracies(study, by_digit)
    with clock("curve"):
        curve = evaluation.subset_curve(study, explanation)
    with clock("without_a_network"):
        without = evaluation.without_network(study)
    with clock("convergence"):
        convergence = evaluation.convergence(study)
    with clock("calibration"):
        n, seed = study.settings.n_samples // 2, study.settings.seed
        transform = study.settings.transform
        calibration = null_calibration(explanation.null, n, CALIBRATION_REPEATS, transform=transform, seed=seed)
        names = study.digits.train.feature_names
        drawn = null_p_values(explanation.null, n, 1, transform=transform, feature_names=names, seed=seed)
    return {
        "binary": binary,
        "curve": curve,
        "without_network": without,
        "convergence": convergence,
        "null_calibration": calibration,
        "null_p_values": drawn.T.set_axis(["p_value"], axis=1).rename_axis("feature").reset_index(),
    }


def _draw(
    study: Study,
    explanations: dict[str, Explanation],
    tables: dict[str, pd.DataFrame],
    folder: Path,
) -> None:
    figures.paths_of_one_sample(study, folder)
    figures.baselines_as_images(study, folder)
    for kind, name in FIGURES.items():
        figures.significant_features(study, kind, explanations[kind], name, folder)
    figures.binary_accuracies(study, tables["binary"], folder)
    figures.subset_curve(tables["curve"], folder)
    figures.convergence(tables["convergence"], folder)
    p_values = tables["null_p_values"]["p_value"].to_numpy()
    figures.null_p_values(p_values[p_values < 1], folder)
    figures.p_values(study, explanations["vae"], folder)


def _summary(
    study: Study,
    explanations: dict[str, Explanation],
    tables: dict[str, pd.DataFrame],
    seconds: dict[str, float],
) -> dict[str, Any]:
    settings, table = study.settings, explanations["vae"].table
    direction = explanations["vae"].sample.direction.mean(0)[0].numpy()
    gaps = tables["convergence"].query("n_points == @settings.n_points")
    by_network = {
        kind: {row.path: {"median": row.median, "p95": row.p95} for row in rows.itertuples()}
        for kind, rows in gaps.groupby("network")
    }
    return {
        "accuracy": {kind: trained.accuracy for kind, trained in study.models.items()},
        "n_features": len(table),
        "n_significant": int(table["significant"].sum()),
        "fraction_significant": float(table["significant"].mean()),
        "n_null_of_class": int((study.images.null.labels == settings.sample).sum()),
        "warnings": {kind: explanation.table.attrs["warnings"] for kind, explanation in explanations.items()},
        "direction": {
            "top_left": float(direction[BETWEEN_BARS, :14].sum()),
            "top_right": float(direction[BETWEEN_BARS, 14:].sum()),
        },
        "binary": tables["binary"].to_dict("records"),
        "curve": tables["curve"].to_dict("records"),
        "without_network": tables["without_network"].to_dict("records"),
        "completeness_gap": by_network["vae"],
        "completeness_gap_other_networks": {kind: gap for kind, gap in by_network.items() if kind != "vae"},
        "seconds": seconds,
        "seed": settings.seed,
        "versions": versions(),
    }


def _summary_of_recommended(explanation: Explanation) -> dict[str, Any]:
    table = explanation.table
    return {
        "recommended": {
            "n_significant": int(table["significant"].sum()),
            "best": table["feature"][ranking(table, "t")][:5].tolist(),
            "warnings": table.attrs["warnings"],
        }
    }


def _config(study: Study) -> dict[str, Any]:
    return {
        "command": "digits",
        "arguments": study.settings.arguments(),
        "seed": study.settings.seed,
        "data": {"source": study.digits.source, "hash": study.digits.hash},
        "models": {
            kind: {
                "hash": model_hash(trained.network, trained.autoencoder),
                "settings": trained.config,
            }
            for kind, trained in study.models.items()
        },
        "versions": versions(),
    }


def _require_enough(digits: mnist.Digits, n_baselines: int) -> None:
    """Every digit is classified and is a baseline: refuse too few images before the first network is trained."""
    for name, part in (("training", digits.train), ("test", digits.test)):
        counts = np.bincount(part.labels, minlength=10)
        if not counts.all():
            raise ValueError(f"--data: no {name} image shows a {counts.argmin()}, expected images of all ten digits")
        if part is digits.train and n_baselines >= counts.min():  # "close" drops one of its points
            raise ValueError(
                f"--n-baselines: got {n_baselines}, expected fewer than the {counts.min()} training images of "
                f"digit {counts.argmin()}"
            )
