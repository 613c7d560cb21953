"""The verdict: how many lines of evidence support each candidate, and how it ranks in each."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

LINES = ("motif", "expression", "motif_map", "clip", "knockout")
BEYOND_SEQUENCE = ("expression", "clip", "knockout")
ENOUGH = 3  # lines that must support a candidate, one of them beyond sequence


def judged(lines: Mapping[str, pd.DataFrame], alpha: float) -> pd.DataFrame:
    """Every line of every candidate it speaks of: q_value (Benjamini-Hochberg within the line), rank, and supports.

    A line supports a candidate whose q-value is at most alpha and for which what the line asks besides holds. Ranks are
    by score, 1 the best, equal scores sharing the mean of theirs. Where a p-value is not known the line is missing.
    """
    from statsmodels.stats.multitest import multipletests

    parts = []
    for name in LINES:
        table = lines.get(name)
        if table is None or not table["p_value"].notna().any():
            continue
        table = table[table["p_value"].notna()]
        q = multipletests(table["p_value"], method="fdr_bh")[1]
        rank = table["score"].fillna(-np.inf).rank(ascending=False)
        supports = (q <= alpha) & table["holds"].astype(bool)
        parts.append(table.assign(line=name, q_value=q, rank=rank, supports=supports))
    columns = ["candidate", "line", "supports", "p_value", "q_value", "rank", "score", "seen"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def verdict(evidence: pd.DataFrame, left_out: Collection[str] = ()) -> pd.DataFrame:
    """Candidates, best first: by how many lines support them, how few speak against them, and their mean rank.

    Columns: candidate, place, passes, supporting, against (lines that are there and do not support), mean_rank (of
    rank / (candidates of the line + 1), so that a line of one candidate says nothing), and a column a line ("supports",
    "no", or empty where it is missing). A candidate passes with at least `ENOUGH` lines, one of them not from sequence.
    Lines that are `left_out` count as missing.
    """
    kept = evidence[~evidence["line"].isin(list(left_out))]
    if kept.empty:
        raise ValueError("evidence: got none, expected at least one line")
    n_of_line = kept.groupby("line")["rank"].transform("size")
    by_candidate = kept.assign(share=kept["rank"] / (n_of_line + 1)).groupby("candidate", sort=False)
    table = pd.DataFrame(
        {
            "supporting": by_candidate["supports"].sum().astype(int),
            "against": by_candidate["supports"].agg(lambda each: int((~each.astype(bool)).sum())),
            "mean_rank": by_candidate["share"].mean(),
        }
    )
    beyond = kept[kept["line"].isin(BEYOND_SEQUENCE)].groupby("candidate")["supports"].any()
    table["passes"] = (table["supporting"] >= ENOUGH) & beyond.reindex(table.index, fill_value=False).astype(bool)
    said = kept.assign(said=np.where(kept["supports"].astype(bool), "supports", "no"))
    wide = said.pivot_table(index="candidate", columns="line", values="said", aggfunc="first")
    table = table.join(wide.reindex(columns=list(LINES)).astype(object).fillna(""))
    table = table.sort_values(
        ["supporting", "against", "mean_rank"], ascending=[False, True, True], kind="stable"
    ).reset_index()
    table.insert(1, "place", np.arange(1, len(table) + 1))
    first = ["candidate", "place", "passes", "supporting", "against", "mean_rank"]
    return table[[*first, *LINES]]


def of_candidates(evidence: pd.DataFrame) -> dict[str, dict[str, dict[str, object] | None]]:
    """What every line says of every candidate, None where it is missing."""
    found: dict[str, dict[str, dict[str, object] | None]] = {
        str(name): dict.fromkeys(LINES) for name in dict.fromkeys(evidence["candidate"])
    }
    for row in evidence.to_dict("records"):
        found[str(row["candidate"])][str(row["line"])] = {
            "supports": bool(row["supports"]), "p_value": float(row["p_value"]),
            "q_value": float(row["q_value"]), "rank": float(row["rank"]), "seen": str(row["seen"]),
        }  # fmt: skip
    return found
