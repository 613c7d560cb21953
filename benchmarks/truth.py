"""The page of known truth: how far up each method brings the causes, from the files of `eigrad compare`.

    python -m benchmarks.truth --run runs/known-truth --docs docs

What it is judged by is in benchmarks/headline.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pandas as pd

from eigrad.data import write_atomic, write_table

ORDER = {"sparse": "magnitude", "paper": "t", "none": "score"}
NAMES = {"sparse": "sparse", "paper": "dense", "none": "none"}
COLUMNS = ("AP", "without proxies", "first 20", "first 50", "set", "precision", "recall", "AUC", "best on")


def rows_of(means: pd.DataFrame, variant: str) -> Iterator[str]:
    """A line of the table for every method, in the order its network is read in."""
    part = means[means["variant"] == variant]
    for row in part.to_dict("records"):
        if row["order"] not in (ORDER[row["network"]], "score"):
            continue
        numbers = (
            f"{row['average_precision']:.3f} ({row['average_precision_sd']:.3f})",
            *(_number(row[name]) for name in ("average_precision_no_proxies", "precision_at_20", "precision_at_50")),
            *(_number(row[name], digits) for name, digits in (("n_significant", 1), ("precision", 2), ("recall", 2))),
            _number(row["auc"]),
            f"{row['wins']} of {row['data_sets']}",
        )
        yield f"| {NAMES[row['network']]} | {row['method']} | {' | '.join(numbers)} |"


def _number(value: float, digits: int = 2) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def promised(means: pd.DataFrame) -> Iterator[str]:
    """What the project asks of itself, what was measured, and whether it holds."""

    def ap(variant: str, network: str, method: str, order: str) -> float:
        at = (means["variant"], means["network"], means["method"], means["order"])
        (value,) = means.loc[(at[0] == variant) & (at[1] == network) & (at[2] == method) & (at[3] == order)][
            "average_precision"
        ]
        return float(value)

    lines: list[tuple[str, float, float]] = [
        (f"sparse, EIG close, {variant}: AP", ap(variant, "sparse", "EIG close", "magnitude"), floor)
        for variant, floor in (("plain", 0.95), ("proxies", 0.93), ("interactions", 0.70))
    ]
    lines.append(("dense, EIG close, t, plain: AP", ap("plain", "paper", "EIG close", "t"), 0.70))
    for variant in dict.fromkeys(means["variant"]):
        ratio = ap(variant, "sparse", "EIG close", "magnitude") / ap(variant, "sparse", "Deep SHAP", "magnitude")
        lines.append((f"sparse, {variant}: EIG close over Deep SHAP", ratio, 0.97))
    for variant in ("plain", "proxies"):
        lead = ap(variant, "sparse", "EIG close", "magnitude") - ap(variant, "none", "L1 logistic", "score")
        lines.append((f"sparse, EIG close, {variant}: AP over that of L1 logistic", lead, 0.0))
        here = means[(means["variant"] == variant) & (means["network"] == "sparse") & (means["method"] == "EIG close")]
        lines.append((f"sparse, EIG close, {variant}: precision of the set", float(here["precision"].iloc[0]), 0.90))
    for what, found, floor in lines:
        yield f"| {what} | {found:.3f} | {floor:g} | {'yes' if found >= floor else '**no**'} |"


def best(means: pd.DataFrame) -> Iterator[str]:
    """For every world, the method that brings the causes up best, with a network and without."""
    shown = means[[row["order"] in (ORDER[row["network"]], "score") for row in means.to_dict("records")]]
    for variant, part in shown.groupby("variant", sort=False):
        cells = [str(variant)]
        for chosen in (part[part["network"] == "none"], part[part["network"] != "none"]):
            first = chosen.loc[chosen["average_precision"].idxmax()]
            network = "" if first["network"] == "none" else f", {NAMES[first['network']]}"
            cells += [f"{first['method']}{network}", f"{first['average_precision']:.3f}"]
        own = part[(part["network"] == "sparse") & (part["method"] == "EIG close")]["average_precision"]
        yield f"| {' | '.join(cells)} | {own.iloc[0]:.3f} |"


def page(means: pd.DataFrame) -> str:
    """The page, from its template beside this file."""
    header = f"| network | method | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 2)}"
    tables = [
        "\n".join([f"### {variant}\n", header, *rows_of(means, variant)]) for variant in dict.fromkeys(means["variant"])
    ]
    template = files("benchmarks").joinpath("truth.md").read_text(encoding="utf-8")
    dense = means[(means["variant"] == "plain") & (means["network"] == "paper") & (means["method"] == "EIG close")]
    by_order = {row["order"]: f"{row['average_precision']:.3f}" for row in dense.to_dict("records")}
    parts = {f"dense_{order}": by_order[order] for order in ("magnitude", "t")}
    parts |= {"promised": "\n".join(promised(means)), "best": "\n".join(best(means)), "tables": "\n\n".join(tables)}
    for name, text in parts.items():
        template = template.replace(f"{{{{{name}}}}}", text)
    return template


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/known-truth"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    means = pd.read_csv(given.run / "means.csv")
    write_table(given.docs / "images" / "known-truth.csv", means)
    for name in ("recovery", "significant_sets", "shared_sets", "enrichment"):
        shutil.copyfile(given.run / "figures" / f"{name}.svg", given.docs / "images" / f"truth-{name}.svg")
    with write_atomic(given.docs / "known-truth.md") as beside:
        beside.write_text(page(means), encoding="utf-8")


if __name__ == "__main__":
    main()
