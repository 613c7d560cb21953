"""How well an order of features finds those that are known to matter."""

from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def recovery(
    scores: np.ndarray | Sequence[float],
    truth: np.ndarray | Sequence[bool],
    *,
    left_out: np.ndarray | Sequence[bool] | None = None,
    at: Iterable[int] = (20, 50),
) -> dict[str, float]:
    """Average precision, area under the ROC curve and precision among the first n, of features by falling score.

    `truth` says which features matter; those `left_out`, such as what merely follows them, count neither way. Features
    of the same score come in together. "chance" is the part that matters, near the average precision of a random order.
    """
    score, known = np.asarray(scores, dtype=float), as_flags(truth, "recovery: truth")
    kept = np.ones(len(score), bool) if left_out is None else ~as_flags(left_out, "recovery: left_out")
    if not score.shape == known.shape == kept.shape or score.ndim != 1:
        raise ValueError(
            f"recovery: got {score.shape} scores, {known.shape} truths and {kept.shape} left out, expected one each"
        )
    if not np.isfinite(score).all():
        raise ValueError(
            f"recovery: {np.count_nonzero(~np.isfinite(score))} scores are not finite, expected finite ones"
        )
    score, known = score[kept], known[kept]
    if known.all() or not known.any():
        raise ValueError(f"recovery: {known.sum()} of {len(known)} features matter, expected some that do and some not")
    found = {
        "average_precision": float(average_precision_score(known, score)),
        "roc_auc": float(roc_auc_score(known, score)),
        "chance": float(known.mean()),
    }
    return found | {f"precision_at_{n}": _precision(score, known, n) for n in at}


def as_flags(values: np.ndarray | Sequence[bool], name: str) -> np.ndarray:
    """Yes or no for each, as booleans or as numbers 0 and 1; NaN is neither."""
    found = np.asarray(values)
    if found.dtype != bool and not np.isin(found, (0, 1)).all():
        raise ValueError(f"{name}: got values other than 0 and 1, expected yes or no for each")
    return found.astype(bool)


def _precision(score: np.ndarray, known: np.ndarray, n: int) -> float:
    """The expected part of the first n that matters, where ties are broken at random."""
    if not 1 <= n <= len(score):
        raise ValueError(f"recovery: got precision at {n}, expected 1 to {len(score)}, as many as there are features")
    limit = np.sort(score)[-n]
    above, tied = score > limit, score == limit
    hits = known[above].sum() + (n - above.sum()) * known[tied].mean()
    return float(hits / n)
