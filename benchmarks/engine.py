"""Time and memory of straight paths on a 1,357-feature network, in interleaved pairs with Captum.

    python -m benchmarks.engine --out runs/bench

Each measurement is a process of its own, so that its peak memory is its own. Memory is the peak over what the process
held with model and data in place and one sample's gradient taken. Captum takes Gauss-Legendre, one baseline after
another, at the internal batch given.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from captum.attr import IntegratedGradients
from torch import nn

from eigrad import Explainer, baselines

N_FEATURES, N_SAMPLES, N_BASELINES, N_POINTS = 1357, 300, 3, 250
CAPTUM_BATCHES = (256, 1024, 4096)


def measure(tool: str, batch: int) -> dict[str, float]:
    """Explain the samples once with one tool: seconds, and MiB above model and data."""
    torch.manual_seed(0)
    sizes = (N_FEATURES, 700, 200, 300, 100, 3)
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    samples, points = torch.randn(N_SAMPLES, N_FEATURES), torch.randn(1000, N_FEATURES)
    chosen = baselines.Median(points, N_BASELINES)(samples[:1])[0]

    def run(x: torch.Tensor) -> None:
        if tool == "eigrad":
            Explainer(model, 1, baseline=baselines.Median(points, N_BASELINES), n_points=N_POINTS)(x)
            return
        for baseline in chosen:
            IntegratedGradients(model).attribute(
                x, baseline[None], target=1, n_steps=N_POINTS, method="gausslegendre", internal_batch_size=batch
            )

    model(samples[:1].requires_grad_()).sum().backward()  # what PyTorch sets up once is not counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    run(samples)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "mebibytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def apart(tool: str, batch: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.engine", "--measure", tool, "--batch", str(batch)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--pairs", type=int, default=3, help="interleaved pairs for each of Captum's batches")
    parser.add_argument("--measure", choices=("eigrad", "captum"), help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.batch)))
        return
    rows = []
    for batch in CAPTUM_BATCHES:
        for pair in range(arguments.pairs):
            ours, theirs = apart("eigrad", 0), apart("captum", batch)
            rows.append(
                {
                    "captum_batch": batch,
                    "pair": pair,
                    **{f"eigrad_{name}": value for name, value in ours.items()},
                    **{f"captum_{name}": value for name, value in theirs.items()},
                    "ratio": theirs["seconds"] / ours["seconds"],
                }
            )
    table = pd.DataFrame(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "engine.csv", index=False)
    print(table.groupby("captum_batch").agg(["median", "min", "max"]).drop(columns="pair").T.to_string())


if __name__ == "__main__":
    main()
