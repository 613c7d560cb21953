"""Seconds and peak memory of one tool on one case, in a process of its own: a job in JSON in, a result in JSON out.

Memory is the peak over what the process held with model and data in place and one sample's gradient taken. Linux
hands ru_maxrss down from the process that started this one, so that a large parent hides a child's peak: there
/proc/self/status is read instead, whose peak is the process's own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from benchmarks import models, peers

PER_MEBIBYTE = 2**20 if sys.platform == "darwin" else 2**10
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak() -> float:
    """The most memory this process held since its start, or since `forget_peak`, in MiB."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MEBIBYTE
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    """Start the peak anew at what is held now, where the system lets us."""
    if CLEAR.exists():
        with suppress(OSError):
            CLEAR.write_text("5", encoding="utf-8")


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def apart(case: str, folder: Path, tool: str, n_points: int | None, **options: Any) -> dict[str, Any]:
    """Run a job in a fresh process; a job that fails, for want of memory too, gives its reason."""
    job = json.dumps({"case": case, "folder": str(folder), "tool": tool, "n_points": n_points, **options})
    command = [sys.executable, "-m", "benchmarks.measure", job]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or f"ended by signal {-done.returncode}").splitlines()[-1]
        return {"seconds": None, "mebibytes": None, "fails": last[:200]}
    return {**json.loads(done.stdout.splitlines()[-1]), "fails": None}


def run(
    case: str,
    folder: str,
    tool: str,
    n_points: int | None,
    samples: int,
    batch: int | None = None,
    threads: int = 1,
    features: int | None = None,
) -> dict[str, float]:
    """The job itself; with `features` the case is a random network of that width, for time and memory alone."""
    torch.set_num_threads(threads)
    loaded = models.load(Path(folder), case) if features is None else models.random_case(features, samples)
    problem = loaded.problem(samples)
    attribute = peers.tool(tool)
    peers.forward_and_backward(loaded.problem(1), 1, 1)
    forget_peak()
    before = peak()
    elapsed = seconds(lambda: attribute(problem, n_points, batch))
    return {"seconds": elapsed, "mebibytes": peak() - before, "samples": len(problem.samples)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=json.loads)
    print(json.dumps(run(**parser.parse_args().job)))
