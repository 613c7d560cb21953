"""The words of the splicing page: what was found, beside what is known, and how to read it."""

from __future__ import annotations

from typing import Any

from eigrad.cases.splicing.study.figures import ORDER_WORDS
from eigrad.cases.splicing.study.settings import ALL, Settings
from eigrad.significance.guards import observed

MORE = {"included": "more inclusion", "excluded": "more exclusion"}
LEARNED = {"r2": 0.0, "auc": 0.6}  # a network that is above both has learned something of what is explained
READING = [
    "An attribution is the part of the change in log odds of the explained outcome, from a baseline exon to the exon "
    "explained, that a feature carries. The features of a meta-feature (the three numbers of a motif in a region, "
    "say) are "
    "summed first.",
    "A significant meta-feature has attributions in exons of the class that differ, in one direction, both from random "
    "exons and from constitutive ones, and are at least 5 % of the largest on average.",
    '`direction` is the sign of the mean attribution in exons of the class. "for" says that in these exons what is '
    "there (or what is missing) speaks for {more} here than in the other conditions, compared with constitutive exons; "
    '"against", that it speaks against that. It does not say that a factor is an enhancer or a silencer: a silencer '
    "that is missing speaks for inclusion, a missing enhancer for exclusion, and of a factor that is scarce in this "
    "condition it can be what it does in the others. Which it is takes an experiment.",
    "`difference` is how much more of a meta-feature exons of the class have than constitutive ones, in standard "
    'deviations: "for" with a negative difference is something whose absence speaks for the outcome.',
    "`effect` is the difference of mean attributions in standard deviations, against random or constitutive exons, "
    "whichever is nearer to zero; `magnitude` is the mean |attribution|. The paper's mode (columns *_paper) asks "
    "whether |attribution| is larger than in random exons.",
]
LIMITS = [
    "The page shows what this network uses. A feature that no network needs, because another says the same, can be "
    "as "
    "important to the cell; and a feature that goes with a cause (conservation, a motif that looks like it) may be "
    "used "
    "in its place.",
    "How many meta-features are significant is no measure of a method's quality.",
    "Constitutive exons are those of the annotation. They differ from alternative exons in many ways (splice sites, "
    "conservation) that have nothing to do with the condition: such features are rightly significant here.",
]


