"""What a digits study would say of nothing: of random images, of planted differences, of networks that know nothing."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.cases.digits import figures, mnist, networks, page
from eigrad.cases.digits.explain import Explanation, Images, Study
from eigrad.cases.digits.settings import Settings
from eigrad.data import one_line, write_json, write_table
from eigrad.evaluate import jaccard
from eigrad.report import build
from eigrad.significance import (
    SignificanceWarning,
    familywise_error,
    null_calibration,
    planted_power,
    recommended_calibration,
)
from eigrad.training import model_hash

logger = logging.getLogger(__name__)

RESULT = "calibration.json"
KIND = "vae"  # the network of figure 2a, whose features are pixels
REPEATS = 100


def run(folder: Path, repeats: int = REPEATS) -> Path:
    """Calibrate a finished run of `eigrad digits`; its page says what was found. Returns the page."""
    if repeats < 1:
        raise ValueError(f"--repeats: got {repeats}, expected at least 1")
    study, summary = _opened(folder)
    settings = study.settings
    real = study.explain(KIND, settings.baseline, settings.n_points, folder / "attributions.zarr")
    others = _of_nothing(study, folder)
    compared = _compared(study, {"as trained": real, **others})
    n = len(real.null) // 2
    options: dict[str, Any] = {"transform": settings.transform, "seed": settings.seed}
    logger.info("random images against random images ...")
    calibration = null_calibration(real.null, n, repeats, **options)
    power = planted_power(real.null, n, max(2, repeats // 5), **options)
    two_nulls = recommended_calibration(real.null, len(real.null) // 3, repeats, seed=settings.seed)
    tables = {
        "calibration_networks": compared,
        "calibration_power": power,
        "calibration_draws": calibration,
        "calibration_draws_recommended": two_nulls,
    }
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)
    figures.networks_of_nothing(study, {"as trained": real, **others}, folder / "figures")
    figures.planted_power(power, folder / "figures")
    result = {
        "networks": compared.to_dict("records"),
        "draws": {"n": n, "repeats": repeats, **familywise_error(calibration)},
        "draws_recommended": {"repeats": repeats, **familywise_error(two_nulls)},
        "power": power.to_dict("records"),
    }
    write_json(folder / RESULT, result)
    write_json(folder / "page.json", page.describe(settings, summary, result))
    return build(folder)


def _opened(folder: Path) -> tuple[Study, dict[str, Any]]:
    """The study of a run folder, with the networks that are in it, and its summary."""
    config, summary = (_read(folder, name) for name in ("config.json", "summary.json"))
    if config.get("command") != "digits":
        raise ValueError(f"{folder}: got a run of {config.get('command')!r}, expected one of eigrad digits")
    try:
        settings = Settings(out=folder, **config["arguments"])
        data, hashes = config["data"]["hash"], {kind: each["hash"] for kind, each in config["models"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder}: config.json is not whole ({one_line(error)}), expected a finished run folder"
        ) from error
    digits = mnist.load(settings.data, settings.seed)
    if digits.hash != data:
        raise ValueError(f"{folder}: its images are not those in {settings.data or 'the package'}, expected the same")
    models = networks.load_or_train_all(folder / "models", digits, settings)
    for kind, trained in models.items():
        if model_hash(trained.network, trained.autoencoder) != hashes.get(kind):
            raise ValueError(f"{folder}: its network {kind!r} is not the one of config.json, expected a finished run")
    images = Images.draw(digits.train, settings.sample, settings.n_samples, settings.seed)
    return Study(settings, digits, models, images), summary


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{folder}: {name} cannot be read ({error}), expected a finished run folder") from error
    if not isinstance(content, dict):
        raise ValueError(f"{folder / name}: got {type(content).__name__}, expected a JSON object")
    return content


def _of_nothing(study: Study, folder: Path) -> dict[str, Explanation]:
    """The study's explanation of networks that know nothing."""
    settings, found = study.settings, {}
    known = networks.of_nothing(KIND, study.models[KIND], study.digits, settings)
    for name, network in known.items():
        logger.info("%s: test accuracy %.2f %%", name, 100 * network.accuracy)
        other = replace(study, models={**study.models, KIND: network})
        store = folder / "calibration.zarr" / name.replace(" ", "-")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SignificanceWarning)  # they would read as the study's own
            found[name] = other.explain(KIND, settings.baseline, settings.n_points, store)
        found[name].table.attrs["accuracy"] = network.accuracy
    return found


def _compared(study: Study, explanations: dict[str, Explanation]) -> pd.DataFrame:
    """One row a network: accuracy, significant pixels, and what they have in common with those of the trained one."""
    sets = {name: np.flatnonzero(explanation.kept).tolist() for name, explanation in explanations.items()}
    first = next(iter(explanations.values())).table["effect"]
    shared = jaccard(sets).iloc[0]
    rows = []
    for name, explanation in explanations.items():
        accuracy = explanation.table.attrs.get("accuracy", study.models[KIND].accuracy)
        order = float(stats.spearmanr(first, explanation.table["effect"]).statistic)
        rows.append(
            {
                "network": name,
                "accuracy": accuracy,
                "n_significant": len(sets[name]),
                "shared_significant": float(shared[name]),
                "effect_correlation": order,
            }
        )
    return pd.DataFrame(rows)
