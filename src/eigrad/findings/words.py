"""The words of a page about findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eigrad.findings.findings import Question

READING = (
    "An attribution is the part of the change in the network's output, from a baseline to a sample, that one feature "
    "carries; over all features it is the whole change. Samples of the reference that are baselines should be others "
    "than those explained.",
    "A significant feature has attributions in the class that differ, in one direction, both from those of random "
    "samples (the null) and from those of the reference, and are at least {share} of the largest feature's on average.",
    "`effect` is the difference of two means over the root of the mean of their variances, against the null or the "
    "reference, whichever is nearer to zero. It does not grow with the number of samples. `magnitude`, by which the "
    "table is ordered, is the mean |attribution| in the class.",
)
LIMITS = [
    "The page shows what this network uses. A feature it does not need, because another says the same, can be as "
    "important in the world.",
    "A significant feature is not a cause, and the number of significant features is no measure of quality.",
]


def described(question: Question, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The page as data, for the report to lay out."""
    return {
        "title": question.title,
        "headline": _headline(question, summary),
        "sections": [_features(summary), _how(question, summary)],
        "reading": [text.replace("{share}", _share(summary)) for text in READING],
        "limits": LIMITS,
    }


def _headline(question: Question, summary: Mapping[str, Any]) -> list[str]:
    n, top, explained = summary["n_significant"], summary["top"][:5], summary["n_explained"]
    more = f" and {n - len(top):,} more" if n > len(top) else ""
    named = f": {', '.join(map(str, top))}{more}" if n else ""
    return [
        f"{n:,} of {summary['n_features']:,} features are significant for {question.score}{named}.",
        *(
            f"{name.capitalize()}: {who} ({explained[name]:,} explained)."
            if who
            else f"{name.capitalize()}: {explained[name]:,} samples explained."
            for name, who in question.sets.items()
        ),
    ]


def _features(summary: Mapping[str, Any]) -> dict[str, Any]:
    numbered = "as in the data" if summary["numbered"] else "within their set"
    return {
        "title": "Features",
        "text": [f"Caution: {warning}" for warning in summary["warnings"]],
        "figures": [
            {
                "file": "figures/volcano.png", "title": "Every feature",
                "caption": "Mean |attribution| in the class against the effect; the dotted line is "
                f"{_share(summary)} of the largest.",
                "alt": "Points of features: effect to the right and left, size of the attribution upward.",
            },
            {
                "file": "figures/distributions.png", "title": "The first features",
                "caption": "Attributions in the three sets, quartiles and whiskers; * is significant.",
                "alt": "Boxes of attributions of the first features in the class, the reference and the null.",
            },
        ],
        "tables": [
            {
                "file": "features.csv", "title": "All features", "kind": "features", "sort": "magnitude",
                "distributions": "distributions.csv", "samples": "samples.csv",
                "caption": "Boxes are attributions of the three sets on one scale for all features: 5, 25, 50, 75 and "
                "95 %. The names of the largest features open the attributions of single samples, which are numbered "
                f"{numbered}, from 0. `mean_class`, `mean_reference` and `mean_null` are mean attributions.",
            }
        ],
    }  # fmt: skip


def _share(summary: Mapping[str, Any]) -> str:
    """The floor of the recommended mode."""
    return f"{100 * summary['min_share']:g} %"


def _how(question: Question, summary: Mapping[str, Any]) -> dict[str, Any]:
    errors = ", ".join(
        f"{'not known' if value is None else f'{100 * value:.2g} %'} ({name})"
        for name, value in summary["error_p95"].items()
    )
    return {
        "title": "How it was computed",
        "text": [
            *question.how,
            f"Path: {summary['path']}; rule {summary['rule']} ({summary['reason']}).",
            f"Estimated relative error of a sample's attributions, 95th percentile: {errors}.",
        ],
        "figures": [],
        "tables": [],
    }
