"""The words of the page of a search for regulators."""

from __future__ import annotations

from typing import Any

from eigrad.cases.splicing.regulators.study.verdict import BEYOND_SEQUENCE, ENOUGH, LINES

WORDS = dict(zip(LINES, ("motif", "expression", "motif map", "CLIP", "knock-out"), strict=True))
READING = [
    "**Motif**: the candidate's motif is like that of a significant meta-feature of the run (Tomtom, as RNA, q at most "
    "0.05; a motif is like itself). p is the larger of the alignment's and the meta-feature's.",
    "**Expression**: at least 1 TPM in the tissue, and at least twice the mean of the others, as they are and on a log "
    "scale; p asks whether the tissue could be one more of the others (Crawford and Howell). tau is 0 for a gene "
    "expressed alike everywhere, 1 for one expressed in one tissue.",
    "**Motif map**: its motif is more frequent in exons of the class than in non-changing ones, in some window of 20 "
    "nt (Fisher's exact test, times the number of windows). Windows are about the 3' splice site (300 nt of intron, 50 "
    "of exon) and the 5' splice site (50 of exon, 300 of intron).",
    "**CLIP**: exons of the class have a cross-linked site within 300 nt of intron, or in the exon, more often than "
    "non-changing ones (Fisher, best of four places, times four).",
    "**Knock-out**: exons of the class answer to the loss of the protein (all junctions change by at least 0.1, and "
    "more likely than not) more often than other exons that are quantified in both (Fisher).",
    "Within a line p-values are adjusted over its candidates (Benjamini-Hochberg). Candidates are ordered by how many "
    "lines support them, then by how few are there and do not, then by their mean rank within lines.",
]
LIMITS = [
    "Motif and motif map are read from the same sequences, and count as one kind of evidence: a candidate passes only "
    f"with {ENOUGH} lines, one of which is {', '.join(WORDS[name] for name in BEYOND_SEQUENCE[:-1])} or "
    f"{WORDS[BEYOND_SEQUENCE[-1]]}.",
    "A line that is missing says nothing for or against. Cross-linking and knock-outs exist for few proteins: one that "
    "was studied can be supported by more lines than one that was not.",
    "Proteins of a family share a motif. The sequence cannot tell them apart, and expression often can.",
    "A repressor that is lost in the tissue is not sought: expression asks for more than elsewhere.",
]

PLATE = (
    "a: the motif of the run above the candidate's. b: TPM by tissue, replicates as points. c: where its motif begins, "
    "and windows against non-changing exons: gray p below 0.05, orange ticks below 0.05 times the number of windows. "
    "d, e: cross-linked sites; * p below 0.05, ** below 0.001. f: exons of the class and exons that answer to its "
    "loss. g: its motif about these, against those that do not."
)


def describe(summary: dict[str, Any]) -> dict[str, Any]:
    """The page as data, for the report to lay out."""
    sections = [_ranking(summary), *(_candidate(summary, place) for place in range(len(summary["plates"])))]
    return {
        "title": f"Who makes exons more {summary['direction']} in {summary['condition']}?",
        "headline": _headline(summary),
        "sections": [*sections, _asked(summary)],
        "reading": READING,
        "limits": LIMITS,
    }


def _headline(summary: dict[str, Any]) -> list[str]:
    passed, first = summary["passed"], summary["ranking"][0]
    said = (
        f"{', '.join(passed)} {'passes' if len(passed) == 1 else 'pass'}: at least {ENOUGH} lines of evidence support "
        f"{'it' if len(passed) == 1 else 'each'}, one of them not from sequence."
        if passed
        else f"No candidate passes: none is supported by {ENOUGH} lines of evidence with one that is not from sequence."
    )
    count = sum(bool(each and each["supports"]) for each in summary["evidence"][first].values())
    there = sum(each is not None for each in summary["evidence"][first].values())
    missing = [WORDS[name] for name in summary["missing"]]
    return [
        said,
        f"First of {summary['n_candidates']} candidates is {first}: {count} of the {there} lines there are support it.",
        *([f"Not given, and so not counted: {', '.join(missing)}."] if missing else []),
    ]


def _ranking(summary: dict[str, Any]) -> dict[str, Any]:
    sets = ", ".join(f"{n:,} {name}" for name, n in summary["sets"].items())
    return {
        "title": "Candidates",
        "text": [f"Exons: {sets}. The class is {summary['direction']}; it is held against non-changing exons."],
        "figures": [
            {
                "file": "figures/candidates.png", "title": "The first candidates",
                "caption": "Rows are candidates, best first; a larger dot is a smaller q-value; no dot: no data.",
                "alt": "A grid of candidates by lines of evidence, filled where a line supports the candidate.",
            }
        ],
        "tables": [
            {"file": "candidates.csv", "title": "Every candidate", "caption": "", "kind": "features"},
            {
                "file": "evidence.csv", "title": "Every line of every candidate",
                "caption": "`seen` says what was seen; `p_value` is that of the line, `q_value` adjusted within it.",
                "kind": "features",
            },
        ],
    }  # fmt: skip


def _candidate(summary: dict[str, Any], place: int) -> dict[str, Any]:
    name = summary["plates"][place]
    evidence = summary["evidence"][name]
    said = [
        f"**{_capital(line)}** {'supports it' if each['supports'] else 'does not support it'} "
        f"(q = {each['q_value']:.2g}): {each['seen']}."
        if each is not None
        else f"**{_capital(line)}** is missing."
        for line, each in evidence.items()
    ]
    at_sites = summary["motif_at_sites"].get(name)
    if at_sites is not None and at_sites["fraction"] is not None:
        said.append(
            f"Its motif stands within 15 nt of {100 * at_sites['fraction']:.0f} % of {at_sites['n']:,} clusters of its "
            f"{at_sites['n_sites']:,} cross-linked sites, and of {100 * at_sites['fraction_beside']:.0f} % of places "
            f"as wide beside them (p = {at_sites['p_value']:.1e})."
        )
    return {
        "title": f"{place + 1}. {name}",
        "text": said,
        "figures": [
            {
                "file": f"figures/plate-{place + 1}.png", "title": f"Evidence for {name}",
                "caption": PLATE,
                "alt": f"Seven panels of evidence for {name}, as the text above says.",
            }
        ],
        "tables": [],
    }  # fmt: skip


def _capital(line: str) -> str:
    return WORDS[line][0].upper() + WORDS[line][1:]


def _asked(summary: dict[str, Any]) -> dict[str, Any]:
    asked = summary["queries"]
    return {
        "title": "What was aligned",
        "text": [
            f"{len(asked) or 'No'} motif{'' if len(asked) == 1 else 's'} stand{'s' if len(asked) == 1 else ''} behind "
            "the significant meta-features of the run: those of motif features, and 3-mers of one region and direction "
            "put together where they overlap.",
            *(f"`{each['motif']}`: {', '.join(each['places'][:4])}" for each in asked[:10]),
        ],
        "figures": [],
        "tables": [{"file": "alignments.csv", "title": "Alignments", "caption": "", "kind": "features"}],
    }
