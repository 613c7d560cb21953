"""Motifs of significant meta-features, aligned with a compendium of known ones by Tomtom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64

from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.libraries import require_library
from eigrad.sequence import LETTERS
from eigrad.threads import kept_threads

ALIGNED = (
    "query", "target", "p_value", "e_value", "q_value", "offset", "overlap", "query_consensus", "target_consensus",
)  # fmt: skip
FEWEST_TARGETS = 2
SHARED = 2  # letters that two k-mers must have in common, one under the other, to be of one motif
SOFT = 0.1  # of each position of a motif from k-mers, the probability that is shared among all letters


def align(queries: Sequence[Motif], targets: Sequence[Motif], *, most: int | None = 10) -> pd.DataFrame:
    """The targets each query is most alike, as RNA (no reverse complement): a row a pair, best first within a query.

    Columns: query, target, p_value, e_value (p times the number of targets), q_value (Benjamini-Hochberg within the
    query), offset (of the query's first letter in the target), overlap, consensus of both. Source: Gupta et al., Genome
    Biology 8:R24 (2007), as memelite computes it.
    """
    from statsmodels.stats.multitest import multipletests

    require_library("memelite", "an alignment of motifs")
    import memelite

    if not queries:
        raise ValueError("alignment: got no motifs to align, expected at least one")
    if len(targets) < FEWEST_TARGETS:
        raise ValueError(f"alignment: got {len(targets)} targets, expected at least {FEWEST_TARGETS}")
    tables = [[motif.probabilities.T for motif in motifs] for motifs in (queries, targets)]
    with kept_threads():
        p, _, offsets, overlaps, _ = memelite.tomtom(*tables, reverse_complement=False, n_jobs=1)
    rows = []
    for i, query in enumerate(queries):
        q = multipletests(p[i], method="fdr_bh")[1]
        order = np.argsort(p[i], kind="stable")[:most]
        rows += [
            (
                query.name, targets[j].name, float(p[i, j]), float(p[i, j]) * len(targets), float(q[j]),
                int(offsets[i, j]), int(overlaps[i, j]), consensus(query), consensus(targets[j]),
            )
            for j in order.tolist()
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(ALIGNED))


def consensus(motif: Motif) -> str:
    """The likeliest letter of each position, as RNA; lower case where it has less than half."""
    letters = np.array(list(LETTERS.replace("T", "U")))[motif.probabilities.argmax(axis=1)]
    sure = motif.probabilities.max(axis=1) >= 0.5
    return "".join(letter if is_sure else letter.lower() for letter, is_sure in zip(letters, sure, strict=True))


def from_words(words: Sequence[str], weights: Sequence[float | int] | np.ndarray | None = None) -> list[Motif]:
    """Motifs from k-mers: those that fit one under the other, shifted by any number of letters, are put together.

    Two k-mers fit where at least 2 letters, and all but one of those that overlap, agree; groups are what such pairs
    connect. The k-mers of a group are laid one under the other where most letters agree, the heaviest first; positions
    are their letters by weight (even ones by default), softened by a tenth. A motif that begins as it ends, such as
    UGCAUG, can be put together in more than one way.
    """
    weight = _weighted(words, weights)
    return [_joined(group, weight) for group in _groups(list(weight))]


def word_groups(words: Sequence[str], weights: Sequence[float | int] | np.ndarray | None = None) -> list[list[str]]:
    """The k-mers that `from_words` puts together into one motif each, the heaviest first."""
    return _groups(list(_weighted(words, weights)))


def _weighted(words: Sequence[str], weights: Sequence[float | int] | np.ndarray | None) -> dict[str, float]:
    """k-mers and their weights, the heaviest first."""
    load = np.ones(len(words)) if weights is None else np.abs(np.asarray(weights, dtype=float))
    if len(load) != len(words):
        raise ValueError(f"k-mers: got {len(load)} weights for {len(words)} words, expected one each")
    return {words[i]: float(load[i]) for i in np.argsort(-load, kind="stable").tolist()}


def _groups(words: Sequence[str]) -> list[list[str]]:
    """Words that fit each other, directly or through others, in their order."""
    left, groups = list(words), []
    while left:
        group, waiting = [], [left.pop(0)]
        while waiting:
            word = waiting.pop(0)
            group.append(word)
            kin = [other for other in left if _fits(word, other)]
            left = [other for other in left if other not in kin]
            waiting += kin
        groups.append(sorted(group, key=list(words).index))
    return groups


def _fits(first: str, second: str) -> bool:
    return any(
        agree >= SHARED and agree >= n - 1
        for agree, n in (_agreement(first, second, shift) for shift in _shifts(first, second))
    )


def _shifts(first: str, second: str) -> range:
    return range(-len(second) + 1, len(first))


def _agreement(first: str, second: str, shift: int) -> tuple[int, int]:
    """Letters that agree, and that overlap, with the second word's first letter under the first's number `shift`."""
    pairs = [(first[i + shift], letter) for i, letter in enumerate(second) if 0 <= i + shift < len(first)]
    return sum(a == b for a, b in pairs), len(pairs)


def _joined(group: Sequence[str], weight: dict[str, float]) -> Motif:
    """Words laid one under the other: next always the heaviest that fits what is there by two letters or more."""
    counts: dict[int, np.ndarray] = {}
    left = list(group)
    while left:
        places = {word: _best_place(word, counts) for word in left}
        word = next((each for each in left if places[each][0] >= SHARED), left[0])
        left.remove(word)
        for i, letter in enumerate(word):
            counts.setdefault(places[word][2] + i, np.zeros(len(LETTERS)))[_number(letter)] += weight[word]
    table = np.array([counts[place] for place in sorted(counts)])
    name = "+".join(group[:3]) + (f" and {len(group) - 3} more" if len(group) > 3 else "")
    return Motif(name, _softened(table))


def _best_place(word: str, counts: dict[int, np.ndarray]) -> tuple[int, float, int]:
    """Where a word agrees best with the likeliest letters: how many more agree than do not, their weight, and where."""
    if not counts:
        return 0, 0.0, 0
    found = []
    for at in range(min(counts) - len(word) + 1, max(counts) + 1):
        under = [(counts[at + i], _number(letter)) for i, letter in enumerate(word) if at + i in counts]
        agree = sum(int(column.argmax()) == letter for column, letter in under)
        found.append((2 * agree - len(under), float(sum(column[letter] for column, letter in under)), at))
    return max(found)


def _number(letter: str) -> int:
    return LETTERS.index(letter.upper().replace("U", "T"))


def _softened(table: np.ndarray) -> Float64[np.ndarray, "positions 4"]:
    shares = table / table.sum(axis=1, keepdims=True)
    result: np.ndarray = (1 - SOFT) * shares + SOFT / len(LETTERS)
    return result
