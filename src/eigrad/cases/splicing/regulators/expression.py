"""Expression of candidate proteins by tissue: how specific it is, and who is expressed where it matters."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from eigrad.cases.splicing.events.text import Text, read_text

logger = logging.getLogger(__name__)

FEWEST_OTHERS = 3  # tissues that a tissue is held against as one of them
MIN_TIMES, MIN_FOLD = 2.0, 1.0  # of a specific gene: TPM over the mean of other tissues, and log2(1 + TPM) less theirs
BACKGROUND = 0.5  # TPM, a standard deviation: below it Expression Atlas calls nothing expressed
VARIATION = 0.1  # of TPM, between replicates of one kind (edgeR's guide has it for genetically identical animals)
GENES = ("genename", "genesymbol", "hgncsymbol", "symbol", "gene")  # the first that a table has names its genes
MOST = 1e15  # in a cell: sums of some stay numbers
IDS = {
    *GENES, "geneid", "genetype", "genebiotype", "genedescription", "name", "description", "hgnc", "hgncid", "entrez",
    "entrezid", "entrezgene", "entrezgeneid", "ncbigeneid", "ensembl", "ensemblid", "ensemblgene", "ensemblgeneid",
    "ensg", "transcript", "transcriptid",
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """TPM by gene (rows) and tissue (columns), means over replicates; `replicates` has a row a measurement."""

    means: pd.DataFrame
    replicates: pd.DataFrame

    def specificity(self, tissue: str) -> pd.DataFrame:
        """Of every gene, how much more of it the tissue has than others.

        tpm in the tissue, and its rank (1: most). times_others: TPM over the mean of the others' (inf where they have
        none, NaN where nobody has). highest_other and highest_other_tpm: the other tissue with most. Of log2(1 + TPM):
        log2_over_others, less the others' mean; tau, 0 where all tissues have as much and 1 where one has all (Yanai et
        al., Bioinformatics 21:650, 2005); p_value. specific: times_others >= 2 and log2_over_others >= 1.

        p is one-sided: that the tissue, as one more of the others, would have as much (Crawford and Howell, Clinical
        Neuropsychologist 12:482, 1998). With fewer than three others it is Welch's over replicates, NaN where there are
        none. Measurements spread at least by `noise`, however alike a few of them are.
        """
        if tissue not in self.means:
            raise ValueError(f"expression: got tissue {tissue!r}, expected one of {', '.join(map(str, self.means))}")
        if len(self.means.columns) < 2:
            raise ValueError(f"expression: got the tissue {tissue!r} alone, expected others to hold it against")
        logs = pd.DataFrame(_logs(self.means.to_numpy(float)), self.means.index, self.means.columns)
        top = logs.max(axis=1)
        tau = (1 - logs.div(top.where(top > 0), axis=0)).sum(axis=1) / (logs.shape[1] - 1)
        others, tpm_of_others = logs.drop(columns=tissue), self.means.drop(columns=tissue)
        level = others.mean(axis=1)
        gap = logs[tissue] - level
        if (n := others.shape[1]) >= FEWEST_OTHERS:
            spread = np.maximum(others.std(axis=1), noise(level.to_numpy())) * np.sqrt(1 + 1 / n)
            p = pd.Series(stats.t.sf(gap / spread, n - 1), logs.index)
        else:
            p = self._by_replicates(tissue)
        times = self.means[tissue] / tpm_of_others.mean(axis=1)
        return pd.DataFrame(
            {
                "tpm": self.means[tissue],
                "rank": self.means.rank(axis=1, ascending=False, method="min")[tissue].astype(int),
                "times_others": times,
                "highest_other": tpm_of_others.idxmax(axis=1),
                "highest_other_tpm": tpm_of_others.max(axis=1),
                "log2_over_others": gap,
                "tau": tau.where(top > 0),
                "p_value": p,
                "specific": (times >= MIN_TIMES) & (gap >= MIN_FOLD),
            }
        )

    def _by_replicates(self, tissue: str) -> pd.Series:
        """Welch's one-sided p of replicates in the tissue against all others."""
        rows = self.replicates.assign(log=_logs(self.replicates["tpm"].to_numpy(float)))
        found = {}
        for gene, part in rows.groupby("gene_name", sort=False):
            here = part["tissue"] == tissue
            found[gene] = _welch(part.loc[here, "log"].to_numpy(), part.loc[~here, "log"].to_numpy())
        return pd.Series(found, dtype=float).reindex(self.means.index)


def noise(level: np.ndarray) -> np.ndarray:
    """The least standard deviation of a measured log2(1 + TPM), at its mean: read noise and what replicates differ by.

    Of TPM it is sqrt(0.5**2 + (0.1 TPM)**2), as Rocke and Durbin have it (J. Comput. Biol. 8:557, 2001): a background
    that all measurements have, and a part of what there is. At 0 it is 0.72: a difference of 1 TPM, the unit that log2
    (1 + TPM) adds, lies within 1.65 of it at any level, and is never significant by itself.
    """
    tpm = np.exp2(level) - 1
    result: np.ndarray = np.hypot(BACKGROUND, VARIATION * tpm) / ((1 + tpm) * np.log(2))
    return result


