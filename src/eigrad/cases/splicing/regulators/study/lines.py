"""Lines of evidence: of every candidate that a line can speak of, a test, a score to rank by, and what was seen.

A line is a table with a row a candidate and the columns of `COLUMNS`. `holds` is what must be true beside a small
p-value: that the effect is large enough, and in the direction that a regulator would have. A candidate that a line
cannot test has no row in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from eigrad.cases.splicing.events import times_compared
from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.regulators.alignment import ALIGNED, align
from eigrad.cases.splicing.regulators.clip import PLACES, near
from eigrad.cases.splicing.regulators.expression import Expression
from eigrad.cases.splicing.regulators.fisher import against
from eigrad.cases.splicing.regulators.knockout import Response, shared
from eigrad.cases.splicing.regulators.motif_map import SIDES, Surroundings, windows
from eigrad.cases.splicing.regulators.study.finished import STILL, Evidence, Finished
from eigrad.cases.splicing.regulators.study.queries import Query
from eigrad.cases.splicing.study.explain import fewest_comparisons
from eigrad.progress import track

COLUMNS = ("candidate", "p_value", "score", "holds", "seen")
ALIKE = 0.05  # q-value up to which two motifs count as alike
MIN_TPM = 1.0  # to be expressed
ANY = "any"
ENHANCED, REPRESSED, UNMOVED = "enhanced", "repressed", "non-responsive"
SITE_NAMES = dict(zip(SIDES, ("3' splice site", "5' splice site"), strict=True))


def alignments(asked: Sequence[Query], proteins: Mapping[str, Sequence[Motif]]) -> pd.DataFrame:
    """Every query against every motif of a candidate (see `align`), with `candidate` and whether they are alike.

    Alike are motifs with a q-value of at most 0.05, and a motif and itself.
    """
    if not asked:
        empty = pd.DataFrame(columns=[*ALIGNED, "candidate", "itself", "alike"])
        return empty.astype({"itself": bool, "alike": bool})
    owner = {motif.name: name for name, motifs in proteins.items() for motif in motifs}
    targets = [motif for motifs in proteins.values() for motif in motifs]
    table = align([query.motif for query in asked], targets, most=None)
    known = {motif.name: motif for motif in targets}
    same = {query.motif.name for query in asked if _same(query.motif, known.get(query.motif.name))}
    itself = (table["query"] == table["target"]) & table["query"].isin(same)
    return table.assign(candidate=table["target"].map(owner), itself=itself, alike=itself | (table["q_value"] <= ALIKE))


def _same(motif: Motif, other: Motif | None) -> bool:
    return other is not None and np.array_equal(motif.probabilities, other.probabilities)


def motif(asked: Sequence[Query], aligned: pd.DataFrame, proteins: Mapping[str, Sequence[Motif]]) -> pd.DataFrame:
    """Whether motifs of significant meta-features are the candidate's.

    Both must be so: that the meta-feature is significant, and that the motifs are alike; p is the larger of the two
    p-values, that of likeness times the number of comparisons (zero of a motif and itself), in the best of the queries
    that are alike, or of all where none is. The score is the mean |attribution| of all meta-features whose motif is
    alike.
    """
    query = {each.motif.name: each for each in asked}
    rows = []
    for name, motifs in proteins.items():
        part, n = aligned[aligned["candidate"] == name], len(asked) * len(motifs)
        likeness = np.where(part["itself"], 0.0, np.minimum(1.0, n * part["p_value"]))
        p = np.maximum(likeness, part["query"].map({key: each.p_value for key, each in query.items()}))
        alike = part["alike"].to_numpy(bool)
        own = [query[key] for key in dict.fromkeys(part.loc[alike, "query"])]
        seen = "no significant motif is like its own"
        if own:
            best = max(own, key=lambda each: each.weight)
            more = f" and {len(best.places) - 2} more" if len(best.places) > 2 else ""
            seen = f"{best.motif.name} in {', '.join(best.places[:2])}{more}"
        least = p[alike].min() if own else p.min() if len(p) else 1.0
        rows.append((name, float(least), sum(each.weight for each in own), bool(own), seen))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def expression(table: Expression, tissue: str, proteins: Sequence[str]) -> pd.DataFrame:
    """Whether a candidate is expressed in the tissue (1 TPM) and more than elsewhere (twice the mean, p one-sided).

    Genes are found whatever the case of their names. Those that cannot be tested are left out.
    """
    found = table.specificity(tissue)
    called = {str(name).upper(): name for name in reversed(proteins)}
    found = found.set_axis([called.get(str(name).upper()) for name in found.index])
    found = found[found.index.notna() & found["p_value"].notna().to_numpy()]
    found = found[~found.index.duplicated()]
    n = len(table.means.columns)
    seen = [
        f"{row['tpm']:.1f} TPM, number {row['rank']:.0f} of {n} tissues, {_times(row['times_others'])} (tau "
        f"{row['tau']:.2f}); of the others most in {row['highest_other']} ({row['highest_other_tpm']:.1f})"
        for row in found.to_dict("records")
    ]
    holds = (found["tpm"] >= MIN_TPM) & found["specific"]
    return pd.DataFrame(
        {
            "candidate": found.index, "p_value": found["p_value"], "score": found["log2_over_others"], "holds": holds,
            "seen": seen,
        }
    ).reset_index(drop=True)  # fmt: skip


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times the mean of the others" if np.isfinite(ratio) else "and none in the others"


def motif_map(
    finished: Finished, proteins: Mapping[str, Sequence[Motif]], progress: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whether a candidate's motif is more frequent in the class than in non-changing exons, in some window of 20 nt.

    p is that of the best window in which it is more frequent, times the number of windows and motifs. The second table
    is of every window of the motif that has the best one, with `candidate` and `motif`.
    """
    rows_of = finished.sets[finished.of_class] | finished.sets[STILL]
    kept = np.flatnonzero(rows_of)
    sets = {name: finished.sets[name][kept] for name in (finished.of_class, STILL)}
    widest = max(len(motif) for motifs in proteins.values() for motif in motifs)
    about = Surroundings(finished.events.take(kept), finished.genome, widest)
    rows, tested = [], []
    for name, motifs in track(proteins.items(), "motif maps", len(proteins), enabled=progress):
        tables = pd.concat(
            [windows(about.hits(each), sets, STILL).assign(motif=each.name) for each in motifs], ignore_index=True
        )
        more = tables[tables["fraction"] > tables["fraction_background"]]
        if more.empty:
            rows.append((name, 1.0, 0.0, False, "nowhere more frequent"))
            continue
        best = more.sort_values("p_value", kind="stable").iloc[0]
        tested.append(tables[tables["motif"] == best["motif"]].assign(candidate=name))
        seen = (
            f"{SITE_NAMES[best['side']]} {best['position']:+d} to {best['position'] + 19:+d}: "
            f"{100 * best['fraction']:.0f} % of exons, {100 * best['fraction_background']:.0f} % of non-changing ones"
        )
        chances = float(best["p_value"]) * len(tables)  # above 1 it still ranks
        rows.append((name, min(1.0, chances), -np.log10(max(chances, 1e-300)), True, seen))
    return pd.DataFrame(rows, columns=list(COLUMNS)), pd.concat(tested) if tested else pd.DataFrame()


