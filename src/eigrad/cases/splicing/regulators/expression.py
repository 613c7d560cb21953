"""Expression of candidate proteins by tissue: how specific it is, and who is expressed where it matters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.cases.splicing.events.text import read_text

FEWEST_OTHERS = 3  # tissues that a tissue is held against as one of them
LEAST_SPREAD = 0.1  # of log2(1 + TPM) among other tissues: less is the luck of a few measurements
LONG = ("gene_name", "tissue", "tpm")


@dataclass(frozen=True)
class Expression:
    """TPM by gene (rows) and tissue (columns), means over replicates; `replicates` has a row a measurement."""

    means: pd.DataFrame
    replicates: pd.DataFrame

    def specificity(self, tissue: str) -> pd.DataFrame:
        """Of every gene: tpm in the tissue, its rank (1: most), log2_over_others (less their mean), tau and p_value.

        All but tpm are of log2(1 + TPM). tau is 0 where all tissues have as much and 1 where one has all (Yanai et al.,
        Bioinformatics 21:650, 2005). p is one-sided: that the tissue, as one more of the others, would have as much
        (Crawford and Howell, Clinical Neuropsychologist 12:482, 1998). With fewer than three others it is Welch's over
        replicates, NaN where there are none.
        """
        if tissue not in self.means:
            raise ValueError(f"expression: got tissue {tissue!r}, expected one of {', '.join(map(str, self.means))}")
        logs = pd.DataFrame(_logs(self.means.to_numpy(float)), self.means.index, self.means.columns)
        top = logs.max(axis=1)
        tau = (1 - logs.div(top.where(top > 0), axis=0)).sum(axis=1) / max(1, logs.shape[1] - 1)
        others = logs.drop(columns=tissue)
        gap = logs[tissue] - others.mean(axis=1)
        if (n := others.shape[1]) >= FEWEST_OTHERS:
            spread = others.std(axis=1).clip(lower=LEAST_SPREAD) * np.sqrt(1 + 1 / n)
            p = pd.Series(stats.t.sf(gap / spread, n - 1), logs.index)
        else:
            p = self._by_replicates(tissue)
        return pd.DataFrame(
            {
                "tpm": self.means[tissue],
                "rank": self.means.rank(axis=1, ascending=False, method="min")[tissue].astype(int),
                "log2_over_others": gap,
                "tau": tau.where(top > 0),
                "p_value": p,
            }
        )

    def _by_replicates(self, tissue: str) -> pd.Series:
        """Welch's one-sided p of replicates in the tissue against all others."""
        rows = self.replicates.assign(log=_logs(self.replicates["tpm"].to_numpy(float)))
        found = {}
        for gene, part in rows.groupby("gene_name", sort=False):
            here = part["tissue"] == tissue
            sets = part.loc[here, "log"].to_numpy(), part.loc[~here, "log"].to_numpy()
            tested = min(map(len, sets)) > 1
            found[gene] = stats.ttest_ind(*sets, equal_var=False, alternative="greater").pvalue if tested else np.nan
        return pd.Series(found, dtype=float).reindex(self.means.index)


def _logs(tpm: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.log2(1 + tpm)
    return result


def read_expression(path: Path | str) -> Expression:
    """Expression from a table, long (gene_name, tissue, tpm, perhaps replicate) or wide (gene, then a column a tissue).

    CSV or TSV by its name, gzipped or not. Of a wide table the columns that are all numbers are tissues.
    """
    name = str(path).lower().removesuffix(".gz")
    table = read_text(path, (), separator="," if name.endswith(".csv") else "\t")
    if set(LONG) <= set(table.columns):
        values = table.numbers("tpm", 0)
        long = pd.DataFrame({"gene_name": table.columns["gene_name"], "tissue": table.columns["tissue"], "tpm": values})
    else:
        gene = table.column("gene_name", "gene", "Gene name", "gene_symbol")
        tissues = [column for column in table.columns if _numeric(table.columns[column])]
        if not tissues:
            raise ValueError(f"{path}: has no column of numbers, expected one for every tissue")
        wide = pd.DataFrame({column: table.numbers(column, 0) for column in tissues}).assign(gene_name=gene)
        long = wide.melt("gene_name", var_name="tissue", value_name="tpm")
    if long["tpm"].isna().any():
        row = long[long["tpm"].isna()].iloc[0]
        raise ValueError(f"{path}: has no TPM of {row['gene_name']} in {row['tissue']}, expected a number")
    order = list(dict.fromkeys(long["tissue"]))
    means = long.pivot_table(index="gene_name", columns="tissue", values="tpm", aggfunc="mean", sort=False)[order]
    return Expression(means, long)


def _numeric(cells: list[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells if cell.strip() not in ("", "NA")])
    except ValueError:
        return False
