"""The page of benchmarks and its figure, from the files of a run alone.

python -m benchmarks.page --out runs/bench --docs docs
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import peers
from benchmarks.figure import FIXED, draw, is_auto, is_fixed
from benchmarks.models import RECIPES
from eigrad.data import write_atomic

TEXT = Path(__file__).with_suffix(".md")


def read(folder: Path) -> tuple[dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """The tables, and settings and machine of every network."""
    tables = {}
    for name in ("results", "curve", "others", "own", "growth", "neighbors"):
        path = folder / f"{name}.csv"
        tables[name] = pd.read_csv(path) if path.exists() and path.stat().st_size > 1 else pd.DataFrame()
    files = [folder / "engine" / f"{name}.json" for name in RECIPES]
    return tables, [json.loads(path.read_text(encoding="utf-8")) for path in files if path.exists()]


def page(folder: Path) -> str:
    tables, contents = read(folder)
    results, plan = tables["results"], contents[0]["settings"]["plan"]
    accuracies = results.drop_duplicates("case").set_index("case")["accuracy"]
    return Template(TEXT.read_text(encoding="utf-8")).substitute(
        equal=equal_error(results),
        pairs=plan["pairs"],
        missed=missed(results),
        memory_threads=_threads(results["threads"].max()),
        memory=memory(results),
        own=own(tables["own"]),
        others=others(tables["others"]),
        better=better(results, tables["others"], tables["curve"]),
        growth=growth(tables["growth"]),
        neighbors=neighbors(tables["neighbors"]),
        wide=wide(folder / "wide" / "wide.json"),
        accuracies=", ".join(f"{case} {value:.2f}" for case, value in accuracies.items()),
        reference_points=f"{plan['reference_points']:,}",
        level_points=plan["level_points"],
        points=in_words(plan["points"]),
        **{name: ", ".join(f"{value:g}" for value in plan[name]) for name in ("tolerances", "batches")},
        machine=machine(contents),
    )


def in_words(numbers: Sequence[int]) -> str:
    """5, 6, 7, 9 as "5 to 7, 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def equal_error(results: pd.DataFrame) -> str:
    header = ["network", "threads", "error", "Captum", "ms", "eigrad", "ms", "times", "eigrad auto", "times", "limit"]
    rows = []
    for (_, threads), group in results.groupby(["case", "threads"], sort=False):
        by_tool = group.set_index("tool")
        captum, limit = by_tool.loc[group["compared_with"].iloc[0]], by_tool.loc[peers.LIMIT]
        fixed, auto = (one(group[mask]) for mask in (is_fixed(group["tool"]), is_auto(group["tool"])))
        best = min((each["seconds"] for each in (fixed, auto) if each is not None), default=np.nan)
        name = group["case"].iloc[0] + ": " + group["title"].iloc[0]
        rows.append([
            name, str(threads), f"{captum['level']:.2g}",
            f"{captum.name.removeprefix('Captum ')}, {captum['n_points']:.0f}", milliseconds(captum),
            "" if fixed is None else f"{fixed['tool'].removeprefix('eigrad ')}, {fixed['n_points']:.0f}",
            milliseconds(fixed), times(fixed),
            "" if auto is None else f"tol {auto['tool'].removeprefix(peers.AUTO).strip()}", times(auto),
            f"{limit['seconds'] / best:.1f}" if np.isfinite(best) else "not reached",
        ])  # fmt: skip
    return table(header, rows)


def missed(results: pd.DataFrame) -> str:
    """A sentence for the tools that did not reach the level at any setting."""
    names = []
    for (case, threads), group in results.groupby(["case", "threads"], sort=False):
        if threads != results["threads"].min():
            continue
        there = {*group["tool"]}
        gone = [tool for tool in peers.CAPTUM_METHODS if tool not in there]
        gone += ["eigrad with fixed points"] * (not is_fixed(group["tool"]).any())
        gone += [peers.AUTO] * (not is_auto(group["tool"]).any())
        names += [f"{tool} on {case}" for tool in gone]
    return f"Not on the level at any setting tried: {', '.join(names)}." if names else ""


def one(rows: pd.DataFrame) -> pd.Series | None:
    """The fastest."""
    return rows.sort_values("seconds").iloc[0] if len(rows) else None


def milliseconds(row: pd.Series | None) -> str:
    """Of a sample with all its baselines."""
    return "" if row is None or pd.isna(row["seconds"]) else f"{1000 * row['seconds'] / row['samples']:.3g}"


def times(row: pd.Series | None) -> str:
    return "" if row is None else f"**{row['ratio']:.1f}** ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})"


def memory(results: pd.DataFrame) -> str:
    wanted = results[results["threads"] == results["threads"].max()]
    rows = []
    for case, group in wanted.groupby("case", sort=False):
        found = [group[group["tool"] == tool] for tool in peers.CAPTUM_METHODS]
        found += [group[mask] for mask in (is_fixed(group["tool"]), is_auto(group["tool"]))]
        rows.append([str(case), str(group["samples"].iloc[0]), *(mebibytes(one(each)) for each in found)])
    return table(["network", "samples", *peers.CAPTUM_METHODS, FIXED, peers.AUTO], rows)


def mebibytes(row: pd.Series | None) -> str:
    return "" if row is None or pd.isna(row["mebibytes"]) else f"{row['mebibytes']:.0f}"


