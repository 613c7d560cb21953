"""How often a test finds something where there is nothing: its family-wise error on attributions that do not differ.

    python -m benchmarks.familywise --out runs/familywise

Class and nulls are drawn from one distribution, features independent of each other; one row a distribution, pair of
sizes and mode: the fraction of repeats with any significant feature, its exact 95 % interval, and the fraction of
repeats in which a warning said that the p-values may not hold. The table is familywise.csv; cells that are in it are
not measured again.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from eigrad.data import write_table
from eigrad.significance import SignificanceWarning, recommended, significance

SIZES = ((20, 20), (50, 50), (300, 300), (300, 20), (20, 300))
N_FEATURES, N_PERMUTATIONS = 400, 999
CELL = ("mode", "distribution", "n_class", "n_null")

Draw = Callable[[np.random.Generator, int], np.ndarray]


def half_normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.abs(rng.standard_normal((n, N_FEATURES)))


def log_normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(2 * rng.standard_normal((n, N_FEATURES)))


def mostly_zero(rng: np.random.Generator, n: int) -> np.ndarray:
    """Half-normal, but zero in 95 of 100 samples."""
    return half_normal(rng, n) * (rng.random((n, N_FEATURES)) < 0.05)


DISTRIBUTIONS: dict[str, Draw] = {"half-normal": half_normal, "log-normal": log_normal, "95 % zero": mostly_zero}
MODES: dict[str, Callable[..., pd.DataFrame]] = {
    "paper": lambda group, null, reference, **_: significance(group, null, n_resamples=2),
    "share": lambda group, null, reference, **_: significance(group, null, transform="share", n_resamples=2),
    "signed": lambda group, null, reference, **_: significance(group, null, transform="signed", n_resamples=2),
    "mannwhitney": lambda group, null, reference, **_: significance(group, null, test="mannwhitney", n_resamples=2),
    "max-T": lambda group, null, reference, **options: significance(group, null, test="maxt", n_resamples=2, **options),
    "recommended": recommended,
}


def measure(mode: str, draw: Draw, n_class: int, n_null: int, repeats: int) -> dict[str, float]:
    found, warned = 0, 0
    for repeat in range(repeats):
        sets = [draw(np.random.default_rng((repeat, which)), n) for which, n in enumerate((n_class, n_null, n_null))]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = MODES[mode](*sets, n_permutations=N_PERMUTATIONS, seed=repeat, progress=False)
        found += bool(table["significant"].any())
        warned += any(issubclass(each.category, SignificanceWarning) for each in caught)
    low, high = proportion_confint(found, repeats, 0.05, "beta")
    return {"repeats": repeats, "error": found / repeats, "low": low, "high": high, "warned": warned / repeats}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/familywise"))
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "familywise.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    there = {tuple(row[name] for name in (*CELL, "repeats")) for row in rows}
    for mode, name, (n_class, n_null) in itertools.product(given.modes, DISTRIBUTIONS, SIZES):
        cell = dict(zip(CELL, (mode, name, n_class, n_null), strict=True))
        if (*cell.values(), given.repeats) in there:
            continue
        rows.append({**cell, **measure(mode, DISTRIBUTIONS[name], n_class, n_null, given.repeats)})
        print(*(f"{value:.3g}" if isinstance(value, float) else value for value in rows[-1].values()), flush=True)
        write_table(path, pd.DataFrame(rows))


if __name__ == "__main__":
    main()
