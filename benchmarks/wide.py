"""A pan-cancer-sized run: 13,000 samples of 20,000 features from a memory-mapped file, results streamed to disk.

    python -m benchmarks.wide --out runs/wide

The network is a random MLP FEATURES-1000-200-2 (ReLU, float32), the baselines are three medians of another class. The
samples are written once to OUT/samples.npy and mapped; attributions go to OUT/attributions.zarr as they come. Prints
seconds and the peak resident memory of this process, which must be started fresh, and writes them to OUT/wide.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import measure
from benchmarks.models import N_BASELINES
from eigrad import Explainer, baselines
from eigrad.autoencoder import dense_layers
from eigrad.data import write_atomic
from eigrad.store import stream
from eigrad.training import seeded

CLASS_SIZE, ROWS_AT_ONCE = 200, 500


def written(path: Path, n_samples: int, n_features: int) -> NDArray[np.float32]:
    """The samples, mapped: written block by block where the file is not there in this size."""
    if not path.exists() or np.load(path, mmap_mode="r").shape != (n_samples, n_features):
        with write_atomic(path) as beside:
            file = np.lib.format.open_memmap(beside, "w+", np.float32, (n_samples, n_features))
            rng = np.random.default_rng(0)
            for first in range(0, n_samples, ROWS_AT_ONCE):
                rows = file[first : first + ROWS_AT_ONCE]
                rows[:] = rng.standard_normal(rows.shape, dtype=np.float32)
            file.flush()
            del file
    return np.load(path, mmap_mode="r")


def run(out: Path, n_samples: int, n_features: int, n_threads: int) -> dict[str, Any]:
    torch.set_num_threads(n_threads)
    out.mkdir(parents=True, exist_ok=True)
    samples = written(out / "samples.npy", n_samples, n_features)
    measure.forget_peak()
    before = measure.peak()
    with seeded(0):
        network = dense_layers([n_features, 1000, 200, 2])
        other = torch.randn(CLASS_SIZE, n_features) + 0.5
    explainer = Explainer(network, target=1, baseline=baselines.Median(other, N_BASELINES), progress=True)
    elapsed = measure.seconds(lambda: stream(out / "attributions.zarr", explainer, samples))
    return {
        "samples": n_samples,
        "features": n_features,
        "baselines": N_BASELINES,
        "threads": n_threads,
        "cores": os.cpu_count(),
        "seconds": elapsed,
        "mebibytes_before": before,
        "mebibytes_peak": measure.peak(),
        "mebibytes_maxrss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / measure.PER_MEBIBYTE,
        "finished": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/wide"))
    parser.add_argument("--samples", type=int, default=13_000)
    parser.add_argument("--features", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    found = run(given.out, given.samples, given.features, given.threads)
    with write_atomic(given.out / "wide.json") as beside:
        beside.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print("\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
