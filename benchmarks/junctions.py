"""The splice-site study over several seeds, and its headline figures side by side.

python -m benchmarks.junctions --seeds 0 1 2 --out runs/junctions-study
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from eigrad.cases.junctions.settings import SITES, Settings
from eigrad.cases.junctions.study import run
from eigrad.data import write_table


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    """What the textbook and this project's own limits speak of."""
    found: dict[str, Any] = {"accuracy": f"{summary['accuracy']:.3f}"}
    for site in SITES:
        of_site = summary[site]
        pairs = zip(of_site["top_positions"], of_site["top_letters"], strict=True)
        free = {row["method"]: f"{row['auc']:.4f}" for row in of_site["without_network"]}
        found |= {
            f"{site}: largest effects": ", ".join(f"{letter} at {place}" for place, letter in list(pairs)[:3]),
            f"{site}: significant": ", ".join(map(str, of_site["significant_positions"])),
            f"{site}: of the 20 farthest": of_site["n_significant_far"],
            f"{site}: in the paper's mode": of_site["n_significant_paper"],
            f"{site}: AUC, network": free["the network"],
            f"{site}: AUC, forest / L1": f"{free['random forest']} / {free['L1 logistic']}",
        }
    return found | {"seconds": f"{sum(summary['seconds'].values()):.0f}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/junctions-study"))
    given = parser.parse_args()
    columns = {}
    for seed in given.seeds:
        folder = run(Settings(out=given.out / f"seed-{seed}", seed=seed)).parent
        columns[f"seed {seed}"] = figures(json.loads((folder / "summary.json").read_text(encoding="utf-8")))
    table = pd.DataFrame(columns).rename_axis("").reset_index()
    write_table(given.out / "junctions.csv", table)
    print("| " + " | ".join(table) + " |\n|" + " --- |" * table.shape[1])
    print("\n".join("| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)))


if __name__ == "__main__":
    main()
