"""One network, all tools: the error each reaches at each setting, and the time of each where it reaches the same error.

The level to reach is the 95th percentile error of the trapezoid rule with 250 points. Every tool is then timed at its
smallest setting on that level, one after another within a round, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmarks import accuracy, measure, peers
from benchmarks.models import RECIPES, Case

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How much is measured: the default is for the record, `quick` for a look."""

    threads: tuple[int, ...] = (1, 2)
    pairs: int = 5
    level_points: int = 250
    reference_points: int = 4000
    most_checked: int = 60
    most_timed: int = 300
    seconds_a_run: float = 6.0  # of Captum: fewer samples are timed where it takes longer
    batches: tuple[int, ...] = (64, 256, 1024, 4096)
    points: tuple[int, ...] = (*range(5, 34), 41, 49, 65, 81, 97, 129, 161, 193, 250, 385, 513)
    tolerances: tuple[float, ...] = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 1e-4, 1e-5)

    @classmethod
    def quick(cls, threads: tuple[int, ...], pairs: int) -> Plan:
        return cls(
            threads, pairs, reference_points=1000, most_checked=6, most_timed=12, seconds_a_run=1.0,
            batches=(256, 1024), points=(4, 8, 16, 32, 64, 128, 250), tolerances=(0.1, 0.02),
        )  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """A tool at the setting it is timed with: points, or the tolerance in an automatic one's name."""

    tool: str
    n_points: int | None
    batch: int | None


def compare(case: Case, folder: Path, plan: Plan) -> dict[str, list[Row]]:
    """Everything measured on a case, as tables: curve, others, batches, timings, results."""
    torch.set_num_threads(max(plan.threads))
    n_checked = min(plan.most_checked, RECIPES[case.name].n_checked, len(case.samples))
    exact = accuracy.reference(folder, case, n_checked, plan.reference_points)
    batches: list[Row] = []
    timings: list[Row] = []
    results: list[Row] = []
    curve: list[Row] = []
    for n_threads in plan.threads:
        torch.set_num_threads(n_threads)
        found = [row for tool in peers.CAPTUM_METHODS for row in probe(case, tool, n_threads, plan)]
        batches += found
        fastest = pd.DataFrame(found).sort_values("seconds").drop_duplicates("tool").set_index("tool")
        best = {tool: int(fastest["batch"][tool]) for tool in peers.CAPTUM_METHODS}
        if not curve:
            curve = errors(case, exact, best, plan)
            others = [checked(case, exact, tool, n, None) for tool, n in peers.OTHERS.items()]
        aim = level(curve, plan)
        reached = smallest(curve, aim)
        cost = float((fastest["seconds"] / fastest["evaluations"]).min())
        chosen = contenders(reached, best)
        timed = _timed_samples(case, plan, cost * (chosen[-1].n_points or 1))
        rows = rounds(case, chosen, timed, n_threads, plan.pairs)
        timings += rows
        results += summary(case, folder, pd.DataFrame(rows), chosen, reached, aim, n_threads)
    return {"curve": curve, "others": others, "batches": batches, "timings": timings, "results": results}


