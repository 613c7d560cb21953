"""The sections of the digits page that follow the significant features."""

from __future__ import annotations

from typing import Any

from eigrad.cases.digits.figures import NETWORK_NAMES
from eigrad.cases.digits.settings import Settings


def recommended(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    """The recommended mode beside the paper's, on the same network."""
    found = summary["recommended"]
    return {
        "title": "The recommended mode",
        "text": [
            "Figures 2a to 2c are the paper's mode: |attribution|, one-sided, against images in general. The "
            f"recommended mode asks which pixels speak for or against a {settings.sample} where they do not elsewhere, "
            f"and matter: signed attributions of the {NETWORK_NAMES['vae']} that differ, in one direction, from random "
            "images and "
            f"from test images of {settings.baseline}, all explained for the {settings.sample}, by permutation at a "
            "family-wise error of 0.05; and a mean |attribution| of at least 5 % of the largest. "
            f"{found['n_significant']} of {summary['n_features']} pixels pass, {summary['n_significant']} in the "
            "paper's mode.",
            *(f"Caution: {warning}" for warning in found["warnings"]),
        ],
        "figures": [
            {
                "file": "figures/S15_recommended.png",
                "title": "Figure S15",
                "caption": "As figure 2a, in the recommended mode.",
                "alt": "Three maps of 28 by 28 pixels: mean attribution, direction, the recommended mode's pixels.",
            }
        ],
        "tables": [
            {
                "file": "recommended_vae.csv",
                "title": "Every pixel in the recommended mode",
                "caption": "Order by the size of t: the network is dense. magnitude: mean |attribution|; t: the nearer "
                "to zero of the two statistics, zero where they disagree.",
                "kind": "features",
            }
        ],
    }


def worth(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    """Classifiers retrained on subsets of pixels."""
    return {
        "title": "What the significant pixels are worth",
        "text": [
            f"Classifiers of two digits were retrained on subsets of pixels and judged on test images that no other "
            f"part of this study has seen. For digits other than {settings.baseline} the significant pixels were found "
            f"in the same way, from baselines of that digit, with {settings.other_n_points} points on each path.",
            _against_random(summary["binary"]),
        ],
        "figures": [
            {
                "file": "figures/2d_binary.png",
                "title": "Figure 2d",
                "caption": f"Test accuracy of {settings.sample} against each other digit.",
                "alt": "Accuracy on all, significant and random pixels for nine digits.",
            },
            {
                "file": "figures/2e_curve.png",
                "title": "Figure 2e",
                "caption": f"Test accuracy of {settings.sample} against {settings.baseline} with growing subsets. "
                "Significant pixels enter by effect; random ones are drawn from all pixels.",
                "alt": "Accuracy rises earlier with significant pixels than with random ones.",
            },
        ],
        "tables": [
            {
                "file": "binary.csv",
                "title": "Two-digit classifiers",
                "caption": "",
                "kind": "plain",
            },
            {"file": "curve.csv", "title": "Growing subsets", "caption": "", "kind": "plain"},
        ],
    }


def _against_random(binary: list[dict[str, Any]]) -> str:
    trailing = [str(row["digit"]) for row in binary if row["accuracy_significant"] < row["accuracy_random"]]
    if not trailing:
        return "For no digit do as many random pixels do better than the significant ones."
    *first, last = trailing
    digits = f"{', '.join(first)} and {last}" if first else last
    return (
        f"For {digits} as many random pixels did better than the significant ones: a few dozen pixels anywhere say "
        "much about a digit."
    )


def without_network(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    """What predicts as well without the network that is explained, with a caution where it predicts better."""
    network, *others = summary["without_network"]
    better = [row["method"] for row in others if row["better"]]
    return {
        "title": "Without a network",
        "text": [
            f"Area under the ROC curve on the same held-out images, {settings.sample} against {settings.baseline}: the "
            f"{NETWORK_NAMES['vae']} {network['auc']:.4f}, "
            + ", ".join(f"{row['method']} {row['auc']:.4f}" for row in others)
            + ".",
            *(
                f"Caution: {name} tells the two digits apart better than the network that is explained. What the "
                "network uses is then not all there is to use."
                for name in better
            ),
        ],
        "figures": [],
        "tables": [
            {
                "file": "without_network.csv",
                "title": "What predicts without the network",
                "caption": "lead: area under the curve over the network's, with its 95 % interval by bootstrap.",
                "kind": "plain",
            }
        ],
    }


def paths_and_baselines(settings: Settings) -> dict[str, Any]:
    """What paths and baselines look like."""
    return {
        "title": "Paths and baselines",
        "text": [],
        "figures": [
            {
                "file": "figures/1a_paths.png",
                "title": "Figure 1a",
                "caption": f"Four paths from a baseline {settings.baseline} to an image of {settings.sample}, "
                "projected on the first two principal components of both digits.",
                "alt": "Four curves between two points in a scatter plot.",
            },
            {
                "file": "figures/1b_baselines.png",
                "title": "Figure 1b",
                "caption": f"The baselines each kind gives the image at the left, from the digit {settings.baseline}.",
                "alt": "Columns of digit images, one for each kind of baseline.",
            },
        ],
        "tables": [],
    }


def accuracy() -> dict[str, Any]:
    """Completeness gaps, and p-values where there is nothing to find."""
    return {
        "title": "How accurate the integrals and the test are",
        "text": [
            "The completeness gap falls as points are added to the path. Random images tested against random images "
            "show what the test says when there is nothing to find; dead pixels, without ink in "
            "any image explained, say nothing and still count in the correction."
        ],
        "figures": [
            {
                "file": "figures/S4_convergence.png",
                "title": "Figure S4",
                "caption": "Relative completeness gap of the logit against points on the path.",
                "alt": "Falling curves for each network and path.",
            },
            {
                "file": "figures/S5_null.png",
                "title": "Figure S5",
                "caption": "p-values of random images against random images, for pixels that vary. Pixels depend on "
                "each other, so that one draw strays from uniform even though the test is valid; null_calibration.csv "
                "has many draws.",
                "alt": "Histogram of p-values under the null.",
            },
            {
                "file": "figures/S6_p_values.png",
                "title": "Figure S6",
                "caption": "p-values of the study: of all pixels, and without dead and significant ones.",
                "alt": "Two histograms of p-values.",
            },
        ],
        "tables": [
            {
                "file": "convergence.csv",
                "title": "Completeness gaps",
                "caption": "Relative to |F(x) − F(x')|.",
                "kind": "plain",
            },
            {
                "file": "null_calibration.csv",
                "title": "Random images against random images",
                "caption": "One row a repeat: two disjoint random groups of null images.",
                "kind": "plain",
            },
        ],
    }


def of_nothing(calibration: dict[str, Any]) -> dict[str, Any]:
    """What `eigrad calibrate` found."""
    draws, two_nulls = calibration["draws"], calibration["draws_recommended"]
    return {
        "title": "What the test says of nothing",
        "text": [
            "The same analysis of two networks that know nothing of digits: one whose weights were drawn anew, and one "
            "trained on shuffled labels. What is significant in them shows how images differ and how signals pass "
            "through layers, not what was learned; `shared_significant` is the part they share with the trained "
            "network (both over either), `effect_correlation` Spearman's correlation of all effects.",
            f"Random images against random images, {draws['repeats']} times: this study's test found something in "
            f"{_hits(draws)}; the recommended mode, on three random sets (signed, two nulls, max-T), in "
            f"{_hits(two_nulls)}.",
        ],
        "figures": [
            {
                "file": "figures/S13_networks.png",
                "title": "Figure S13",
                "caption": "Direction map where a pixel is significant, each on its own scale.",
                "alt": "Three maps of 28 by 28 pixels: the trained network, random weights, shuffled labels.",
            },
            {
                "file": "figures/S14_power.png",
                "title": "Figure S14",
                "caption": f"Twenty pixels raised in {draws['n']} null images, which are tested against as many "
                "others: the part found, mean and standard deviation.",
                "alt": "A rising curve of the part found against the difference planted.",
            },
        ],
        "tables": [
            {"file": "calibration_networks.csv", "title": "Networks that know nothing", "caption": "", "kind": "plain"},
            {"file": "calibration_power.csv", "title": "Planted differences", "caption": "", "kind": "plain"},
        ],
    }


def _hits(draws: dict[str, Any]) -> str:
    return (
        f"{round(draws['error'] * draws['repeats'])} ({100 * draws['error']:.0f} %, 95 % interval "
        f"{100 * draws['low']:.1f} to {100 * draws['high']:.1f} %)"
    )
