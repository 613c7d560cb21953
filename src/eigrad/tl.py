"""Tools for annotated tables of cells, called and answered as scanpy's are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from eigrad.attribute import Attributions, Explainer
from eigrad.baselines import Baseline, Median
from eigrad.data import require_whole
from eigrad.model import Model, Target, as_samples
from eigrad.paths import Path, Straight
from eigrad.significance import significance

REST = "rest"
COLUMNS = ("effect", "p_adjusted", "significant")
TESTED = ("transform", "test", "correction", "alpha", "min_effect")
MOST_NAMED = 12  # labels or columns that a refusal lists


@runtime_checkable
class AnnDataLike(Protocol):
    """What is read and written of an `anndata.AnnData`, or of anything that has the same."""

    X: Any
    layers: Any
    obs: pd.DataFrame
    var: pd.DataFrame
    varm: Any
    uns: Any

    @property
    def var_names(self) -> pd.Index: ...
    def copy(self) -> Any: ...


Cells = TypeVar("Cells", bound=AnnDataLike)


def explain(
    adata: Cells,
    model: Model,
    groupby: str,
    group: Hashable,
    reference: Hashable = REST,
    *,
    layer: str | None = None,
    target: Target = None,
    path: Path | None = None,
    baseline: Baseline | None = None,
    n_baselines: int = 3,
    n_samples: int | None = 300,
    transform: str = "signed",
    test: str = "maxt",
    alpha: float = 0.05,
    min_effect: float = 0.0,
    seed: int = 0,
    key_added: str = "eigrad",
    copy: bool = False,
    progress: bool = True,
) -> Cells | None:
    """Which genes make a network treat the cells of a group differently from those of a reference.

    `model` takes values (cells, genes) from `layer`, or X, which may be sparse; `target` is its output for the group,
    as in `eigrad.Explainer`. `groupby` is a column of `obs`, `group` and `reference` two of its labels; "rest" is
    every cell with another label. At most `n_samples` cells of each are drawn by `seed` and explained; None takes all.
    Of the reference that is half at most: from as many others come the baselines, the `n_baselines` cells next to
    their median. A `baseline` of your own should know none of the cells that are explained. Both sets are explained for
    the same output from the same baselines, and compared by `eigrad.significance`, which says what `transform`, `test`,
    `alpha` and `min_effect` are.

    Written, where `key` is `key_added`: `layers[key]` (cells, genes), dense, attributions in units of the score, NaN in
    cells not explained; `var` columns `key_effect`, `key_p_adjusted`, `key_significant`; `varm[key]`, the
    whole table of significance; `uns[key]`, the settings. Returns None, or with `copy` a changed copy. ValueError where
    a group or layer is unknown, has too few cells, or values drawn are NaN or infinite.
    """
    least = 2 if baseline is not None else max(4, 2 * require_whole("n_baselines", n_baselines, 1))
    cells, others = _labeled(adata, groupby, group, reference, least)
    most = len(cells) if n_samples is None else require_whole("n_samples", n_samples, 2)
    sets = _Sets.drawn(np.flatnonzero(cells), np.flatnonzero(others), most, n_baselines * (baseline is None), seed)
    values = _Values(_matrix(adata, layer), "X" if layer is None else f"layer {layer!r}")
    baseline = Median(values.of(sets.left), n=n_baselines) if baseline is None else baseline
    explainer = Explainer(model, target, Straight() if path is None else path, baseline, progress=progress)
    found, null = explainer(values.of(sets.group)), explainer(values.of(sets.reference))
    table = significance(
        found, null, transform=transform, test=test, alpha=alpha, min_effect=min_effect, seed=seed,
        feature_names=adata.var_names, progress=progress,
    )  # fmt: skip
    changed = adata.copy() if copy else adata
    _write(changed, key_added, sets, (found, null), table)
    changed.uns[key_added] = {
        "groupby": groupby,
        "group": str(group),
        "reference": str(reference),
        "layer": layer or "X",
        "target": repr(target),
        "seed": seed,
        **_facts(found, null),
        **{name: table.attrs[name] for name in TESTED},
        "warnings": np.array(table.attrs["warnings"], dtype=object),
    }
    return changed if copy else None


@dataclass(frozen=True)
class _Sets:
    """The positions of the cells that are explained, and of those of the reference that are left, ascending."""

    group: Int[np.ndarray, " _"]
    reference: Int[np.ndarray, " _"]
    left: Int[np.ndarray, " _"]

    @classmethod
    def drawn(cls, group: NDArray[Any], reference: NDArray[Any], most: int, n_baselines: int, seed: int) -> _Sets:
        """At most so many of each; where baselines are chosen, half of the reference and at most as many are left."""
        rng = np.random.default_rng(seed)
        first, second = rng.permutation(group)[:most], rng.permutation(reference)
        explained = min(most, len(second) // 2 if n_baselines else len(second))
        left = max(most, n_baselines) if n_baselines else 0
        return cls(*map(np.sort, (first, second[:explained], second[explained : explained + left])))


@dataclass(frozen=True)
class _Values:
    """A table of cells, of which only the rows that are asked for are made dense."""

    matrix: Any
    name: str

    def of(self, cells: Int[np.ndarray, " _"]) -> NDArray[Any]:
        """Some cells' values; ValueError where they are not finite."""
        rows = self.matrix[cells]
        values = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
        as_samples(values, self.name)
        return values


