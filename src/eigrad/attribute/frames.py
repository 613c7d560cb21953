"""Attributions as the tables and values of other libraries: pandas, xarray, SHAP."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from eigrad.model import Values, as_samples, on_host

if TYPE_CHECKING:
    from eigrad.attribute.result import Attributions

FACTS = ("rule", "reason", "path", "baseline", "n_evaluations", "precision", "precision_error")


def as_frame(result: Attributions, index: Sequence[Hashable] | pd.Index | None) -> pd.DataFrame:
    """Values (samples, features), the columns named where the features are."""
    table = result.numpy()
    if index is not None and len(index) != len(table):
        raise ValueError(f"index: got {len(index)} labels for {len(table)} samples, expected one a sample")
    columns = None if result.feature_names is None else pd.Index(list(result.feature_names))
    return pd.DataFrame(table, index=None if index is None else pd.Index(index), columns=columns)


def as_dataset(result: Attributions) -> Any:
    """An xarray.Dataset of every tensor, its axes named."""
    try:
        import xarray as xr
    except ImportError as error:
        raise ValueError("to_xarray needs xarray: pip install xarray") from error
    outputs = () if result.n_outputs is None else ("output",)
    n_axes = result.values.ndim - result.score.ndim
    features = ("feature",) if n_axes == 1 else tuple(f"feature_{i}" for i in range(n_axes))
    dims = {
        **dict.fromkeys(("values", "direction"), (*outputs, "sample", *features)),
        **dict.fromkeys(("score", "relative_error"), (*outputs, "sample")),
        **dict.fromkeys(("change", "gap", "error"), (*outputs, "sample", "baseline")),
        **dict.fromkeys(("n_points", "crowded"), ("sample",)),
    }
    variables = {name: (axes, on_host(getattr(result, name))) for name, axes in dims.items()}
    names = result.feature_names if n_axes == 1 else None
    coords = {} if names is None else {"feature": ("feature", pd.Index(list(names), tupleize_cols=False))}
    return xr.Dataset(variables, coords, {name: getattr(result, name) for name in FACTS})


def as_explanation(result: Attributions, samples: Values) -> Any:
    """A shap.Explanation of the samples that were explained."""
    try:
        import shap
    except ImportError as error:
        raise ValueError("to_shap needs shap: pip install 'eigrad[compare]'") from error
    if result.n_outputs is not None:
        raise ValueError(f"attributions: {result.n_outputs} outputs were explained, choose one with output(i)")
    data = on_host(as_samples(samples))
    if data.shape != tuple(result.values.shape):
        raise ValueError(
            f"samples: got shape {data.shape}, expected that of the attributions, {tuple(result.values.shape)}"
        )
    own = tuple(samples.columns) if isinstance(samples, pd.DataFrame) else None
    names = own if result.feature_names is None else result.feature_names
    if own is not None and own != names:
        raise ValueError("samples: got other columns than those that were explained, expected the same in their order")
    return shap.Explanation(
        values=on_host(result.values),
        base_values=on_host(result.score - result.change.mean(-1)),
        data=data,
        feature_names=None if names is None else [str(name) for name in names],
    )
