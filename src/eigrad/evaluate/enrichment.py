"""Whether known features stand at the top of an order more than chance would put them there."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.evaluate.recovery import as_flags


def enrichment(
    order: np.ndarray | Sequence[int], known: np.ndarray | Sequence[bool], sizes: np.ndarray | Sequence[int]
) -> pd.DataFrame:
    """Known features among the first n of `order`, one row for each n of `sizes`.

    `order` names all features, best first; `known` says of each, by its number, whether it is known. Columns:
    n_features, n_known, expected, fold (n_known / expected), p_value (hypergeometric: so many or more by chance).
    """
    ranked, is_known = np.asarray(order), np.asarray(known, dtype=bool)
    if sorted(ranked.tolist()) != list(range(len(is_known))):
        raise ValueError(
            f"enrichment: got an order of {len(ranked)} features, expected each of 0 to {len(is_known) - 1} once"
        )
    chosen = np.asarray(sizes, dtype=int)
    if not len(chosen) or chosen.min() < 1 or chosen.max() > len(ranked):
        raise ValueError(f"enrichment: got sizes {list(sizes)}, expected numbers from 1 to {len(ranked)}")
    hits = is_known[ranked].cumsum()[chosen - 1]
    expected = chosen * is_known.mean()
    p_value = stats.hypergeom.sf(hits - 1, len(ranked), is_known.sum(), chosen)
    fold = np.divide(hits, expected, out=np.full(len(chosen), np.nan), where=expected > 0)
    return pd.DataFrame({"n_features": chosen, "n_known": hits, "expected": expected, "fold": fold, "p_value": p_value})


def known_features(
    present: np.ndarray,
    of_class: np.ndarray | Sequence[bool],
    *,
    threshold: float = 20.0,
    groups: Iterable[Hashable] | None = None,
) -> pd.DataFrame:
    """Features that are in the samples of a class more or less often than chance: known by data, with no network.

    `present` (samples, features) says whether a sample has a feature, `of_class` which samples are of the class and not
    of the set it is held against. One row a feature: feature, n_class and n_all (samples that have it),
    direction ("enriched" or "depleted"), p_value (hypergeometric, two-sided: twice the smaller tail), known (-ln of it
    above `threshold`). With `groups`, a label for each feature, one row a group, as known as its best member.
    Source: Jha et al., Genome Biology 21:149 (2020), "Defining the set of known biological features".
    """
    there, mine = as_flags(present, "known_features: present"), as_flags(of_class, "known_features: of_class")
    if there.ndim != 2 or mine.shape != there.shape[:1]:
        raise ValueError(
            f"known_features: got presence of shape {there.shape} and classes of shape {mine.shape}, expected "
            "(samples, features) and one class a sample"
        )
    n_all, n_class = there.sum(axis=0), there[mine].sum(axis=0)
    chance = stats.hypergeom(len(mine), n_all, mine.sum())
    more, fewer = chance.sf(n_class - 1), chance.cdf(n_class)
    table = pd.DataFrame(
        {
            "feature": np.arange(len(n_all)),
            "n_class": n_class,
            "n_all": n_all,
            "direction": np.where(more <= fewer, "enriched", "depleted"),
            "p_value": np.minimum(1.0, 2 * np.minimum(more, fewer)),
        }
    )
    if groups is not None:
        labels = pd.Series(list(groups), dtype=object)
        if labels.isna().any():
            raise ValueError(f"known_features: {labels.isna().sum()} features lack a group, expected one for each")
        if len(labels) != len(table):
            raise ValueError(
                f"known_features: got {len(labels)} groups, expected one for each of {len(table)} features"
            )
        best = table["p_value"].groupby(labels, sort=False).idxmin()
        table = table.loc[best].assign(feature=list(best.index)).reset_index(drop=True)
    return table.assign(known=table["p_value"] < np.exp(-threshold))
