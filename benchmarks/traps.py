"""A figure for each way in which a p-value misleads, from attributions simulated so that the truth is known.

    python -m benchmarks.traps --familywise runs/familywise/familywise.csv --docs docs/images

Numbers behind the figures are written beside them, as traps.csv.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eigrad import plot
from eigrad.data import write_table
from eigrad.significance import NullDraw, SignificanceWarning, null_p_values, significance

N_FEATURES, N = 400, 300
SEEDS = range(10)
SPREADS, SPREAD_SIZES, SPREAD_REPEATS = (1.0, 1.5, 2.0, 3.0), ((20, 20), (60, 300), (300, 300)), 20
TOTALS, NUMBERS, PARTS = (1.0, 1.1, 1.25, 1.5, 2.0), (50, 100, 300, 1000, 3000), (0.0, 0.2, 0.4, 0.6, 0.8)


def attributions(rng: np.random.Generator, n: int, total: float = 1.0) -> np.ndarray:
    """Signed, skewed, of unlike size; samples differ in all they have, by `total` in the median."""
    scale = np.exp(np.random.default_rng(0).standard_normal(N_FEATURES))
    return total * np.exp(0.4 * rng.standard_normal((n, 1))) * scale * rng.standard_normal((n, N_FEATURES))


def found(group: np.ndarray, null: np.ndarray, **options: object) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignificanceWarning)
        return significance(group, null, n_resamples=2, progress=False, **options)  # type: ignore[arg-type]


def totals() -> pd.DataFrame:
    """The class has more in all, and no feature matters more."""
    rows = []
    for seed in SEEDS:
        for total in TOTALS:
            rng = np.random.default_rng((seed, 1))
            group, null = attributions(rng, N, total), attributions(rng, N)
            for transform in ("abs", "share", "signed"):
                part = found(group, null, transform=transform)["significant"].mean()
                rows.append({"trap": "totals", "seed": seed, "x": total, "series": transform, "y": part})
    return pd.DataFrame(rows)


def numbers() -> pd.DataFrame:
    """Every feature differs by a tenth of a standard deviation, too little to matter."""
    rows = []
    for seed in SEEDS:
        for n in NUMBERS:
            rng = np.random.default_rng((seed, 2))
            group, null = rng.standard_normal((n, N_FEATURES)) + 0.1, rng.standard_normal((n, N_FEATURES))
            for series, floor in (("any effect", 0.0), ("effect of 0.2 or more", 0.2)):
                part = found(group, null, transform="signed", min_effect=floor)["significant"].mean()
                rows.append({"trap": "numbers", "seed": seed, "x": n, "series": series, "y": part})
    return pd.DataFrame(rows)


def spreads() -> pd.DataFrame:
    """Log-normal attributions of equal means, more widely spread in the class: the part of repeats with any hit."""
    rows = []
    for seed, ratio, (n_class, n_null) in itertools.product(SEEDS, SPREADS, SPREAD_SIZES):
        rng, hits = np.random.default_rng((seed, n_class)), 0
        for _ in range(SPREAD_REPEATS):
            sets = [np.exp(rng.standard_normal((n, 50))) - np.exp(0.5) for n in (n_class, n_null)]
            options = {"transform": "signed", "test": "maxt", "n_permutations": 499}
            hits += found(ratio * sets[0], sets[1], **options)["significant"].any()
        part = hits / SPREAD_REPEATS
        rows.append({"trap": "spreads", "seed": seed, "x": ratio, "series": f"{n_class} and {n_null}", "y": part})
    return pd.DataFrame(rows)


def dilution() -> pd.DataFrame:
    """Part of the null are samples of the class; 20 features are raised by half a standard deviation."""
    rows = []
    for seed in SEEDS:
        for part in PARTS:
            rng = np.random.default_rng((seed, 3))
            group, null = rng.standard_normal((N, N_FEATURES)), rng.standard_normal((N, N_FEATURES))
            group[:, :20] += 0.5
            null[: round(part * N), :20] += 0.5
            power = found(group, null, transform="signed")["significant"][:20].mean()
            rows.append({"trap": "dilution", "seed": seed, "x": part, "series": "raised features", "y": power})
    return pd.DataFrame(rows)


def dependence() -> pd.DataFrame:
    """p-values of features that go together: single draws, the first three, and two hundred."""
    rng = np.random.default_rng(4)
    pool = 0.8 * rng.standard_normal((2000, 1)) + 0.6 * rng.standard_normal((2000, N_FEATURES))
    edges = np.linspace(0, 1, 21)
    rows = []
    drawn = null_p_values(pool, N, 200, transform="signed", seed=2).to_numpy()
    for series, p_values in {**{f"draw {i + 1}": drawn[i] for i in range(3)}, "200 draws": drawn.ravel()}.items():
        part = np.histogram(p_values, edges)[0] / len(p_values)
        rows += [
            {"trap": "dependence", "seed": 0, "x": x, "series": series, "y": y}
            for x, y in zip(edges[:-1], part, strict=True)
        ]
    return pd.DataFrame(rows)


def draws() -> pd.DataFrame:
    """In which share of null draws features of several effects are significant."""
    rng = np.random.default_rng(5)
    effects = np.repeat(np.linspace(0, 0.8, 9), 20)
    group, pool = rng.standard_normal((100, len(effects))) + effects, rng.standard_normal((3000, len(effects)))
    table = found(group, pool, transform="signed", draw=NullDraw(repeats=100))
    return pd.DataFrame({"trap": "draws", "seed": 0, "x": effects, "series": "features", "y": table["stability"]})


def lines(ax: Axes, table: pd.DataFrame, colors: dict[str, str]) -> None:
    """Means over seeds, with their range."""
    for series, color in colors.items():
        by_x = table[table["series"] == series].groupby("x")["y"]
        mean, low, high = by_x.mean(), by_x.min(), by_x.max()
        style = "s--" if series == "signed" else "o-"  # which may lie on another
        ax.plot(mean.index, mean, style, color=color, label=series, markersize=3, linewidth=1.2)
        ax.fill_between(mean.index, low, high, color=color, alpha=0.2, linewidth=0)
    ax.set_ylim(-0.03, 1.03)
    ax.legend(fontsize=8)


def draw_totals(ax: Axes, table: pd.DataFrame) -> None:
    lines(ax, table, {"abs": plot.ORANGE, "share": plot.BLUE, "signed": plot.GREEN})
    ax.set(xlabel="|attribution| in all, class over null", ylabel="part of features significant")


def draw_numbers(ax: Axes, table: pd.DataFrame) -> None:
    lines(ax, table, {"any effect": plot.ORANGE, "effect of 0.2 or more": plot.BLUE})
    ax.set(xscale="log", xlabel="samples in class and null", ylabel="part of features significant")


def draw_spreads(ax: Axes, table: pd.DataFrame) -> None:
    colors = (plot.ORANGE, plot.PURPLE, plot.BLUE)
    lines(ax, table, {f"{n} and {m}": color for (n, m), color in zip(SPREAD_SIZES, colors, strict=True)})
    ax.axhline(0.05, color=plot.GRAY, linestyle=":", linewidth=1)
    ax.set(xlabel="spread in the class over that in the null", ylabel="part of repeats with any hit")


def draw_dilution(ax: Axes, table: pd.DataFrame) -> None:
    lines(ax, table, {"raised features": plot.BLUE})
    ax.set(xlabel="part of the null that is of the class", ylabel="part of raised features found")


def draw_dependence(ax: Axes, table: pd.DataFrame) -> None:
    colors = {"draw 1": plot.ORANGE, "draw 2": plot.PURPLE, "draw 3": plot.GREEN, "200 draws": plot.BLUE}
    for series, color in colors.items():
        part = table[table["series"] == series]
        ax.step([*part["x"], 1.0], [*part["y"], part["y"].iloc[-1]], where="post", color=color, label=series)
    ax.axhline(0.05, color=plot.GRAY, linestyle=":", linewidth=1)
    ax.legend(fontsize=8)
    ax.set(xlabel="p-value", ylabel="part of p-values")


def draw_draws(ax: Axes, table: pd.DataFrame) -> None:
    jitter = 0.02 * (np.random.default_rng(0).random(len(table)) - 0.5)
    ax.plot(table["x"] + jitter, table["y"], "o", color=plot.BLUE, markersize=3, alpha=0.5)
    ax.set(xlabel="true effect", ylabel="significant, part of null draws", ylim=(-0.03, 1.03))


def draw_sizes(ax: Axes, table: pd.DataFrame) -> None:
    """Family-wise errors of the modes at each pair of sizes, on log-normal attributions."""
    part = table[table["distribution"] == "log-normal"]
    sizes = list(dict.fromkeys(zip(part["n_class"], part["n_null"], strict=True)))
    modes = {"paper": plot.ORANGE, "signed": plot.SKY, "max-T": plot.BLUE, "recommended": plot.GREEN}
    for place, (mode, color) in enumerate(modes.items()):
        rows = part[part["mode"] == mode].set_index(["n_class", "n_null"]).loc[sizes]
        x = np.arange(len(sizes)) + 0.2 * (place - 1.5)
        ax.errorbar(x, rows["error"], (rows["error"] - rows["low"], rows["high"] - rows["error"]), fmt="o", color=color,
                    label=mode, markersize=4, linewidth=1)  # fmt: skip
    ax.axhline(0.05, color=plot.GRAY, linestyle=":", linewidth=1)
    ax.set_xticks(range(len(sizes)), [f"{n}\n{m}" for n, m in sizes])
    ax.legend(fontsize=8)
    ax.set(xlabel="samples in class (above) and null", ylabel="family-wise error", ylim=(-0.03, 1.03))


TRAPS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[Axes, pd.DataFrame], None]]] = {
    "totals": (totals, draw_totals),
    "numbers": (numbers, draw_numbers),
    "spreads": (spreads, draw_spreads),
    "dilution": (dilution, draw_dilution),
    "dependence": (dependence, draw_dependence),
    "draws": (draws, draw_draws),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--familywise", type=Path, default=Path("runs/familywise/familywise.csv"))
    parser.add_argument("--docs", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    tables = {name: simulate() for name, (simulate, _) in TRAPS.items()}
    drawings = {name: (draw, tables[name]) for name, (_, draw) in TRAPS.items()}
    drawings["sizes"] = (draw_sizes, pd.read_csv(given.familywise))
    for name, (draw, table) in drawings.items():
        with plot.figure(4.2, 2.8) as (canvas, ax):
            draw(ax, table)
            plot.save(canvas, given.docs / f"trap-{name}")
    by_point = pd.concat(tables.values()).groupby(["trap", "series", "x"], sort=False)["y"]
    write_table(given.docs / "traps.csv", by_point.agg(["mean", "min", "max"]).reset_index())


if __name__ == "__main__":
    main()
