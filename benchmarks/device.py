"""Time and memory at equal error on a GPU, beside Captum, and how far a GPU's attributions are from the CPU's.

    python -m benchmarks.device --out runs/bench --device cuda:0 --docs docs

Writes OUT/device.json with a row for each network and tool, and prints them; writes DOCS/gpu.md from the file, and that
alone where `--models` names none. Every tool is timed, in turn, at its smallest setting on the level that the trapezoid
rule of 250 points reaches, and Captum runs at its fastest batch.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
import torch

from benchmarks import accuracy, compare, peers
from benchmarks.data import Sources
from benchmarks.engine import machine
from benchmarks.figure import is_auto, is_fixed
from benchmarks.models import RECIPES, Case, load_or_train
from benchmarks.page import table
from eigrad.data import write_atomic

BATCHES = (1024, 4096, 16384, 65536)
MODELS = tuple(name for name in RECIPES if name != "lstm")  # of which cuDNN takes no gradient for the reference
PAGE = Path(__file__).with_suffix(".md")


def moved(case: Case, device: torch.device) -> Case:
    """The case on a device."""
    extra = tuple(tensor.to(device) for tensor in case.extra)
    samples, baselines = case.samples.to(device), case.baselines.to(device)
    return replace(case, network=case.network.to(device), samples=samples, baselines=baselines, extra=extra)


def mebibytes(case: Case, tool: compare.Contender, samples: int) -> float:
    """The most memory a GPU held over what it did before; not a number on a CPU."""
    if not case.samples.is_cuda:
        return float("nan")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    peers.tool(tool.tool)(case.problem(samples), tool.n_points, tool.batch)
    torch.cuda.synchronize()
    return float((torch.cuda.max_memory_allocated() - before) / 2**20)


def measured(case: Case, device: torch.device, plan: compare.Plan) -> list[dict[str, Any]]:
    """A row for each tool: setting, error, seconds, memory, and the time of Captum's faster rule over its own."""
    here = peers.explain(case.problem(plan.most_checked)).values
    there = moved(case, device)
    apart = accuracy.relative_error(peers.explain(there.problem(len(here))).values.cpu(), here.double())
    exact = accuracy.integral(there.problem(len(here)), plan.reference_points, plan.reference_points)
    probed = [row for tool in peers.CAPTUM_METHODS for row in compare.probe(there, tool, 0, plan)]
    fastest = pd.DataFrame(probed).sort_values("seconds").drop_duplicates("tool").set_index("tool")
    best = {tool: int(fastest["batch"][tool]) for tool in peers.CAPTUM_METHODS}
    curve = compare.errors(there, exact, best, plan)
    reached = compare.smallest(curve, compare.level(curve, plan))
    chosen = compare.contenders(reached, best)
    samples = min(plan.most_timed, len(there.samples))
    timings = pd.DataFrame(compare.rounds(there, chosen, samples, 0, plan.pairs))
    seconds = timings.pivot_table(index="round", columns="tool", values="seconds")
    captum = seconds[[tool for tool in peers.CAPTUM_METHODS if tool in seconds]].median().idxmin()
    rows = []
    for each in chosen:
        times = seconds[captum] / seconds[each.tool]
        p95 = next((row["p95"] for row in reached.values() if row["tool"] == each.tool), None)
        row = {"case": case.name, "tool": each.tool, "n_points": each.n_points, "batch": each.batch, "p95": p95}
        spread = {"times": times.median(), "low": times.min(), "high": times.max()}
        used = mebibytes(there, each, samples)
        rows.append({**row, "seconds": seconds[each.tool].median(), **spread, "mebibytes": used, "samples": samples})
    return [{**row, "from_cpu_p95": accuracy.upper(apart)} for row in rows]


def named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def page(content: dict[str, Any]) -> str:
    """The page of a finished run."""
    header = ["network", "error", "Captum", "ms", "MiB", "eigrad", "ms", "times", "MiB", "eigrad auto", "times"]
    lines, quicker = [], []
    rows = pd.DataFrame(content["rows"])
    for name, group in rows.groupby("case", sort=False):
        by_tool = group.set_index("tool")
        captum = by_tool.loc[by_tool.index.isin(peers.CAPTUM_METHODS)].sort_values("seconds").iloc[0]
        fixed, auto = group[is_fixed(group["tool"])].iloc[0], group[is_auto(group["tool"])].iloc[0]
        limit, best = by_tool.loc[peers.LIMIT], min(fixed["seconds"], auto["seconds"])
        quicker += [f"{name}"] if limit["seconds"] < best else []
        lines.append([
            f"{name}: {RECIPES[str(name)].title}", f"{captum['p95']:.2g}",
            f"{captum.name.removeprefix('Captum ')}, {captum['n_points']:.0f}", per_sample(captum),
            f"{captum['mebibytes']:.0f}", f"{fixed['tool'].removeprefix('eigrad ')}, {fixed['n_points']:.0f}",
            per_sample(fixed), ranged(fixed), f"{fixed['mebibytes']:.0f}",
            f"tol {auto['tool'].removeprefix(peers.AUTO).strip()}", ranged(auto), f"{limit['times']:.1f}",
            f"{captum['from_cpu_p95']:.1g}",
        ])  # fmt: skip
    said = (
        f"They are faster than eigrad on {' and '.join(quicker)}."
        if quicker
        else "They are nowhere faster than eigrad."
    )
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        device=content["device"], torch=content["machine"]["torch"], captum=content["machine"]["captum"],
        batches=", ".join(map(str, BATCHES)), table=table([*header, "bare gradients", "from the CPU"], lines),
        rounds=content["rounds"], limit=said, runs=content["runs"],
    )  # fmt: skip


def per_sample(row: pd.Series) -> str:
    return f"{1e3 * row['seconds'] / row['samples']:.3g}"


def ranged(row: pd.Series) -> str:
    return f"**{row['times']:.1f}** ({row['low']:.1f} to {row['high']:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda:0"))
    parser.add_argument("--models", nargs="*", choices=MODELS, default=MODELS, help="which networks")
    parser.add_argument("--docs", type=Path, help="the folder of the page, if it is to be written")
    parser.add_argument("--quick", action="store_true", help="few samples, points and rounds, for a look")
    given = parser.parse_args()
    plan = replace(compare.Plan.quick((0,), 2) if given.quick else compare.Plan((0,)), batches=BATCHES)
    rows: list[dict[str, Any]] = []
    for name in given.models:
        rows += measured(load_or_train(given.out / "models", name, Sources(None, None)), given.device, plan)
        content = {
            "device": named(given.device),
            "machine": machine(),
            "rounds": plan.pairs,
            "runs": "one run of all of them",
            "rows": rows,
        }
        given.out.mkdir(parents=True, exist_ok=True)
        with write_atomic(given.out / "device.json") as beside:
            beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        shown = pd.DataFrame([row for row in rows if row["case"] == name])
        print(shown.to_string(index=False, float_format="{:.3g}".format), flush=True)
    if given.docs:
        content = json.loads((given.out / "device.json").read_text(encoding="utf-8"))
        (given.docs / "gpu.md").write_text(page(content), encoding="utf-8")


if __name__ == "__main__":
    main()
