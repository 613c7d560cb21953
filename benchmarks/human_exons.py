"""Alternative against constitutive human exons from sequence: 300 nt, the exon, 300 nt on the transcript's strand.

    python -m benchmarks.human_exons --data PATH/human_exons --seeds 0 1 2 --docs docs

The data are not part of the package: exons_flank300.fa.gz (headers are keys) and exons_psi.tsv.gz (key, gene, class).
"""

from __future__ import annotations

import argparse
import gzip
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.patches import Patch
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor, nn
from torch.nn import functional

from eigrad import Explainer, baselines, plot
from eigrad.autoencoder import Autoencoder, dense_layers
from eigrad.cases.splicing.features import built_in, kmers, motifs, shape, sites
from eigrad.cases.splicing.features.genome import encoded
from eigrad.cases.splicing.features.regions import ACCEPTOR, DONOR, Ragged
from eigrad.cases.splicing.model.networks import Standardize
from eigrad.competitors import NETWORK_FREE
from eigrad.data import write_atomic, write_table
from eigrad.evaluate import Ensemble
from eigrad.significance import recommended, significance
from eigrad.sparse import fine_tune
from eigrad.training import Schedule, fit, predict, seeded

FLANK = 300
REGIONS = ("upstream_intron_end", "exon", "downstream_intron_start")
CLASSES = ("constitutive", "alternative")
DENSE, SPARSE = Schedule(40, 128, 1e-3, 8), Schedule(20, 128, 1e-3, 6)
HIDDEN, N_BASELINES, N_FOLDS = (128, 32), 5, 5
METHODS = ("random forest", "L1 logistic")
SHOWN = 20
COLORS = {"every seed": plot.PURPLE, "some": plot.SKY, "none": "#CCCCCC"}


@dataclass(frozen=True)
class Exons:
    """Features of exons with a label each (1: alternative), their genes, and a catalogue of the features."""

    values: np.ndarray
    labels: np.ndarray
    genes: np.ndarray
    catalogue: pd.DataFrame


def read(folder: Path) -> Exons:
    """Exons of both classes and their features."""
    table = pd.read_csv(folder / "exons_psi.tsv.gz", sep="\t", usecols=["key", "gene", "class"]).set_index("key")
    sequences = fasta(folder / "exons_flank300.fa.gz")
    kept = table[table["class"].isin(CLASSES)]
    columns: list[tuple[str, str, str]] = []
    parts: list[np.ndarray] = []
    texts = [encoded(sequences[key]) for key in kept.index]
    cut = {
        REGIONS[0]: Ragged.of([text[:FLANK] for text in texts]),
        REGIONS[1]: Ragged.of([text[FLANK:-FLANK] for text in texts]),
        REGIONS[2]: Ragged.of([text[-FLANK:] for text in texts]),
    }
    known = built_in()
    for region, each in cut.items():
        for k in (1, 2, 3):
            parts.append(kmers.frequencies(each, k))
            columns += [(f"{region}:{word}", region, f"{region}:{word}") for word in kmers.words(k)]
        scanner = motifs.Scanner(each, max(map(len, known)))
        for motif in known:
            parts.append(motifs.occurrence(scanner, motif))
            name = f"{region}:{motif.name}"
            columns += [(f"{name}:{kind}", region, name) for kind in motifs.KINDS]
        parts.append(shape.periodicity(each)[:, None])
        columns.append((f"{region}:periodicity", region, f"{region}:periodicity"))
    for kind, (before, after), at in (("acceptor", ACCEPTOR, FLANK), ("donor", DONOR, -FLANK)):
        windows = [text[len(text) * (at < 0) + at - before :][: before + after] for text in texts]
        parts.append(sites.strength(Ragged.of(windows), kind)[:, None])
        columns.append((f"exon_{kind}:strength", f"exon_{kind}", f"exon_{kind}:strength"))
    lengths = np.array([len(text) - 2 * FLANK for text in texts])
    parts += [np.log10(lengths)[:, None], (lengths % 3 == 0)[:, None]]
    columns += [("length:exon", "exon", "length:exon"), ("frame:multiple_of_three", "exon", "frame:multiple_of_three")]
    catalogue = pd.DataFrame(columns, columns=["name", "region", "meta_feature"])
    labels = (kept["class"] == CLASSES[1]).to_numpy(np.int64)
    return Exons(np.hstack(parts).astype(np.float32), labels, kept["gene"].to_numpy(object), catalogue)


def fasta(path: Path) -> dict[str, str]:
    """Sequences of a gzipped FASTA file by their headers."""
    found: dict[str, list[str]] = {}
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.startswith(">"):
                lines = found.setdefault(line[1:].strip(), [])
            else:
                lines.append(line.strip())
    return {key: "".join(lines) for key, lines in found.items()}


