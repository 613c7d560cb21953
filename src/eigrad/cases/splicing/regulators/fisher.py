"""Fisher's exact test of sets of exons against a background set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats


def against(has: Mapping[str, np.ndarray], sets: Mapping[str, np.ndarray], background: str) -> pd.DataFrame:
    """Whether exons of a set have something more or less often than those of the background: a row a thing and set.

    `has` and `sets` say of every exon whether it has each thing, and is in each set; an exon of a set counts in the set
    alone. Columns: what, set, n, n_with, fraction, odds_ratio and p_value (two-sided; NaN for the background itself).
    """
    if background not in sets:
        raise ValueError(f"background: got {background!r}, expected one of the sets, {', '.join(sets)}")
    rows = []
    for what, there in has.items():
        for name, chosen in sets.items():
            other = sets[background] & ~chosen
            counts = np.array([[(has_it & each).sum() for has_it in (there, ~there)] for each in (chosen, other)])
            n, n_with = int(chosen.sum()), int(counts[0, 0])
            odds, p = (np.nan, np.nan) if name == background else stats.fisher_exact(counts)
            rows.append((what, name, n, n_with, n_with / n if n else np.nan, float(odds), float(p)))
    return pd.DataFrame(rows, columns=["what", "set", "n", "n_with", "fraction", "odds_ratio", "p_value"])
