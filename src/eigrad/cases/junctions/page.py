"""The words of the splice-site page: what was found, beside what is known, and how to read it."""

from __future__ import annotations

from typing import Any

from eigrad.cases.junctions.settings import CLASSES, NEITHER, SITES, Settings
from eigrad.significance.guards import observed

SITE_NAMES = {"donors": "donor (exon to intron)", "acceptors": "acceptor (intron to exon)"}
KNOWN = {"donors": ("GT", (1, 2)), "acceptors": ("AG", (-1, 0))}  # letters, and places counted from the middle
TRACT = (-14, -4)  # where the polypyrimidine tract of an acceptor is expected, counted likewise: 16 to 26 of 60
READING = [
    "An attribution is the part of the change in log odds (of the site against neither), from a baseline window to the "
    "window explained, that one position carries; the four letters of a position are summed. Over all positions it is "
    "the whole change. Baselines are training windows without a site, so that a position whose letter is "
    "the same in both has no attribution.",
    "A significant position has attributions in windows of the site that differ, in one direction, both from random "
    "windows and from windows of neither kind, and are at least 5 % of the largest on average. Windows explained were "
    "never trained on.",
    "`effect` is the difference of the two means over the root of the mean of their variances, against the random "
    "windows or those of neither kind, whichever is nearer to zero. It does not grow with the number of windows: the "
    "safer order.",
    "In the logo a letter's height is the mean attribution of the windows that have it there, times how many do: a "
    "frequent letter that speaks for the site stands tall, a letter that speaks against it hangs below the axis.",
]
LIMITS = [
    "The page shows what these networks use. A position that no network needs, because another says the same, can be "
    "as important to the cell.",
    "Windows that share half of their letters in a row are kept together, in training or in test; more distant "
    "relations are not known here, and may flatter the accuracy.",
    "Real sites far from their consensus are rare here, and windows of neither kind are random DNA: telling true sites "
    "from decoys that look like them is harder than this task.",
]


