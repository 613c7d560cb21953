"""What the splicing study measures besides attributions: the model, found features, and latent spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import r2_score, roc_auc_score
from torch import nn

from eigrad.cases.splicing.model import TARGETS, Dataset, Recipe, SplicingCode, train_autoencoder
from eigrad.cases.splicing.model.networks import Standardize
from eigrad.cases.splicing.study.explain import SELECTION, Groups
from eigrad.competitors import NETWORK_FREE
from eigrad.data import Examples
from eigrad.evaluate import distance_agreement, enrichment, growing_subsets, known_features, subset_score
from eigrad.training import predict

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 400)
REPEATS = 5
TOP = 100
N_LATENT_SAMPLES = 500
BINS = 10


def quality(data: Dataset, code: SplicingCode, score: nn.Module, groups: Groups) -> dict[str, float | None]:
    """On exons of test chromosomes: areas under the ROC curve of the score, and R2 of the three targets.

    `auc` is of the class against constitutive exons, `auc_alternative` against all other quantified ones. R2 is over
    quantified exons and all pairs of conditions. None where there is nothing to measure: no exons of a kind, or
    targets that do not differ.
    """
    test = np.isin(np.arange(len(data)), data.rows("test"))
    predicted = predict(score, torch.from_numpy(data.features.values)).cpu().numpy().reshape(-1)
    others = {"auc": groups.constitutive, "auc_alternative": ~groups.chosen & ~groups.constitutive}
    found: dict[str, float | None] = {
        name: _auc(predicted, groups.chosen & test, other & test) for name, other in others.items()
    }
    rows = np.flatnonzero(test & ~data.annotated)
    values = torch.sigmoid(predict(code, torch.from_numpy(data.features.values[rows]))).cpu().numpy()
    for i, target in enumerate(TARGETS):
        there = ~np.isnan(data.targets[rows, :, i])
        found[f"r2_{target}"] = _r2(data.targets[rows, :, i][there], values[..., i][there])
    return found


def _auc(predicted: np.ndarray, mine: np.ndarray, others: np.ndarray) -> float | None:
    if not mine.any() or not others.any():
        return None
    chosen = mine | others
    return float(roc_auc_score(mine[chosen], predicted[chosen]))


def _r2(measured: np.ndarray, predicted: np.ndarray) -> float | None:
    return float(r2_score(measured, predicted)) if len(np.unique(measured)) > 1 else None


def calibration(data: Dataset, code: SplicingCode) -> pd.DataFrame:
    """Predicted against measured PSI of quantified test exons, in tenths of the predictions."""
    rows = np.flatnonzero((data.part == "test") & ~data.annotated)
    predicted = torch.sigmoid(predict(code, torch.from_numpy(data.features.values[rows]))).cpu().numpy()[..., 0]
    measured = data.targets[rows, :, 0]
    there = ~np.isnan(measured)
    table = pd.DataFrame({"predicted": predicted[there], "measured": measured[there]})
    bins = pd.qcut(table["predicted"], BINS, labels=False, duplicates="drop")
    return table.groupby(bins).agg(
        predicted=("predicted", "mean"), measured=("measured", "mean"), sd=("measured", "std"), n=("measured", "size")
    )


def examples(data: Dataset, groups: Groups, *parts: str) -> Examples:
    """Exons of the class (1) and constitutive ones (0) of these parts."""
    used = (groups.chosen | groups.constitutive) & np.isin(data.part, parts)
    whole = Examples(data.features.values, groups.chosen.astype(np.int64), data.features.names)
    return whole.take(np.flatnonzero(used))


def subset_curve(train: Examples, test: Examples, features: Any, order: np.ndarray, seed: int) -> pd.DataFrame:
    """Held-out area under the ROC curve of a network retrained on the first meta-features, and on random ones."""
    sizes = [*(size for size in SIZES if size < len(order)), len(order)]
    return growing_subsets(train, test, order, sizes, groups=features.groups, metric="auc", repeats=REPEATS, seed=seed)


def set_scores(
    train: Examples, test: Examples, groups: np.ndarray, tables: Mapping[str, pd.DataFrame], seed: int
) -> pd.DataFrame:
    """Of every method, the area under the ROC curve, on test chromosomes, of a network retrained on a significant set.

    The set is that of exons of other chromosomes; an empty one has no area (NaN).
    """
    rows = []
    for name, table in tables.items():
        chosen = table.loc[table[f"significant{SELECTION}"], "meta_feature"]
        features = np.flatnonzero(np.isin(groups, chosen))
        auc = subset_score(train, test, features, metric="auc", seed=seed) if len(features) else np.nan
        rows.append((name, len(chosen), auc))
    return pd.DataFrame(rows, columns=["method", "n_significant", "auc"])


def known(data: Dataset, groups: Groups) -> np.ndarray:
    """Meta-features whose presence tells the class from constitutive exons (hypergeometric), as the paper has it."""
    rows = np.flatnonzero(groups.chosen | groups.constitutive)
    values = data.features.values[rows]
    table = known_features(
        values > np.median(values, axis=0), groups.chosen[rows], groups=data.features.groups.tolist()
    )
    found: np.ndarray = table["known"].to_numpy(bool)
    return found


def enrichment_curves(orders: Mapping[str, np.ndarray], right: np.ndarray) -> pd.DataFrame:
    """-log10 p of what is known among the first n of every order, a row a method and n."""
    sizes = np.arange(1, min(200, len(right)) + 1)
    parts = [
        pd.DataFrame(
            {
                "method": name,
                "n": sizes,
                "enrichment": -np.log10(np.maximum(enrichment(order, right, sizes)["p_value"], 1e-300)),
            }
        )
        for name, order in orders.items()
    ]
    return pd.concat(parts, ignore_index=True)


def without_network(train: Examples, test: Examples, groups: np.ndarray, seed: int) -> pd.DataFrame:
    """What a test of each feature, a forest and a sparse linear model say: a row a method and meta-feature, and AUC."""
    parts = []
    for name, find in NETWORK_FREE.items():
        found = find(train.values, train.labels == 1, test.values, seed)
        best = pd.Series(found.score).groupby(groups, sort=False).max()
        parts.append(
            pd.DataFrame(
                {
                    "method": name,
                    "meta_feature": best.index,
                    "score": best.to_numpy(),
                    "auc": found.auc(test.labels == 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def families(recipe: Recipe, seed: int) -> dict[str, list[tuple[str, Recipe, int]]]:
    """Autoencoders of a family: of other seeds and widths; plain ones and variational ones are two families."""
    widths = {"": recipe, ", wide": replace(recipe, hidden=tuple(2 * n for n in recipe.hidden))}
    return {
        kind: [
            (f"{kind}{width}, seed {seed + i}", replace(each, variational=kind == "variational"), seed + i)
            for width, each in widths.items()
            for i in range(2)
        ]
        for kind in ("plain", "variational")
    }


def stability(data: Dataset, recipe: Recipe, *, seed: int, device: str = "cpu") -> pd.DataFrame:
    """How alike distances between test exons are in the latent spaces of several autoencoders, and among features."""
    train, validation = (torch.from_numpy(data.features.values[data.rows(part)]) for part in ("train", "validation"))
    rows = data.rows("test")
    drawn = np.random.default_rng((seed, 4)).permutation(rows)[:N_LATENT_SAMPLES]
    samples = torch.from_numpy(data.features.values[np.sort(drawn)])
    spaces = {"features": Standardize.of(train)(samples).numpy()}
    for members in families(recipe, seed).values():
        for name, each, own in members:
            autoencoder = train_autoencoder(train, validation, each, seed=own, device=device)
            spaces[name] = autoencoder.encode(samples.to(device)).cpu().numpy()
    return distance_agreement(spaces)


def within_families(
    agreement: pd.DataFrame, names: Sequence[str] = ("plain", "variational")
) -> dict[str, float | None]:
    """The smallest correlation between two autoencoders of a family; None where one's codes are all the same."""
    found: dict[str, float | None] = {}
    for kind in names:
        members = [name for name in agreement if str(name).startswith(kind)]
        if len(members) < 2:
            continue
        inside = agreement.loc[members, members].to_numpy()
        smallest = float(inside[np.triu_indices(len(members), 1)].min())
        found[kind] = None if np.isnan(smallest) else smallest
    return found
