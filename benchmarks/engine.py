"""Time, error and memory of straight paths, beside the peers, on trained networks.

    python -m benchmarks.engine --out runs/bench

Each network is a file in OUT/engine, written when it is done: a run that was stopped goes on with the next one. The
tables are gathered from these files: results.csv, curve.csv, others.csv, batches.csv, timings.csv, own.csv.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import eigrad
from benchmarks import measure, peers
from benchmarks.compare import Plan, Row, compare
from benchmarks.data import Sources
from benchmarks.models import MOST_SAMPLES, RECIPES, Case, load_or_train
from eigrad.data import write_atomic

LIBRARIES = ("eigrad", "torch", "captum", "shap", "numpy")
TABLES = ("results", "curve", "others", "batches", "timings", "own")
OWN_POINTS, CAPTUM_BATCH = 250, 1024


def own(case: Case, folder: Path, plan: Plan, samples: int) -> list[Row]:
    """The engine as it comes against trapezoids with 250 points, in turn; memory in processes of their own.

    Captum as it comes, all points at once, is run once, for its memory.
    """
    tools = {peers.AUTO: None, peers.OWN_TRAPEZOID: OWN_POINTS, peers.UNFUSED: OWN_POINTS, peers.TRAPEZOID: OWN_POINTS}
    batches = {peers.TRAPEZOID: CAPTUM_BATCH}
    problem = case.problem(samples)
    rows: list[Row] = []
    for n_threads in plan.threads:
        torch.set_num_threads(n_threads)
        memory = {
            tool: measure.apart(
                case.name, folder, tool, n, samples=samples, threads=n_threads, batch=batches.get(tool)
            )["mebibytes"]
            for tool, n in tools.items()
        }
        for turn in range(plan.pairs):
            for tool, n_points in tools.items():
                elapsed = measure.seconds(partial(peers.tool(tool), problem, n_points, batches.get(tool)))
                row = {
                    "case": case.name,
                    "threads": n_threads,
                    "samples": len(problem.samples),
                    "round": turn,
                    "tool": tool,
                }
                rows.append({**row, "n_points": n_points, "seconds": elapsed, "mebibytes": memory[tool]})
    n_threads = max(plan.threads)
    whole = measure.apart(case.name, folder, peers.GAUSS, OWN_POINTS, samples=samples, threads=n_threads)
    row = {"case": case.name, "threads": n_threads, "samples": samples, "round": 0, "tool": f"{peers.GAUSS}, default"}
    return [*rows, {**row, "n_points": OWN_POINTS, **{key: whole[key] for key in ("seconds", "mebibytes", "fails")}}]


def measured(name: str, out: Path, plan: Plan, sources: Sources, quick: bool) -> None:
    """Measure a network, unless its file is there with the same settings."""
    path = out / "engine" / f"{name}.json"
    settings = {"plan": asdict(plan), "sources": vars(sources), "n_checked": RECIPES[name].n_checked, "code": code()}
    settings = json.loads(json.dumps(settings, default=str))
    if path.exists() and json.loads(path.read_text(encoding="utf-8"))["settings"] == settings:
        print(f"{name}: reusing {path}", flush=True)
        return
    case = load_or_train(out / "models", name, sources)
    print(f"{name}: {case.config['title']}, held-out accuracy {case.config['accuracy']:.3f}", flush=True)
    tables = compare(case, out / "models", plan)
    if name == "W1":
        tables["own"] = own(case, out / "models", plan, 12 if quick else MOST_SAMPLES)
    content = {"settings": settings, "machine": machine(), "tables": tables}
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(path) as beside:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def code(folder: Path = Path(eigrad.__file__).parent) -> str:
    """A hash of eigrad's source, or of a folder of it: what an older engine took is measured again."""
    files = sorted(folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def gather(out: Path) -> dict[str, pd.DataFrame]:
    """The tables of all networks measured so far, also written as CSV."""
    files = {path.stem: path for path in (out / "engine").glob("*.json")}
    contents = [json.loads(files[name].read_text(encoding="utf-8")) for name in RECIPES if name in files]
    tables = {
        name: pd.DataFrame([row for content in contents for row in content["tables"].get(name, ())]) for name in TABLES
    }
    for name, table in tables.items():
        with write_atomic(out / f"{name}.csv") as beside:
            table.to_csv(beside, index=False)
    return tables


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--models", nargs="+", choices=RECIPES, default=list(RECIPES), help="which networks")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pairs", type=int, default=5, help="rounds in which all tools are timed in turn")
    parser.add_argument("--digits", type=Path, help="a folder of MNIST's IDX files; by default what ships")
    parser.add_argument("--junctions", type=Path, help="splice_junctions.csv; by default planted motifs")
    parser.add_argument("--quick", action="store_true", help="few samples, points and rounds, for a look")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    threads = tuple(given.threads)
    plan = Plan.quick(threads, min(given.pairs, 2)) if given.quick else Plan(threads, given.pairs)
    for name in given.models:
        measured(name, given.out, plan, Sources(given.digits, given.junctions), given.quick)
        results = gather(given.out)["results"]
        shown = ["threads", "tool", "n_points", "p95", "seconds", "mebibytes", "ratio", "ratio_low", "ratio_high"]
        print(results.query("case == @name")[shown].to_string(index=False, float_format="{:.3g}".format), flush=True)


if __name__ == "__main__":
    main()