def describe(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    """The page as data, for the report to lay out."""
    sections = [_features(settings, summary), _paths(summary), _worth(summary), _model(summary), _latent(summary)]
    if summary["simulated"]:
        sections.insert(1, _truth(settings, summary))
    return {
        "title": f"What makes exons more {settings.direction} in {summary['condition']}",
        "headline": _headline(settings, summary),
        "sections": sections,
        "reading": [text.replace("{more}", MORE[settings.direction]) for text in READING],
        "limits": LIMITS,
    }


def _headline(settings: Settings, summary: dict[str, Any]) -> list[str]:
    exons, top = summary["exons"], summary["significant"] or summary["top"]
    what = "first of them" if summary["significant"] else "the largest, not significant"
    said = [
        *_learned(settings, summary),
        f"{exons['explained']} exons more {settings.direction} in {summary['condition']} are held against "
        f"constitutive ones: of {summary['features']['meta_features']} meta-features {len(summary['significant'])} are "
        f"significant ({what}: {', '.join(top[:6])}{', ...' if len(top) > 6 else ''}).",
        "On chromosomes that were not trained on, the network's area under the ROC curve is "
        f"{_number(summary['auc'])} for these exons against constitutive ones, and "
        f"{_number(summary['auc_alternative'])} against other quantified exons.",
    ]
    if summary["simulated"]:
        said.append(
            "The data are simulated: what regulates these exons is known, and the page says what was found of it."
        )
    return said


def _learned(settings: Settings, summary: dict[str, Any]) -> list[str]:
    """A caution where the network says nothing, on test chromosomes, of what it is explained for."""
    r2, auc = summary[f"r2_{settings.target}"], summary["auc_alternative"]
    measured = (
        f"R2 of {settings.target} inclusion {_number(r2, 2)}, area under the ROC curve against other quantified exons "
        f"{_number(auc, 2)}"
    )
    if r2 is None and auc is None:
        return [
            f"Caution: whether the network has learned anything cannot be told from its test chromosomes ({measured})."
        ]
    if (r2 is None or r2 > LEARNED["r2"]) and (auc is None or auc >= LEARNED["auc"]):
        return []
    return [
        "Caution: the network predicts little or nothing of what is explained, on chromosomes it was not trained on "
        f"({measured}), so that nothing below says what regulates these exons."
    ]


def _number(value: float | None, digits: int = 3) -> str:
    return "not measurable" if value is None else f"{value:.{digits}f}"


def _figure(name: str, title: str, caption: str, alt: str) -> dict[str, str]:
    return {"file": f"figures/{name}.png", "title": title, "caption": caption, "alt": alt}


def _table(name: str, title: str, caption: str = "", kind: str = "plain") -> dict[str, str]:
    return {"file": f"{name}.csv", "title": title, "caption": caption, "kind": kind}


def _features(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    reference = "the mean over all other conditions" if settings.reference == ALL else settings.reference
    return {
        "title": "Significant meta-features",
        "text": [
            f"Explained is the log odds of {settings.target} inclusion in {summary['condition']} over {reference}, "
            f"by "
            f"{summary['main']} ({settings.n_baselines} baselines among constitutive exons) in the "
            f"{settings.network} "
            f"network, {summary['exons']['explained']} exons each of the class, of all others at random, and "
            f"constitutive.",
            *(f"Caution: {observed(warning)}" for warning in summary["warnings"]),
            *(f"Caution, in the paper's mode: {observed(warning)}" for warning in summary["warnings_paper"]),
        ],
        "figures": [
            _figure(
                "features",
                "The first meta-features",
                f"Ordered by {ORDER_WORDS[summary['order']]}, as the table below is at first. Left: mean attribution "
                "in exons of the class, where parts of both signs cancel, and a tick at the mean |attribution|, where "
                "they do not. Right: effects against the two nulls.",
                "Bars of the mean attribution of the first meta-features, beside their effects against two nulls.",
            )
        ],
        "tables": [
            _table("features", "Every meta-feature", "Region, kind, direction, and both modes.", "features")
            | {"sort": summary["order"]},
        ],
    }


def _truth(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    found = summary["average_precision"]
    precision = summary["precision_significant"]
    said = "is empty" if precision is None else f"is right in {100 * precision:.0f} % of its meta-features"
    best = max(found, key=lambda name: found[name])
    return {
        "title": "What was planted",
        "text": [
            "Causes are motifs in the regions where their factors act (in any of the tissues), splice-site strengths "
            f"and lengths. The significant set {said} (a k-mer within a motif that acts counts as right). On the exons "
            f"that methods are compared on, average precision of the main method is {found[summary['main']]:.3f}; the "
            f"best of all: {best}, {found[best]:.3f} (such k-mers count neither way).",
        ],
        "figures": [
            _figure(
                "recovery",
                "How far up methods bring causes",
                "Average precision of planted causes; the last three need no network.",
                "Average precision of planted causes, a point a method.",
            )
        ],
        "tables": [
            _table(
                "planted",
                "What was planted, and where it came",
                "`log_odds` is what the factor does to inclusion where it acts; `place` is its place above.",
            ),
            _table("recovery", "Recovery of causes", "Average precision in three orders, and the set."),
        ],
    }


def _paths(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "Paths and baselines",
        "text": [
            f"Methods are compared on the same {summary['exons']['compared']} exons of each set. "
            f"By method, {_span(summary['n_significant_paper'])} meta-features are significant in the paper's mode, "
            f"{_span(summary['n_significant'])} in the recommended one.",
        ],
        "figures": [
            _figure(
                "paths",
                "Paths in the plane of two principal components",
                "From a baseline to the most typical exon of the class; features in units of their spread.",
                "Four paths from a baseline to an exon over scattered exons of two classes.",
            ),
            _figure(
                "significant_counts",
                "Significant meta-features",
                "Numbers of significant meta-features of the methods that were run, in the paper's mode above and the "
                "recommended one below.",
                "Two grids of paths by baselines with numbers of significant meta-features, beside bars of other "
                "methods.",
            ),
            _figure(
                "overlap",
                "What the methods' recommended sets share",
                "Each meta-feature is in one bar, that of exactly the methods that found it.",
                "Bars of shared significant meta-features over a matrix of methods.",
            ),
            _figure(
                "p_values",
                "Random exons against random exons",
                "Unadjusted p-values of 20 draws, of meta-features in use: those whose attributions are not all zero. "
                "Dependence between features makes single draws uneven.",
                "Histogram of p-values with the height of a uniform distribution.",
            ),
        ],
        "tables": [_table("methods", "Significant meta-features of every method")],
    }


def _span(counts: dict[str, int]) -> str:
    least, most = min(counts.values()), max(counts.values())
    return f"{least}" if least == most else f"{least} to {most}"


def _worth(summary: dict[str, Any]) -> dict[str, Any]:
    subsets = summary["subsets"]
    known = "planted causes" if summary["simulated"] else "features known by a hypergeometric test"
    plain = ", ".join(
        f"{row['method']} {row['auc']:.3f}" for row in summary["without_network"] if row["auc"] is not None
    )
    own = summary["auc"]
    better = [row["method"] for row in summary["without_network"] if own is not None and (row["auc"] or 0.0) > own]
    return {
        "title": "What the features are worth",
        "text": [
            "Exons of test chromosomes have no part in choosing what is tried here. "
            f"A network retrained on the first {subsets['n']} meta-features has an area under the ROC curve of "
            f"{subsets['auc_top']:.3f} on test chromosomes, on as many random ones {subsets['auc_random']:.3f}, on "
            f"all "
            f"{subsets['auc_all']:.3f}.",
            f"Without the network: {plain}; the network {_number(own)}.",
            *(f"Caution: {name} tells the exons apart better than the network that is explained." for name in better),
        ],
        "figures": [
            _figure(
                "subsets",
                "Growing subsets",
                "Held-out area under the ROC curve of networks retrained on the first meta-features, and on random "
                "ones.",
                "Two curves against the number of meta-features.",
            ),
            _figure(
                "enrichment",
                "Enrichment",
                f"Enrichment of {known} among the first meta-features of the main method and at most seven others, by "
                "a hypergeometric test; enrichment.csv has all methods.",
                "Curves of enrichment, one a method.",
            ),
            _figure(
                "set_scores",
                "Each method's significant set",
                "Held-out area under the ROC curve of networks retrained on the set; numbers are its size. An empty "
                "set has none.",
                "Area under the ROC curve, a point a method.",
            ),
        ],
        "tables": [
            _table("subsets", "Growing subsets"),
            _table("set_scores", "Significant sets"),
        ],
    }


def _model(summary: dict[str, Any]) -> dict[str, Any]:
    exons = summary["exons"]
    return {
        "title": "The model",
        "text": [
            f"{exons['quantified']:,} quantified exons and {exons['all'] - exons['quantified']:,} constitutive ones "
            f"of the annotation, "
            f"{summary['features']['features']:,} features each; {exons['train']:,} to train on, "
            f"{exons['validation']:,} to stop by and "
            f"{exons['test']:,} to test on, on chromosomes of their own.",
            f"R2 on quantified test exons, over all pairs of conditions: PSI {_number(summary['r2_psi'], 2)}, "
            f"increased {_number(summary['r2_increased'], 2)}, decreased {_number(summary['r2_decreased'], 2)}.",
        ],
        "figures": [
            _figure(
                "calibration",
                "Calibration of PSI",
                "Predicted against measured PSI, in tenths of the predictions, with the spread of the measured.",
                "Measured against predicted PSI with error bars, beside the diagonal.",
            )
        ],
        "tables": [_table("calibration", "Calibration")],
    }


def _latent(summary: dict[str, Any]) -> dict[str, Any]:
    said = ", ".join(f"{name} {_number(value, 2)}" for name, value in summary["latent_agreement"].items())
    return {
        "title": "Latent spaces",
        "text": [
            "Whether exons that are near in one autoencoder's latent space are near in another's: smallest Spearman "
            "correlation "
            f"of pairwise distances within a family (other seeds and widths): {said}.",
        ],
        "figures": [
            _figure(
                "latent",
                "Agreement of latent spaces",
                "Spearman correlation of distances between 500 test exons, in latent spaces and among features. Where "
                "autoencoders of one kind agree (near 1), latent paths and distances do not hang on the seed and "
                "width that happened to be trained; where they do not, see whether what a latent path finds comes "
                "again with another seed. The row of features says how much of their distances a latent space keeps.",
                "A matrix of correlations between latent spaces.",
            )
        ],
        "tables": [],
    }
