"""The splice-site study: read, train, explain, test, draw, and report, one stage after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from eigrad.cases.junctions import figures, networks, page
from eigrad.cases.junctions import windows as reading
from eigrad.cases.junctions.explain import Explanation, draw, explain, without_network
from eigrad.cases.junctions.networks import RECIPE, Trained
from eigrad.cases.junctions.settings import SITES, Settings
from eigrad.cases.junctions.windows import Windows
from eigrad.data import write_json, write_table
from eigrad.folder import Clock, opened, versions
from eigrad.plot import require_logos
from eigrad.report import build
from eigrad.training import model_hash

RESULTS = ("summary.json", "page.json", "report.html")  # with them a run folder is whole
TOP = 5
FARTHEST = 20  # positions that should have nothing to say


def run(settings: Settings) -> Path:
    """Run the study into `settings.out` and return its page; finished networks and attributions there are reused."""
    require_logos()
    folder = opened(settings.out, "junctions")
    clock = Clock()
    with clock("data"):
        windows = reading.load(settings.data, settings.seed)
        for site in SITES:  # refuses too many before anything is trained
            draw(windows.test.labels, site, settings.n_samples, settings.seed)
    for name in RESULTS:
        (folder / name).unlink(missing_ok=True)
    with clock("training"):
        trained = networks.load_or_train(folder / "models", windows, settings)
    write_json(folder / "config.json", _config(settings, windows, trained))
    found: dict[str, Explanation] = {}
    without: dict[str, pd.DataFrame] = {}
    for site in SITES:
        with clock(site):
            found[site] = explain(site, windows, trained, settings, folder / "attributions.zarr")
            write_table(folder / f"recommended_{site}.csv", found[site].table)
            write_table(folder / f"significance_{site}.csv", found[site].paper)
        with clock(f"{site}_without_a_network"):
            without[site] = without_network(site, windows, trained, settings.seed)
            write_table(folder / f"without_network_{site}.csv", without[site])
    with clock("figures"):
        figures.tracks(found, folder / "figures")
    summary = _summary(settings, windows, trained, found, without) | {"seconds": clock.seconds}
    write_json(folder / "page.json", page.describe(settings, summary))
    write_json(folder / "summary.json", summary)
    return build(folder)


def _summary(
    settings: Settings,
    windows: Windows,
    trained: Trained,
    found: dict[str, Explanation],
    without: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    return {
        "accuracy": trained.accuracy,
        "accuracy_of_each_network": list(trained.accuracies),
        "windows": {
            "read": windows.n_read,
            "duplicates": windows.n_duplicates,
            "contradictory": windows.n_contradictory,
            **{part: len(getattr(windows, part)) for part in ("train", "validation", "test")},
        },
        **{site: _of_site(found[site], windows, without[site]) for site in SITES},
        "length": windows.length,
        "seed": settings.seed,
        "versions": versions(),
    }


def _of_site(explanation: Explanation, windows: Windows, without: pd.DataFrame) -> dict[str, Any]:
    letters = explanation.by_letter()
    top = explanation.top(TOP)
    far = sorted(range(1, windows.length + 1), key=lambda position: -abs(position - windows.length / 2 - 0.5))
    return {
        "top_positions": top,
        "top_letters": ["ACGT"[letters[position - 1].argmax()] for position in top],
        "significant_positions": explanation.significant,
        "significant_letters": ["ACGT"[letters[position - 1].argmax()] for position in explanation.significant],
        "below_floor_positions": explanation.below_floor,
        "n_significant_far": len(set(far[:FARTHEST]) & set(explanation.significant)),
        "n_significant_paper": int(explanation.paper["significant"].sum()),
        "completeness_gap_p95": float(explanation.attributions.relative_gap.flatten().quantile(0.95)),
        "warnings": explanation.table.attrs["warnings"],
        "warnings_paper": explanation.paper.attrs["warnings"],
        "without_network": without.to_dict("records"),
    }


def _config(settings: Settings, windows: Windows, trained: Trained) -> dict[str, Any]:
    return {
        "command": "junctions",
        "arguments": settings.arguments(),
        "seed": settings.seed,
        "data": {"source": windows.source, "hash": windows.hash},
        "models": {
            "hash": model_hash(*trained.networks),
            "recipe": {**vars(RECIPE), "schedule": vars(RECIPE.schedule)},
        },
        "versions": versions(),
    }
