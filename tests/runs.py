"""A run folder made of nothing but names that mean harm and numbers drawn at random."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

SCRIPT = "<script>alert('feature')</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(2)</script>",
    "<!--<script>",
    "it's \"quoted\" & 'quoted'",
    "two\nlines",
    "Ångström \N{GREEK SMALL LETTER BETA} \N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR} \N{RIGHT-TO-LEFT OVERRIDE}x",
    "{{ 7 * 7 }} ${1 + 1}",
)
N_FEATURES, N_SIGNIFICANT = 60, 9  # every seventh, from the fourth
N_SAMPLED = 12
SETS = (("class", 1.0, 20), ("reference", -1.0, 10), ("null", 0.0, 15))
PAGE = {
    "title": f"What makes {SCRIPT} differ",
    "headline": ["**Nine** of 60 features are used more.", f"Untrusted: {SCRIPT}"],
    "sections": [
        {
            "title": "Significant features",
            "text": ["See `effect` first."],
            "figures": [
                {"file": "figures/map.png", "title": "Figure 1", "caption": SCRIPT, "alt": f'a "map" {SCRIPT}'}
            ],
            "tables": [
                {
                    "file": "significance.csv",
                    "title": f"Every feature {SCRIPT}",
                    "caption": "tested",
                    "kind": "features",
                },
                {"file": "binary.csv", "title": "Classifiers", "caption": "", "kind": "plain"},
            ],
        }
    ],
    "reading": ["An effect is a difference."],
    "limits": ["Significance shows no cause."],
}
SUMMARY = {
    "n_features": N_FEATURES,
    "accuracy": {"vae": 0.9712345678, "cnn": 0.25},
    "gap": {"straight": {"median": 1.2345678e-5, "p95": 0.02}, "neighbors": {"median": -0.001, "p95": 3.0}},
    "curve": [{"n": 1, "accuracy": 0.5}, {"n": 20, "accuracy": 0.9}],
    "untrusted": {SCRIPT: SCRIPT},
}
CONFIG = {"seed": 20_200_619, "arguments": {"quick": True, "data": None, "hidden": [400, 200]}}


def table(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    effect = random.normal(size=N_FEATURES)
    names = [*HOSTILE, *(f"gene_{i}" for i in range(len(HOSTILE), N_FEATURES))]
    return pd.DataFrame(
        {
            "feature": names,
            "mean_attribution": random.normal(scale=1e-3, size=N_FEATURES),
            "effect": effect,
            "p_value": 10.0 ** random.uniform(-300, 0, N_FEATURES),
            "significant": np.arange(N_FEATURES) % 7 == 3,
            "n_class": 300,
        }
    )


def write_run(folder: Path, features: pd.DataFrame) -> Path:
    (folder / "figures").mkdir(parents=True)
    figure, axes = plt.subplots(figsize=(6, 2), dpi=50)
    axes.plot([0, 1], [1, 0])
    figure.savefig(folder / "figures" / "map.png")
    figure.savefig(folder / "figures" / "map.svg")
    plt.close(figure)
    features.to_csv(folder / "significance.csv", index=False)
    pd.DataFrame({"digit": [0, 1], "accuracy": [0.98123456789, 1.0], "dead": [True, False]}).to_csv(
        folder / "binary.csv", index=False
    )
    for name, content in (("page", PAGE), ("summary", SUMMARY), ("config", CONFIG)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def add_spread(folder: Path, features: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Distributions of all features and samples of the first twelve, named by the page; their attributions."""
    random = np.random.default_rng(seed)
    sets = {name: random.normal(shift, 1, (n, len(features))) for name, shift, n in SETS}
    quantiles = {
        f"{name}_{percent}": np.percentile(values, percent, axis=0)
        for name, values in sets.items()
        for percent in (5, 25, 50, 75, 95)
    }
    names = features["feature"]
    pd.DataFrame({"feature": names} | quantiles).to_csv(folder / "distributions.csv", index=False)
    samples = {f"{name} {7 * i}": row[:N_SAMPLED] for name, values in sets.items() for i, row in enumerate(values)}
    pd.DataFrame({"feature": names[:N_SAMPLED]} | samples).to_csv(folder / "samples.csv", index=False)
    spread = {"distributions": "distributions.csv", "samples": "samples.csv"}
    change_page(folder, tables=[{"file": "significance.csv", "title": "t", "kind": "features", **spread}])
    return sets


def change_page(run: Path, **section: Any) -> None:
    page = json.loads((run / "page.json").read_text())
    page["sections"][0].update(section)
    (run / "page.json").write_text(json.dumps(page))


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