def clip(finished: Finished, evidence: Evidence) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whether exons of the class have cross-linked sites nearby more often than non-changing ones; and of every set.

    p is that of the best of four places (upstream, exon, downstream, any), times four.
    """
    rows, details = [], []
    for name, sites in evidence.clip.items():
        there = near(finished.events, sites)
        has = dict(zip(PLACES, there.T, strict=True)) | {ANY: there.any(axis=1)}
        table = against(has, finished.sets | _answering(finished, evidence.knockout.get(name)), STILL)
        details.append(table.assign(candidate=name))
        own = table[table["set"] == finished.of_class]
        still = table[table["set"] == STILL].set_index("what")["fraction"]
        more = own[own["odds_ratio"] > 1]
        best = (own if more.empty else more).sort_values("p_value").iloc[0]
        unfiltered = "" if sites.min_tags is not None else ", not filtered by tags"
        seen = (
            f"{best['what']}: {100 * best['fraction']:.0f} % of exons, "
            f"{100 * still[best['what']]:.0f} % of non-changing ones ({len(sites)} sites{unfiltered})"
        )
        rows.append((name, *_bounded(best["p_value"], len(has), more=not more.empty), seen))
    return pd.DataFrame(rows, columns=list(COLUMNS)), pd.concat(details) if details else pd.DataFrame()


def _answering(finished: Finished, answer: Response | None) -> dict[str, np.ndarray]:
    """The exons of the run that answer to a knock-out, and those that do not move."""
    if answer is None:
        return {}
    place = pd.Index(answer.events.exons["event_id"]).get_indexer(finished.events.exons["event_id"])
    masks = {ENHANCED: answer.enhanced, REPRESSED: answer.repressed, UNMOVED: answer.unmoved}
    return {name: (place >= 0) & mask[place] for name, mask in masks.items()}


def knockout(finished: Finished, evidence: Evidence) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whether exons of the class answer to the loss of the protein more often than others; and the counts.

    Others are compared with the condition as often as an exon of the class must be.
    """
    fewest = fewest_comparisons(finished.events, finished.study, finished.condition)
    among = times_compared(finished.events, finished.condition) >= fewest
    rows, details = [], []
    for name, answer in evidence.knockout.items():
        counts = shared(finished.events, finished.sets[finished.of_class], answer, among)
        details.append({"candidate": name, **counts})
        seen = (
            f"{counts['overlap']} of {counts['tissue']} exons of the class answer, of all {counts['both']} in both "
            f"{counts['regulated']} ({answer.conditions[0]} against {answer.conditions[1]})"
        )
        rows.append((name, *_bounded(counts["p_value"], 1, more=counts["odds_ratio"] > 1), seen))
    return pd.DataFrame(rows, columns=list(COLUMNS)), pd.DataFrame(details)


def _bounded(p: float, n: int, *, more: bool) -> tuple[float, float, bool]:
    """A p-value times n tests, a score to rank by, and whether the effect is in the right direction."""
    adjusted = min(1.0, n * float(p))
    return adjusted, -np.log10(max(adjusted, 1e-300)) * (1 if more else -1), bool(more)
