"""The digits study over several seeds, and its headline figures side by side.

python -m benchmarks.study --data FOLDER|full --seeds 0 1 2 --out runs/study
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from eigrad.cases.digits.settings import Settings
from eigrad.cases.digits.study import run


def figures(summary: dict[str, Any], convergence: pd.DataFrame) -> dict[str, float]:
    """What the paper and this project's own limits speak of, one number each."""
    losses = [100 * (row["accuracy_all"] - row["accuracy_significant"]) for row in summary["binary"]]
    twenty = next(row for row in summary["curve"] if row["n_pixels"] == 20)
    p95 = convergence.pivot_table(index=["network", "path"], columns="n_points", values="p95")
    straight = p95[p95.index.get_level_values("path") == "straight"]
    neighbors = p95[p95.index.get_level_values("path").str.endswith("neighbors")]
    latent = p95[p95.index.get_level_values("path").str.startswith("latent")]
    return {
        **{f"test accuracy, {kind}": value for kind, value in summary["accuracy"].items()},
        "significant pixels, %": 100 * summary["fraction_significant"],
        "accuracy lost, mean of nine digits, points": sum(losses) / len(losses),
        "accuracy lost, worst digit, points": max(losses),
        "20 pixels: significant less random, points": 100
        * (twenty["accuracy_significant"] - twenty["accuracy_random"]),
        "direction map, top left": summary["direction"]["top_left"],
        "direction map, top right": summary["direction"]["top_right"],
        "gap at 250 points, straight, worst p95": straight[250].max(),
        "gap at 250 points, neighbors, worst p95": neighbors[250].max(),
        "gap at 50 over 250 points, latent, least ratio": (latent[50] / latent[250]).min(),
        "seconds": sum(summary["seconds"].values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder of IDX files, or 'full'; by default the images in the package")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    arguments = parser.parse_args()
    columns = {}
    for seed in arguments.seeds:
        folder = run(Settings(out=arguments.out / f"seed-{seed}", data=arguments.data, seed=seed)).parent
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        columns[f"seed {seed}"] = figures(summary, pd.read_csv(folder / "convergence.csv"))
    table = pd.DataFrame(columns)
    table.to_csv(arguments.out / "study.csv", index_label="figure")
    print(table.to_string(float_format="{:.4f}".format))


if __name__ == "__main__":
    main()