def _loss(network: nn.Module, x: Tensor, y: Tensor, *, weight: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(network(x), y, pos_weight=torch.tensor(weight))


def study(exons: Exons, seed: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Networks trained on four fifths of the genes in turn, and explained as one; meta-features, and a summary.

    Areas under the ROC curve are of exons whose genes a network (or a method without one) has not seen.
    """
    folds = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    networks = []
    predicted = {name: np.zeros(len(exons.labels)) for name in ("network", *METHODS)}
    for train, test in folds.split(exons.values, exons.labels, exons.genes):
        network = _trained(exons, train, seed)
        networks.append(network)
        held_out = exons.values[test]
        predicted["network"][test] = predict(network, torch.from_numpy(held_out)).numpy().reshape(-1)
        for name in METHODS:
            found = NETWORK_FREE[name](exons.values[train], exons.labels[train] == 1, held_out, seed)
            assert found.predicted is not None
            predicted[name][test] = found.predicted
    table = _explained(Ensemble(networks).eval(), exons, seed)
    summary = {
        **{f"AUC, {name}": f"{roc_auc_score(exons.labels, values):.3f}" for name, values in predicted.items()},
        "significant, recommended mode": ", ".join(_first(table, table["significant"])) or "none",
        "significant, paper's mode": f"{int(table['significant_paper'].sum())} of {len(table)}",
        "largest mean attribution": ", ".join(_first(table, table["magnitude"] > 0)[:8]),
    }
    return table, summary


def _trained(exons: Exons, rows: np.ndarray, seed: int) -> nn.Module:
    """A network trained on these exons; those of a fifth of the genes say when to stop."""
    x, y = torch.from_numpy(exons.values), torch.from_numpy(exons.labels).float()[:, None]
    inner = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    train, validation = (
        rows[part] for part in next(inner.split(exons.values[rows], exons.labels[rows], exons.genes[rows]))
    )
    with seeded(seed):
        network = nn.Sequential(Standardize.of(x[train]), dense_layers([x.shape[1], *HIDDEN, 1]))
    parts = (x[train], y[train]), (x[validation], y[validation])
    objective = partial(_loss, weight=float((y[train] == 0).sum() / y[train].sum()))
    fit(network, objective, *parts, DENSE, seed=seed, progress=False)
    fine_tune(network, objective, *parts, SPARSE, seed=seed, progress=False)
    return network.requires_grad_(False).eval()


def _explained(network: nn.Module, exons: Exons, seed: int) -> pd.DataFrame:
    """Alternative exons against as many random others and as many constitutive ones, from close constitutive ones."""
    rng = np.random.default_rng(seed)
    mine, always = (np.flatnonzero(exons.labels == label) for label in (1, 0))
    drawn = rng.permutation(always)
    reference, points = drawn[: len(mine)], drawn[2 * len(mine) :]
    null = drawn[len(mine) : 2 * len(mine)].copy()
    n_mixed = round(len(mine) * exons.labels.mean())  # of all exons, as many alternative ones as there are
    null[:n_mixed] = rng.choice(mine, n_mixed, replace=False)
    mine = np.setdiff1d(mine, null)
    x = torch.from_numpy(exons.values)
    standardize = Standardize.of(x)
    space = Autoencoder(standardize, Standardize(standardize.mean, standardize.spread, inverse=True))
    explainer = Explainer(network, baseline=baselines.Close(x[points], N_BASELINES, space), progress=False)
    values = [explainer(x[rows]).values.numpy() for rows in (mine, null, reference)]
    groups = exons.catalogue["meta_feature"].tolist()
    table = recommended(*values, groups=groups, test="welch", progress=False)
    paper = significance(values[0], values[1], groups=groups, progress=False)
    return table.assign(significant_paper=paper["significant"])


def _first(table: pd.DataFrame, kept: pd.Series) -> list[str]:
    return [str(name) for name in table[kept].sort_values("magnitude", ascending=False)["feature"]]


def figure(tables: list[pd.DataFrame], path: Path) -> None:
    """Mean attribution of the first meta-features, over the seeds, and in how many each was significant."""
    both = pd.concat(tables).groupby("feature", sort=False)
    table = pd.DataFrame(
        {
            "magnitude": both["magnitude"].mean(),
            "mean": both["mean_attribution"].mean(),
            "low": both["mean_attribution"].min(),
            "high": both["mean_attribution"].max(),
            "n": both["significant"].sum(),
        }
    )
    rows = table.sort_values("magnitude", ascending=False).head(SHOWN)[::-1]
    with plot.figure(6.4, 0.8 + 0.22 * len(rows)) as (canvas, ax):
        every, some, none = COLORS.values()
        colors = [every if n == len(tables) else some if n else none for n in rows["n"]]
        error = np.stack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
        ax.barh(rows.index, rows["mean"], color=colors, xerr=error, ecolor=plot.GRAY, error_kw={"linewidth": 0.8})
        ax.axvline(0, color=plot.BLACK, linewidth=0.8)
        handles = [Patch(color=color, label=label) for label, color in COLORS.items()]
        ax.legend(handles=handles, title="significant with", loc="lower right")
        ax.set(xlabel="mean attribution in alternative exons, logit")
        plot.save(canvas, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    exons = read(given.data)
    tables, columns = [], {}
    for seed in given.seeds:
        table, columns[f"seed {seed}"] = study(exons, seed)
        tables.append(table)
    result = pd.DataFrame(columns).rename_axis("").reset_index()
    lines = ["| " + " | ".join(result) + " |", "|" + " --- |" * result.shape[1]]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in result.itertuples(index=False)]
    print("\n".join(lines))
    figure(tables, given.docs / "images" / "human-exons")
    write_table(
        given.docs / "images" / "human-exons.csv", pd.concat(tables, keys=given.seeds, names=["seed"]).reset_index(0)
    )
    text = files("benchmarks").joinpath("human_exons.md").read_text(encoding="utf-8")
    counts = {"n": len(exons.labels), "n_alternative": int(exons.labels.sum()), "n_features": exons.values.shape[1]}
    for name, value in {"table": "\n".join(lines), **counts}.items():
        text = text.replace(f"{{{{{name}}}}}", f"{value:,}" if isinstance(value, int) else value)
    with write_atomic(given.docs / "human-exons.md") as beside:
        beside.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