def describe(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    """The page as data, for the report to lay out."""
    return {
        "title": "What makes a splice site",
        "headline": _headline(settings, summary),
        "sections": [*(_site(settings, summary, site) for site in SITES), _without(summary)],
        "reading": READING,
        "limits": LIMITS,
    }


def _headline(settings: Settings, summary: dict[str, Any]) -> list[str]:
    windows = summary["windows"]
    left_out = windows["duplicates"] + windows["contradictory"]
    networks = "One network tells" if settings.n_networks == 1 else f"{settings.n_networks} networks together tell"
    return [
        f"{networks} donor sites, acceptor sites and other DNA apart with {100 * summary['accuracy']:.1f} % accuracy "
        f"on {windows['test']:,} held-out windows ({windows['read']:,} were read; {left_out:,} copies were left out).",
        *(_answer(summary, site) for site in SITES),
    ]


def _answer(summary: dict[str, Any], site: str) -> str:
    """Whether the two positions everyone knows came out on top."""
    found, (letters, places) = summary[site], KNOWN[site]
    expected = [summary["length"] // 2 + place for place in places]
    where = f"{letters} at positions {expected[0]} and {expected[1]}"
    top, significant = set(found["top_positions"][:2]), set(found["significant_positions"])
    at = dict(zip(found["top_positions"], found["top_letters"], strict=True))
    if top == set(expected) and top <= significant and [at[place] for place in expected] == list(letters):
        verdict = f"The textbook's {where} has the two largest effects and is significant"
    else:
        best = " and ".join(f"{at[place]} at {place}" for place in found["top_positions"][:2])
        inside = [place for place in expected if place in significant]
        said = " and ".join(map(str, inside)) or "neither"
        verdict = f"The largest effects are {best}; of the textbook's {where}, {said} is significant"
    return f"{site.capitalize()}: {verdict}. {len(significant)} of {summary['length']} positions are significant."


def _site(settings: Settings, summary: dict[str, Any], site: str) -> dict[str, Any]:
    found = summary[site]
    text = [
        f"{settings.n_samples} held-out {SITE_NAMES[site]} windows, explained for their log odds against neither from "
        f"{settings.n_baselines} {settings.baseline_kind} baselines each, against {settings.n_samples} random windows "
        f"and {settings.n_samples} of neither kind, by permutation at a family-wise error of 0.05. Significant: "
        f"{_listed(found)}.",
        f"{found['n_significant_far']} of the 20 positions farthest from the junction are significant. The paper's "
        f"mode (|attribution|, one-sided, against random windows) finds {found['n_significant_paper']} positions.",
        *_below_floor(found),
        *([] if site == "donors" else [_tract(summary)]),
        *(f"Caution: {observed(warning)}" for warning in found["warnings"]),
        *(f"Caution, in the paper's mode: {observed(warning)}" for warning in found["warnings_paper"]),
    ]
    return {
        "title": site.capitalize(),
        "text": text,
        "figures": [
            {
                "file": f"figures/{site}.png",
                "title": site.capitalize(),
                "caption": "Above: mean attribution of the letters at each position, in log odds. Below: effect of "
                "each position, significant ones in purple; a gray one may differ as surely and be too small, below "
                "5 % of the largest mean |attribution|. The dashed line is the junction.",
                "alt": f"Sequence logo of attributions in {site} over a bar for each position's effect.",
            }
        ],
        "tables": [
            {
                "file": f"recommended_{site}.csv",
                "title": f"Every position of {site}, recommended mode",
                "caption": "magnitude: mean |attribution|; t and effect: the nearer to zero of the two comparisons.",
                "kind": "features",
            },
            {
                "file": f"significance_{site}.csv",
                "title": f"Every position of {site}, the paper's mode",
                "caption": "mean_class and mean_null are means of |attribution|.",
                "kind": "features",
            },
        ],
    }


def _below_floor(found: dict[str, Any]) -> list[str]:
    """Which gray bars have small p-values, and why they are gray."""
    places = found["below_floor_positions"]
    if not places:
        return []
    return [
        f"Gray in spite of p_adjusted at most 0.05, since the mean |attribution| is below 5 % of the largest: "
        f"{', '.join(map(str, places))}."
    ]


def _listed(found: dict[str, Any]) -> str:
    pairs = zip(found["significant_positions"], found["significant_letters"], strict=True)
    return ", ".join(f"{position} ({letter})" for position, letter in pairs) or "none"


def _tract(summary: dict[str, Any]) -> str:
    """How much of the polypyrimidine tract came out."""
    first, last = (summary["length"] // 2 + place for place in TRACT)
    found = summary["acceptors"]
    letters = dict(zip(found["significant_positions"], found["significant_letters"], strict=True))
    inside = [place for place in letters if first <= place <= last]
    pyrimidines = [place for place in inside if letters[place] in "CT"]
    return (
        f"The polypyrimidine tract: {len(inside)} of the {last - first + 1} positions {first} to {last} are "
        f"significant, {len(pyrimidines)} of them with C or T as the letter that speaks most for the site."
    )


def _without(summary: dict[str, Any]) -> dict[str, Any]:
    better = [
        f"Caution: {row['method']} tells {site} from neither better than the networks that are explained. What they "
        "use is then not all there is to use."
        for site in SITES
        for row in summary[site]["without_network"]
        if row["better"]
    ]
    sentences = [
        f"{site.capitalize()} against neither ({CLASSES[SITES[site]]} against {CLASSES[NEITHER]}): area under the ROC "
        "curve on the same held-out windows: "
        + ", ".join(f"{row['method']} {row['auc']:.4f}" for row in summary[site]["without_network"])
        + "."
        for site in SITES
    ]
    return {
        "title": "Without a network",
        "text": [*sentences, *better],
        "figures": [],
        "tables": [
            {
                "file": f"without_network_{site}.csv",
                "title": f"What predicts {site} without the network",
                "caption": "lead: area under the curve over the network's, with its 95 % interval by bootstrap.",
                "kind": "plain",
            }
            for site in SITES
        ],
    }