def _welch(one: np.ndarray, two: np.ndarray) -> float:
    """Welch's p that the first is not more, from variances of at least those of noise; NaN with one value on a side."""
    if min(len(one), len(two)) < 2:
        return float("nan")
    n, means, spread = (np.array([measure(each) for each in (one, two)]) for measure in (len, np.mean, _deviation))
    squares = np.maximum(spread, noise(means)) ** 2 / n
    freedom = squares.sum() ** 2 / (squares**2 / (n - 1)).sum()
    return float(stats.t.sf((means[0] - means[1]) / np.sqrt(squares.sum()), freedom))


def _deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1))


def _logs(tpm: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.log2(1 + tpm)
    return result


def read_expression(path: Path | str) -> Expression:
    """Expression from a table, long (gene_name, tissue, tpm, perhaps replicate) or wide (gene, then a column a tissue).

    CSV or TSV by its name, gzipped or not; columns are named in any case. Of a wide table every column is a tissue but
    those that name genes (`IDS`: gene, gene_name, gene_id, symbol, name, description, entrez, ensembl and the like).
    Every cell of TPM must be a number of at least 0. TPM of one measurement that stands in several rows (isoforms, or
    copies of a gene under one name: of a wide table, or of one replicate) are added up; rows of a long table without
    replicates are replicates. A gene that a long table has in some tissues only is left out. Both are logged.
    """
    name = str(path).lower().removesuffix(".gz")
    table = read_text(path, (), separator="," if name.endswith(".csv") else "\t")
    columns = {_key(column): column for column in reversed(table.columns)}
    gene = next((columns[key] for key in GENES if key in columns), None)
    if gene is None:
        raise ValueError(f"{path}: has no column 'gene_name' or 'gene', expected one with the names of genes")
    if not len(table):
        raise ValueError(f"{path}: got a header alone, expected a row for every gene")
    rows = _long(table, gene, columns) if {"tissue", "tpm"} <= set(columns) else _wide(table, gene)
    order = list(dict.fromkeys(rows["tissue"]))
    means = rows.pivot_table(index="gene_name", columns="tissue", values="tpm", aggfunc="mean", sort=False)[order]
    partial = means.index[means.isna().any(axis=1)]
    if len(partial) == len(means):
        raise ValueError(f"{path}: has no gene with TPM in all of its tissues ({', '.join(order)}), expected some")
    if len(partial):
        logger.warning(
            "%s: %d of %d genes have no TPM in some tissue and are left out: %s",
            path, len(partial), len(means), _some(partial),
        )  # fmt: skip
        means, rows = means.drop(index=partial), rows[~rows["gene_name"].isin(partial)].reset_index(drop=True)
    return Expression(means, rows)


def _long(table: Text, gene: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Measurements: gene_name, tissue and tpm."""
    rows = pd.DataFrame(
        {
            "gene_name": table.columns[gene], "tissue": table.columns[columns["tissue"]],
            "tpm": _tpm(table, columns["tpm"]),
        }
    )  # fmt: skip
    if "replicate" not in columns:
        return rows
    rows = rows.assign(replicate=table.columns[columns["replicate"]])
    return _added(table.path, rows, ["gene_name", "tissue", "replicate"]).drop(columns="replicate")


def _wide(table: Text, gene: str) -> pd.DataFrame:
    """Likewise, of a table with a column a tissue."""
    tissues = [column for column in table.columns if _key(column) not in IDS]
    for column, why in (("", "a name for every column"), ("replicate", "a long table where there are replicates")):
        if column in tissues:
            raise ValueError(f"{table.path}: got the column {column!r}, expected {why}")
    if "tpm" in tissues:
        raise ValueError(f"{table.path}: has a column 'tpm' and none of the tissue, expected both or neither")
    if not tissues:
        raise ValueError(f"{table.path}: has no column but names of genes, expected one for every tissue")
    wide = pd.DataFrame({column: _tpm(table, column) for column in tissues})
    wide.insert(0, "gene_name", table.columns[gene])
    return _added(table.path, wide, ["gene_name"]).melt("gene_name", var_name="tissue", value_name="tpm")


def _tpm(table: Text, column: str) -> np.ndarray:
    values: np.ndarray = table.numbers(column, 0)
    if len(large := np.flatnonzero(values > MOST)):
        table.refuse(int(large[0]), column, f"a number of at most {MOST:g}")
    if len(missing := np.flatnonzero(np.isnan(values))):
        table.refuse(int(missing[0]), column, "a number (0 where nothing is expressed)")
    return values


def _added(path: Path | str, rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """One row a measurement, the sum of its rows."""
    if (again := rows.duplicated(by)).any():
        names = rows.loc[again, "gene_name"].unique()
        logger.warning("%s: %d genes stand in several rows, whose TPM are added: %s", path, len(names), _some(names))
        rows = rows.groupby(by, sort=False, as_index=False).sum()
    return rows


def _some(names: Iterable[str], most: int = 3) -> str:
    first = [str(name) for name in names]
    return ", ".join([*first[:most], *(["..."] if len(first) > most else [])])


def _key(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())