def own(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    lines = []
    fastest = rows[rows["tool"] == peers.AUTO].set_index(["threads", "round"])["seconds"]
    for (threads, tool), group in rows.groupby(["threads", "tool"], sort=False):
        longer = (group.set_index(["threads", "round"])["seconds"] / fastest).median()
        n = group["n_points"].iloc[0]
        points = "its own choice" if pd.isna(n) else f"{n:.0f}"
        lines.append([str(threads), str(tool), points, f"{group['seconds'].median():.3g}", f"{longer:.1f}",
                      mebibytes(group.iloc[0])])  # fmt: skip
    case, samples = rows["case"].iloc[0], rows["samples"].iloc[0]
    text = f"\n## As it comes, on {samples} samples of {case}\n\n"
    return text + table(["threads", "tool", "points", "s", "times as long", "MiB"], lines) + "\n"


def others(rows: pd.DataFrame) -> str:
    lines = [
        [row["case"], row["tool"], milliseconds(row), *([f"{row['median']:.2g}", f"{row['p95']:.2g}"]
         if pd.notna(row["p95"]) else ["", ""]), "" if pd.isna(row["note"]) else str(row["note"]).replace("|", "/")]
        for _, row in rows.iterrows()
    ]  # fmt: skip
    return table(["network", "tool", "ms", "median distance", "95th percentile", "note"], lines)


def better(results: pd.DataFrame, others: pd.DataFrame, curve: pd.DataFrame) -> str:
    """What the files say against eigrad: slower at equal error, more memory, or a faster other estimator."""
    lines = []
    for (case, threads), group in results.groupby(["case", "threads"], sort=False):
        ours = group[group["tool"].str.startswith("eigrad ")]
        captum = group[group["tool"] == group["compared_with"].iloc[0]].iloc[0]
        if ours.empty or ours["ratio"].max() < 1:
            slower = f"is slower ({ours['ratio'].max():.2f} times as fast)"
            reached = "is not on the level at any setting" if ours.empty else slower
            lines.append(f"- {case}, {_threads(threads)}: eigrad {reached}; {captum['tool']} is better there.")
        elif captum["mebibytes"] < ours["mebibytes"].min():
            lines.append(f"- {case}, {_threads(threads)}: {captum['tool']} takes {mebibytes(captum)} MiB, eigrad "
                         f"{ours['mebibytes'].min():.0f}.")  # fmt: skip
    for _, row in others[others["seconds"].notna()].iterrows():
        ours = curve[(curve["case"] == row["case"]) & curve["tool"].str.startswith("eigrad ")]
        ours = ours[ours["p95"] <= row["p95"]]
        if ours.empty or row["seconds"] < ours["seconds"].min():
            lines.append(f"- {row['case']}: {row['tool']} is faster than any setting of eigrad that is as near the "
                         "integral.")  # fmt: skip
    return "\n".join(lines) or "In none of the rows measured."


def growth(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    held = {name: rows.loc[rows["swept"] != name, name].iloc[0] for name in ("samples", "features", "n_points")}
    lines = [
        [
            row["swept"].replace("n_points", "points"),
            f"{row[row['swept']]:,.0f}",
            f"{row['seconds']:.3g}",
            mebibytes(row),
        ]
        for _, row in rows.iterrows()
    ]
    text = (
        f"\n## Growth\n\nOf {rows['tool'].iloc[0]} on an untrained ReLU network, {_threads(rows['threads'].iloc[0])}; "
        f"what is not swept is held at {held['samples']:,} samples, {held['features']:,} features and "
        f"{held['n_points']} points.\n\n"
    )
    return text + table(["swept", "value", "s", "MiB"], lines) + "\n"


def neighbors(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    lines = [
        [
            f"{row['points']:,.0f}", f"{row['build_s']:.2g}", f"{row['build_mib']:.0f}", f"{row['routes_s']:.2g}",
            f"{row['one_by_one_s']:.3g}", f"{row['one_by_one_ratio']:.0f}", f"{row['dijkstra_alone_s']:.3g}",
            f"{row['dijkstra_alone_ratio']:.0f}", f"{row['largest_relative_difference']:.1e}",
        ]
        for _, row in rows.iterrows()
    ]  # fmt: skip
    header = [
        *("points", "graph, s", "MiB", "300 paths, s", "one by one, s", "times", "Dijkstra alone, s", "times"),
        "largest difference of a length",
    ]
    text = (
        "\n## Neighbor graphs\n\nExact search, 784 features; 100 samples and 3 baselines joined at once, beside one "
        "look-up of the ends and one Dijkstra a pair, and beside SciPy's Dijkstra alone.\n\n"
    )
    return text + table(header, lines) + "\n"


def wide(path: Path) -> str:
    if not path.exists():
        return ""
    found = json.loads(path.read_text(encoding="utf-8"))
    return (
        f"\n## A wide table\n\n{found['samples']:,} samples of {found['features']:,} features from a mapped file, "
        f"{found['baselines']} baselines, {_threads(found['threads'])}, results streamed to disk: "
        f"{found['seconds']:.0f} s, and {found['mebibytes_peak']:.0f} MiB at the peak, of which "
        f"{found['mebibytes_before']:.0f} before it began.\n"
    )


def _threads(n: int) -> str:
    return f"{n} thread{'s' if n > 1 else ''}"


def machine(contents: list[dict[str, Any]]) -> str:
    first = contents[0]["machine"]
    loads = [content["machine"]["load"] for content in contents]
    libraries = ", ".join(f"{name} {first[name]}" for name in ("eigrad", "torch", "captum", "shap"))
    return (
        f"{first['processor']}, {first['cores']} cores, shared with other programs (load {min(loads)} to {max(loads)} "
        f"after each network, this one included), Python {first['python']}, {libraries}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="the folder the tables are in")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="the folder the page is written to")
    given = parser.parse_args()
    with write_atomic(given.docs / "benchmarks.md") as beside:
        beside.write_text(page(given.out), encoding="utf-8")
    tables, _ = read(given.out)
    draw(tables, given.docs / "images" / "benchmarks")


if __name__ == "__main__":
    main()
