"""Attributions of many samples into a store: the memory it takes, and the time on the workers of a cluster.

    python -m benchmarks.scale memory --out runs/scale     # 1,000, 10,000 and 100,000 samples
    python -m benchmarks.scale workers --out runs/scale    # one process beside four workers, two of them killed

Memory is the peak of a process of its own that explains a memory-mapped file: what is resident in all, pages of that
file among it, which the system takes back when it likes, and what is of no file (looked at 50 times a second). A worker
has one thread. The overhead of Dask is what workers take beyond as many processes that have their shares of the samples
and know nothing of each other; one process is timed beside them, of one thread and of several.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.faults import files
from benchmarks.measure import STATUS, forget_peak, peak
from eigrad import Explainer, baselines, paths, store
from eigrad.distribute import connected, distribute

SEED, N_BASELINES = 0, 3


def network(n_features: int, width: int) -> nn.Module:
    torch.manual_seed(SEED)
    return nn.Sequential(
        nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)
    ).eval()


def explainer(n_features: int, width: int, path: str) -> Explainer:
    points = np.random.default_rng(SEED + 1).standard_normal((300, n_features), dtype=np.float32)
    way = paths.Neighbors(points) if path == "neighbors" else paths.Straight()
    baseline = baselines.Close(points, n=N_BASELINES)
    return Explainer(network(n_features, width), 1, path=way, baseline=baseline, progress=False)


def samples(out: Path, n_samples: int, n_features: int) -> Path:
    """A file of random samples, written a part at a time."""
    place = out / f"{n_samples}-{n_features}.npy"
    values = np.lib.format.open_memmap(place, "w+", np.float32, (n_samples, n_features))
    generator = np.random.default_rng(SEED)
    for begin in range(0, n_samples, 1000):
        part = values[begin : begin + 1000]
        part[:] = generator.standard_normal(part.shape, dtype=np.float32) + 1
    values.flush()
    return place


class Anonymous(threading.Thread):
    """The most memory that is of no file, in MiB, from its start to its end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self._ended = 0.0, threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            lines = STATUS.read_text(encoding="utf-8").splitlines()
            held = (int(line.split()[1]) / 2**10 for line in lines if line.startswith("RssAnon"))
            self.most = max(self.most, *held, 0.0)

    def __enter__(self) -> Anonymous:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def job(
    place: str, data: str, n_features: int, width: int, path: str, threads: int, share: tuple[int, int]
) -> dict[str, float]:
    """Explain a file, or one of several equal shares of it, in this process."""
    torch.set_num_threads(threads)
    explain = explainer(n_features, width, path)
    values, (part, of) = np.load(data, mmap_mode="r"), share
    values = values[len(values) * part // of : len(values) * (part + 1) // of]
    explain(values[:2].copy())
    forget_peak()
    begin = time.perf_counter()
    with Anonymous() as watch:
        store.stream(place, explain, values, overwrite=True)
    return {"seconds": time.perf_counter() - begin, "mebibytes": peak(), "anonymous": watch.most}


def apart(n: int = 1, **options: Any) -> list[dict[str, float]]:
    """The job in a process of its own, or in several at once, each with its own share of the samples."""
    environment = os.environ | {"OMP_NUM_THREADS": str(options["threads"])}
    processes = []
    for i in range(n):
        own = options | {"place": f"{options['place']}-{i}" if n > 1 else options["place"], "share": [i, n]}
        command = [sys.executable, "-m", "benchmarks.scale", "job", "--job", json.dumps(own)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
    said = [process.communicate()[0] for process in processes]
    return [json.loads(lines.splitlines()[-1]) for lines in said]


def memory(out: Path, sizes: list[int], n_features: int, path: str) -> None:
    for n_samples in sizes:
        data = samples(out, n_samples, n_features)
        place = out / "memory.zarr"
        (found,) = apart(place=str(place), data=str(data), n_features=n_features, width=64, path=path, threads=1)
        n_bytes = sum(len(each) for each in files(place).values())
        print(
            f"{path}, {n_samples:,} samples of {n_features} features: peak {found['mebibytes']:.0f} MiB, "
            f"{found['anonymous']:.0f} without the file's; {found['seconds']:.0f} s, {n_bytes / 2**20:.0f} MiB written",
            flush=True,
        )


def on_workers(place: Path, data: Path, n_features: int, width: int, n_workers: int, n_killed: int) -> float:
    """Seconds of workers of this machine that are there already, some of them killed on the way."""
    torch.set_num_threads(1)
    explain = explainer(n_features, width, "straight")
    with connected(None, n_workers) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        victims = list(client.run(os.getpid).values())[:n_killed]
        assert len(workers) == n_workers
        ended = threading.Event()
        if victims:
            threading.Thread(target=_kill, args=(place, victims, ended), daemon=True).start()
        begin = time.perf_counter()
        distribute(place, explain, np.load(data, mmap_mode="r"), client, overwrite=True)
        seconds = time.perf_counter() - begin
        ended.set()
    return seconds


def _kill(place: Path, victims: list[int], ended: threading.Event) -> None:
    """Kill one process once a third of the chunks are there, and the next at two thirds."""
    for i, victim in enumerate(victims, start=1):
        while not ended.wait(0.2):
            try:
                there = store.progress(place)
            except ValueError:
                continue
            if there.n_done > there.n_samples * i / (len(victims) + 1):
                os.kill(victim, 9)
                print(f"killed a worker at {there.n_done:,} of {there.n_samples:,} samples", flush=True)
                break


def workers(out: Path, n_samples: int, n_features: int, width: int, n_workers: int, rounds: int) -> None:
    n_cores = min(n_workers, len(os.sched_getaffinity(0)))
    data = samples(out, n_samples, n_features)
    one, many, lost = out / "one.zarr", out / "many.zarr", out / "lost.zarr"
    shape = {"n_features": n_features, "width": width}
    given = {"data": str(data), **shape, "path": "straight"}
    for _ in range(rounds):
        spread = on_workers(many, data, **shape, n_workers=n_workers, n_killed=0)
        print(f"{n_workers} workers on {n_cores} cores: {spread:.1f} s", flush=True)
        (alone,) = apart(place=str(one), **given, threads=1)
        print(f"one process of one thread: {alone['seconds']:.1f} s, equal: {files(one) == files(many)}", flush=True)
        shares = max(each["seconds"] for each in apart(n_workers, place=str(out / "part.zarr"), **given, threads=1))
        print(f"{n_workers} processes, each with its share of the samples, without Dask: {shares:.1f} s", flush=True)
        (threads,) = apart(place=str(out / "threads.zarr"), **given, threads=n_cores)
        print(f"one process of {n_cores} threads: {threads['seconds']:.1f} s", flush=True)
        even = spread * n_cores / alone["seconds"] - 1
        print(f"overhead of Dask: {spread / shares - 1:+.1%}; over an even share: {even:+.1%}", flush=True)
    seconds = on_workers(lost, data, **shape, n_workers=n_workers, n_killed=2)
    print(f"two of {n_workers} workers killed: {seconds:.1f} s, equal: {files(one) == files(lost)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("memory", "workers", "job"))
    parser.add_argument("--out", type=Path, default=Path("runs/scale"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--path", choices=("straight", "neighbors"), default="straight")
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--samples", type=int, default=20_000, help="Of the job on workers.")
    parser.add_argument("--width", type=int, default=512, help="Of the network on workers.")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.what == "job":
        print(json.dumps(job(**given.job)))
        return
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    if given.what == "memory":
        memory(given.out, given.sizes, given.features, given.path)
    else:
        workers(given.out, given.samples, given.features, given.width, given.workers, given.rounds)


if __name__ == "__main__":
    main()
