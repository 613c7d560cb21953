"""How much the features that methods find have in common."""

from collections.abc import Collection, Hashable, Mapping

import pandas as pd


def jaccard(found: Mapping[str, Collection[Hashable]]) -> pd.DataFrame:
    """For every two methods the features both found over those either found; 1 where neither found any."""
    sets = {name: set(features) for name, features in found.items()}
    if not sets:
        raise ValueError("jaccard: got no methods, expected the features of at least one")
    values = [[_shared(first, second) for second in sets.values()] for first in sets.values()]
    return pd.DataFrame(values, index=list(sets), columns=list(sets))


def _shared(first: set[Hashable], second: set[Hashable]) -> float:
    either = first | second
    return len(first & second) / len(either) if either else 1.0
