"""Neighbor graphs and the routes through them: seconds and memory against the number of points.

    python -m benchmarks.neighbors --data FOLDER --out runs/bench

FOLDER holds MNIST's IDX files; without it, random images of the same size are drawn. Each number of points is a
process of its own; memory is the peak of the build above what was held before, points included (Linux). Routes join all
baselines with all samples at once; beside them, in turn, a part of the same pairs is joined one by one: by `routes`
itself (a look-up and a Dijkstra each), and by SciPy, of which only the seconds in Dijkstra count and whose lengths are
compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import connected_components, dijkstra
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from eigrad.data import read_idx
from eigrad.neighbors import SEARCHES, NeighborGraph

SIZES = (1_000, 5_000, 20_000, 60_000)
N_FEATURES, N_SAMPLES, N_BASELINES, K = 784, 100, 3, 5
TRAIN, TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"


def images(data: Path | None, n: int, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the graph and ends of the routes, in float32."""
    if data is not None:
        return tuple(
            read_idx(data / name)[:rows].reshape(-1, N_FEATURES).astype(np.float32) / 255
            for name, rows in ((TRAIN, n), (TEST, N_SAMPLES + N_BASELINES))
        )
    rng = np.random.default_rng(0)
    strokes = rng.random((15, N_FEATURES), dtype=np.float32)  # images have few degrees of freedom
    values = rng.random((n + N_SAMPLES + N_BASELINES, 15), dtype=np.float32) @ strokes
    if n_clusters:  # far apart: as many pieces of the graph
        values += 20 * rng.random((n_clusters, N_FEATURES), dtype=np.float32)[np.arange(len(values)) % n_clusters]
    return values[:n], values[n:]


def one_dijkstra_a_pair(
    graph: NeighborGraph, finder: NearestNeighbors, starts: np.ndarray, ends: np.ndarray
) -> tuple[list[float], float]:
    """Length of each pair's shortest way, each found by itself; and the seconds spent in Dijkstra alone."""
    n, lengths, inside = len(graph.points), [], 0.0
    for start, end in zip(starts, ends, strict=True):
        away, near = finder.kneighbors(np.stack([start, end]))
        links = coo_array((away.ravel(), (np.repeat([0, 1], K), near.ravel())), shape=(2, n)).tocsr()
        full = vstack([graph.weights, links], format="csr")
        full.resize((n + 2, n + 2))
        begin = time.perf_counter()
        length, _ = dijkstra(full, indices=n, return_predecessors=True)
        inside += time.perf_counter() - begin
        lengths.append(float((length[near[1]] + away[1]).min()))
    return lengths, inside


def length_of(graph: NeighborGraph, start: np.ndarray, route: list[int], end: np.ndarray) -> float:
    way = [np.asarray(point, np.float64) for point in (start, *graph.points[route], end)]
    return float(sum(np.linalg.norm(a - b) for a, b in pairwise(way)))


def peak_mebibytes() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Build one graph, and join the pairs in both ways, in turn."""
    points, others = images(arguments.data, arguments.measure, arguments.clusters)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = peak_mebibytes()
    graph, build = timed(lambda: NeighborGraph.of(points, K, search=arguments.search))
    peak = peak_mebibytes()
    starts = np.repeat(others[:N_BASELINES], N_SAMPLES, axis=0)
    ends = np.tile(others[N_BASELINES:], (N_BASELINES, 1))
    some = np.linspace(0, len(starts) - 1, arguments.pairs).astype(int)
    finder = NearestNeighbors(n_neighbors=K).fit(points)
    together, alone, inside, errors = [], [], [], []
    for _ in range(arguments.repeats):
        routes, seconds = timed(lambda: graph.routes(starts, ends))
        together.append(seconds)
        _, seconds = timed(lambda: [graph.routes(starts[i : i + 1], ends[i : i + 1]) for i in some])
        alone.append(seconds * len(starts) / len(some))
        lengths, dijkstras = one_dijkstra_a_pair(graph, finder, starts[some], ends[some])
        inside.append(dijkstras * len(starts) / len(some))
        errors += [
            abs(length_of(graph, starts[i], routes[i], ends[i]) / length - 1)
            for i, length in zip(some, lengths, strict=True)
            if routes[i]
        ]
    near = csr_array(graph.weights)
    return {
        "points": len(points),
        "build_s": build,
        "build_mib": peak - before,
        "points_mib": points.nbytes / 2**20,
        "edges": near.nnz // 2,
        "pieces_left": connected_components(near)[0],
        "routes_s": float(np.median(together)),
        "one_by_one_s": float(np.median(alone)),
        "dijkstra_alone_s": float(np.median(inside)),
        "one_by_one_ratio": float(np.median(np.array(alone) / together)),
        "dijkstra_alone_ratio": float(np.median(np.array(inside) / together)),
        "routes_compared": len(errors) // arguments.repeats,
        "largest_relative_difference": max(errors, default=0.0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of MNIST's IDX files; random images where not given")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of points")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs of both ways to join the pairs")
    parser.add_argument("--pairs", type=int, default=20, help="pairs joined one by one; their time is scaled to all")
    parser.add_argument("--clusters", type=int, default=0, help="clusters of the random images, far apart")
    parser.add_argument("--search", choices=SEARCHES, default="exact")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        torch.set_num_threads(arguments.threads)
        with threadpool_limits(arguments.threads):
            print(json.dumps(measure(arguments)))
        return
    rows = []
    for size in arguments.sizes:
        command = [sys.executable, "-m", "benchmarks.neighbors", *sys.argv[1:], "--measure", str(size)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
    table = pd.DataFrame(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "neighbors.csv", index=False)
    print(table.set_index("points").T.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