def checked(case: Case, exact: Tensor, tool: str, n_points: int | None, batch: int | None) -> Row:
    """Error and seconds of a tool at one setting on the samples with a reference, or the reason why it fails."""
    problem = case.problem(len(exact))
    row: Row = {"case": case.name, "tool": tool, "n_points": n_points, "samples": len(exact)}
    empty = {"seconds": None, "median": None, "p95": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values: list[Tensor] = []
        try:
            peers.tool(tool)(case.problem(1), n_points, batch)  # what is set up once is not timed
            elapsed = measure.seconds(lambda: values.append(peers.tool(tool)(problem, n_points, batch)))
        except Exception as error:  # whatever a tool raises is its result
            return {**row, **empty, "note": f"fails: {type(error).__name__}: {_line(error)}"}
    error = accuracy.relative_error(values[0], exact)
    unknown = sorted({_line(each.message) for each in caught if "unrecognized" in str(each.message).lower()})
    return {
        **row,
        "seconds": elapsed,
        "median": float(error.median()),
        "p95": accuracy.upper(error),
        "note": "; ".join(unknown),
    }


def _line(message: object) -> str:
    return " ".join(str(message).split())[:160]


def errors(case: Case, exact: Tensor, batches: dict[str, int], plan: Plan) -> list[Row]:
    """Error against setting: Captum's two rules, eigrad's for this network with fixed points, and by tolerance."""
    ours = dict.fromkeys(peers.with_fixed_points(case.problem(2)))
    rows: list[Row] = []
    for tool, batch in {**batches, **ours}.items():
        for n_points in plan.points:
            if n_points > plan.level_points and tool in smallest(rows, level(rows, plan)):
                break
            rows.append(checked(case, exact, tool, n_points, batch))
    for tolerance in plan.tolerances:
        row = checked(case, exact, f"{peers.AUTO} {tolerance}", None, None)
        if row["p95"] is not None:
            row["evaluations"] = peers.explain(case.problem(len(exact)), rule="auto", tol=tolerance).n_evaluations
        rows.append(row)
    for row in rows:
        row["pairs"] = row["samples"] * len(case.baselines)
    return rows


def level(curve: list[Row], plan: Plan) -> float:
    """The 95th percentile error of the trapezoid with the plan's points, which is the first curve to be measured."""
    return next(row["p95"] for row in curve if row["tool"] == peers.TRAPEZOID and row["n_points"] == plan.level_points)


def smallest(curve: list[Row], level: float) -> dict[str, Row]:
    """For each tool the cheapest row at or below the level; eigrad's tolerances count as one tool."""
    found: dict[str, Row] = {}
    for row in curve:
        name = peers.AUTO if row["tool"].startswith(peers.AUTO) else row["tool"]
        if name not in found and row["p95"] is not None and row["p95"] <= level:
            found[name] = row
    return found


def probe(case: Case, tool: str, n_threads: int, plan: Plan, n_points: int = 16) -> list[Row]:
    """Seconds of a few points with each of Captum's internal batches, the better of two tries."""
    problem = case.problem(plan.most_timed)
    rows = []
    for batch in plan.batches:
        run = partial(peers.tool(tool), problem, n_points, batch)
        elapsed = min(measure.seconds(run) for _ in range(2))
        evaluations = n_points * len(problem.samples) * len(case.baselines)
        row = {"case": case.name, "threads": n_threads, "tool": tool, "batch": batch}
        rows.append({**row, "evaluations": evaluations, "seconds": elapsed})
    return rows


def _timed_samples(case: Case, plan: Plan, seconds_a_path: float) -> int:
    """As many samples as Captum takes the planned seconds for."""
    affordable = int(plan.seconds_a_run / (seconds_a_path * len(case.baselines)))
    return max(4, min(affordable, plan.most_timed, len(case.samples)))


def contenders(reached: dict[str, Row], batches: dict[str, int]) -> list[Contender]:
    """Every tool at its smallest setting, and the limit: bare gradients, as many as Captum's better rule needs."""
    fewest, tool = min((reached[tool]["n_points"], tool) for tool in batches if tool in reached)
    return [
        *(Contender(row["tool"], row["n_points"], batches.get(row["tool"])) for row in reached.values()),
        Contender(peers.LIMIT, fewest, batches[tool]),
    ]


def rounds(case: Case, chosen: list[Contender], samples: int, n_threads: int, n_rounds: int) -> list[Row]:
    """Seconds of all contenders in turn, forth in one round and back in the next."""
    problem = case.problem(samples)
    rows = []
    for turn in range(n_rounds):
        for each in chosen if turn % 2 == 0 else reversed(chosen):
            elapsed = measure.seconds(partial(peers.tool(each.tool), problem, each.n_points, each.batch))
            row = {"case": case.name, "threads": n_threads, "round": turn, "samples": samples, "tool": each.tool}
            rows.append({**row, "seconds": elapsed})
    return rows


def summary(
    case: Case,
    folder: Path,
    timings: pd.DataFrame,
    chosen: list[Contender],
    reached: dict[str, Row],
    level: float,
    n_threads: int,
) -> list[Row]:
    """A row for each contender: setting, error, seconds, memory, and the time of Captum's faster rule over its own."""
    table = timings.pivot_table(index="round", columns="tool", values="seconds")
    captum = table[[tool for tool in peers.CAPTUM_METHODS if tool in table]].median().idxmin()
    samples = int(timings["samples"].iloc[0])
    rows_by_tool = {row["tool"]: row for row in reached.values()}
    rows = []
    for each in chosen:
        ratio = table[captum] / table[each.tool]
        row = rows_by_tool.get(each.tool, {})
        job = {"samples": samples, "batch": each.batch, "threads": n_threads}
        memory = measure.apart(case.name, folder, each.tool, each.n_points, **job)["mebibytes"]
        rows.append(
            {
                "case": case.name, "title": case.config["title"], "accuracy": case.config["accuracy"],
                "threads": n_threads, "samples": samples, "level": level, "tool": each.tool,
                "n_points": each.n_points, "batch": each.batch, "p95": row.get("p95"),
                "evaluations_a_path": row["evaluations"] / row["pairs"] if "evaluations" in row else each.n_points,
                "seconds": table[each.tool].median(), "mebibytes": memory, "compared_with": captum,
                "ratio": ratio.median(), "ratio_low": ratio.min(), "ratio_high": ratio.max(),
            }
        )  # fmt: skip
    return rows