def _labeled(
    adata: AnnDataLike, groupby: str, group: Hashable, reference: Hashable, least: int
) -> tuple[Bool[np.ndarray, " cells"], Bool[np.ndarray, " cells"]]:
    """The cells of the group and of the reference; those without a label are of neither."""
    if groupby not in adata.obs:
        raise ValueError(f"groupby: got {groupby!r}, expected a column of obs: {_listed(adata.obs.columns)}")
    labels = adata.obs[groupby]
    cells = _with_label(labels, group, "group")
    rest = isinstance(reference, str) and reference == REST
    others = ~cells & labels.notna().to_numpy() if rest else _with_label(labels, reference, "reference")
    if (cells & others).any():
        raise ValueError(f"reference: got {reference!r}, the group itself, expected another group or {REST!r}")
    for name, label, found, needed in (("group", group, cells, 2), ("reference", reference, others, least)):
        if found.sum() < needed:
            raise ValueError(f"{name}: got {found.sum()} cells of {label!r}, expected at least {needed}")
    return cells, others


def _with_label(labels: pd.Series, label: Hashable, name: str) -> Bool[np.ndarray, " cells"]:
    """The cells with a label; where none has it, those with one that reads the same, such as "3" for 3."""
    known = labels.dropna().unique().tolist()
    same = [each for each in known if each == label] or [each for each in known if str(each) == str(label)]
    if len(same) != 1:
        listed = _listed(sorted(known, key=str))
        raise ValueError(f"{name}: got {label!r}, expected a label in obs[{labels.name!r}]: {listed}")
    return labels.isin(same).to_numpy(dtype=bool)


def _listed(names: Iterable[object]) -> str:
    shown = [str(name) for name in names]
    return ", ".join([*shown[:MOST_NAMED], *["..."] * (len(shown) > MOST_NAMED)])


def _matrix(adata: AnnDataLike, layer: str | None) -> Any:
    if layer is None:
        return adata.X
    if layer not in adata.layers:
        raise ValueError(f"layer: got {layer!r}, expected one of {_listed(adata.layers)}")
    return adata.layers[layer]


def _write(
    adata: AnnDataLike, key: str, sets: _Sets, results: tuple[Attributions, Attributions], table: pd.DataFrame
) -> None:
    tables = [each.numpy() for each in results]
    values = np.full((len(adata.obs), tables[0].shape[1]), np.nan, dtype=tables[0].dtype)
    for cells, each in zip((sets.group, sets.reference), tables, strict=True):
        values[cells] = each
    adata.layers[key] = values
    adata.varm[key] = table.drop(columns="feature").set_index(adata.var_names)
    for name in COLUMNS:
        adata.var[f"{key}_{name}"] = table[name].to_numpy()


def _facts(found: Attributions, null: Attributions) -> dict[str, Any]:
    """How both sets were explained, and how well."""
    return {
        "path": found.path,
        "baseline": found.baseline,
        "rule": found.rule,
        "n_group": len(found),
        "n_reference": len(null),
        "n_baselines": found.change.shape[-1],
        "relative_error": float(max(each.relative_error.max() for each in (found, null))),
        "version": version("eigrad"),
    }
