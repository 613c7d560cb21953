"""How time and peak memory grow with samples, features and points.

    python -m benchmarks.growth --out runs/bench

A random ReLU network FEATURES-700-200-3, three baselines, one sweep for each quantity with the others held; every
measurement is a process of its own. The table is growth.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmarks import measure, models, peers
from eigrad.data import write_atomic

HELD = {"samples": 300, "features": 1357, "n_points": 64}
SWEEPS = {
    "samples": (30, 100, 300, 1000, 3000),
    "features": (100, 300, 1000, 3000, 10_000),
    "n_points": (8, 16, 32, 64, 128, 256),
}


def grow(out: Path, tool: str, n_threads: int, quick: bool) -> pd.DataFrame:
    held = {**HELD, "samples": 30} if quick else HELD
    rows = []
    for swept, values in SWEEPS.items():
        for value in values[:3] if quick else values:
            job = {**held, swept: value}
            n_points = job.pop("n_points")
            found = measure.apart("random", out, tool, n_points, threads=n_threads, **job)
            rows.append({"swept": swept, "tool": tool, "threads": n_threads, "n_points": n_points, **job, **found})
            print(f"{swept} {value}: {found['seconds']} s, {found['mebibytes']} MiB", flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--tool", help="by default eigrad with the rule it picks for a ReLU network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="30 samples, and the first three of each sweep")
    given = parser.parse_args()
    tool = given.tool or peers.with_fixed_points(models.random_case(11, 2).problem(2))[0]
    given.out.mkdir(parents=True, exist_ok=True)
    with write_atomic(given.out / "growth.csv") as beside:
        grow(given.out, tool, given.threads, given.quick).to_csv(beside, index=False)


if __name__ == "__main__":
    main()
