"""A run of many chunks that is killed again and again: what is left to do, what is done twice, what comes out.

    python -m benchmarks.faults --out runs/faults

Explains random samples into a store, once in peace and once killed (SIGKILL) at random moments and resumed, and
compares the two file by file; then damages chunks, fills a small disk (where one may be mounted), takes away the right
to write, and lets two processes write at once.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

from eigrad import Explainer, store

SAMPLES_A_CHUNK, N_FEATURES, SEED = 4, 20, 0


def network(seed: int = SEED) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(N_FEATURES, 30), nn.ReLU(), nn.Linear(30, 3)).eval()


def work(place: Path, samples: Path, log: Path, seed: int) -> None:
    """Resume or begin, and note the number of every chunk before it is explained."""
    torch.set_num_threads(1)
    from eigrad.attribute import session

    session.PAIRS_AT_ONCE = SAMPLES_A_CHUNK
    explain = session.Session.__call__

    def noted(self: session.Session, i: int) -> object:
        with log.open("a") as file:
            file.write(f"{i}\n")
        return explain(self, i)

    session.Session.__call__ = noted  # type: ignore[assignment,method-assign]
    explainer = Explainer(network(seed), 1, progress=False)
    store.stream(place, explainer, np.load(samples, mmap_mode="r"), resume=True)


def started(place: Path, samples: Path, log: Path, seed: int = SEED) -> subprocess.Popen[str]:
    job = json.dumps([str(place), str(samples), str(log), seed])
    command = [sys.executable, "-m", "benchmarks.faults", "--job", job]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(place: Path, samples: Path, log: Path, seed: int = SEED) -> str:
    """The last line that a run complained with, empty where it ended well."""
    process = started(place, samples, log, seed)
    _, said = process.communicate()
    return said.strip().splitlines()[-1] if process.returncode else ""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def killed(out: Path, samples: Path, n_kills: int, seconds: float) -> dict[str, object]:
    """Kill a run at random moments of the time it takes, resume it to the end, and say what was done twice."""
    place, log, moments = out / "killed", out / "killed.log", random.Random(SEED)
    for _ in range(n_kills):
        process = started(place, samples, log)
        time.sleep(moments.uniform(0.05, 1) * seconds / n_kills * 2 + 3)  # a process takes some seconds to begin
        process.kill()
        process.communicate()
    complaint = finished(place, samples, log)
    computed = Counter(int(line) for line in log.read_text().split())
    return {
        "kills": n_kills, "complaint": complaint, "equal": files(place) == files(out / "whole"),
        "chunks": len(computed), "computed_twice": sum(n - 1 for n in computed.values()),
    }  # fmt: skip


def damages(out: Path, samples: Path) -> dict[str, str]:
    """What is said of each kind of damage, by reading and by resuming."""
    whole, said = out / "whole", {}
    changes = {
        "truncated": lambda path: path.write_bytes(path.read_bytes()[:-3]),
        "flipped": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
        "lost": lambda path: path.unlink(),
    }
    for name, change in changes.items():
        place, log = out / name, out / f"{name}.log"
        shutil.copytree(whole, place)
        change(place / "values" / "c" / "7" / "0")
        try:
            store.load(place)
            said[name] = "not noticed"
        except ValueError as error:
            complaint = finished(place, samples, log)
            again = f"computed again: {log.read_text().split()}, equal: {files(place) == files(whole)}"
            said[name] = f"{str(error).rpartition('/')[2]}; resumed: {complaint or again}"
    said["another model"] = finished(whole, samples, out / "other.log", SEED + 1)
    return said


def two_writers(out: Path, samples: Path) -> dict[str, object]:
    place = out / "two"
    first = started(place, samples, out / "two.log")
    while not store_begun(place):
        time.sleep(0.05)
    second = finished(place, samples, out / "two.log")
    first.communicate()
    return {"the second": second, "first": first.returncode, "equal": files(place) == files(out / "whole")}


def store_begun(place: Path) -> bool:
    return (place / "commits" / "0" / "zarr.json").exists()


def disks(out: Path, samples: Path) -> dict[str, str]:
    """A disk that is too small, and one that must not be written to."""
    said = {}
    for name, options in (("full disk", "size=3m"), ("read-only disk", "ro")):
        disk = out / name.replace(" ", "-")
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "eigrad", str(disk)], check=False).returncode:
            said[name] = "not tried: no right to mount one"
            continue
        try:
            said[name] = finished(disk / "run", samples, out / f"{disk.name}.log")
            if (disk / "run").exists():
                there = store.progress(disk / "run")
                part = store.load(disk / "run", partial=True)
                said[name] += f"; {there.n_done} of {there.n_samples} samples are there, {len(part)} are read"
        finally:
            subprocess.run(["umount", str(disk)], check=True)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/faults"))
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        place, samples, log, seed = given.job
        return work(Path(place), Path(samples), Path(log), seed)
    out = given.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    samples = out / "samples.npy"
    shape = (SAMPLES_A_CHUNK * given.chunks - 1, N_FEATURES)
    np.save(samples, np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32))
    begin = time.perf_counter()
    assert not finished(out / "whole", samples, out / "whole.log")
    seconds = time.perf_counter() - begin
    print(f"in peace: {given.chunks} chunks in {seconds:.0f} s", flush=True)
    print("killed:", killed(out, samples, given.kills, seconds), flush=True)
    print("damaged:", json.dumps(damages(out, samples), indent=1), flush=True)
    print("two writers:", two_writers(out, samples), flush=True)
    print("disks:", disks(out, samples), flush=True)
    return None


if __name__ == "__main__":
    main()
