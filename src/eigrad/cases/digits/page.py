"""The words of the digits page: what was found, how to read it, and what it does not say."""

from __future__ import annotations

from typing import Any

from eigrad.cases.digits import sections
from eigrad.cases.digits.figures import NETWORK_NAMES, PATH_NAMES
from eigrad.cases.digits.settings import Settings

READING = [
    "An attribution is the part of the change in the network's output, from a baseline to an image, that one pixel "
    "carries along the path between them; summed over the pixels it is the whole change. How far the sum is off is "
    "the completeness gap.",
    "A significant pixel is used more, in absolute terms, for the images of interest than for random images of all "
    "digits (one-sided test, corrected for the number of features). A pixel that matters equally for every digit is "
    "rightly not significant.",
    "In the map of mean attributions a pixel is positive both where ink is present and speaks for the digit, and "
    "where ink is missing and its absence speaks for it. The direction map (attribution × sign(x − x')) tells them "
    "apart: blue pixels speak for the digit by more ink than the baseline has, red ones by less.",
    "`effect` is the difference of the two means over the root of the mean of their variances. It does not grow with "
    "the number of images, and is the safer order; p-values fall as images are added.",
]

LIMITS = [
    "The number of significant pixels is no measure of quality. It depends on the output explained, on the "
    "transform, on the number of images, and on how the null images are explained.",
    "Neighboring pixels carry much the same information, so that a small subset of the significant pixels is "
    "already as good as all of them, and a random subset of a few dozen pixels is far from useless.",
    "One draw of null images and one trained network stand behind this page. Another seed moves the borderline pixels.",
]


UNCHECKED = (
    "Significance does not show that the network learned anything: `eigrad calibrate RUN` says how many pixels are "
    "significant in a network of random weights, and in one trained on shuffled labels."
)


def describe(settings: Settings, summary: dict[str, Any], calibration: dict[str, Any] | None = None) -> dict[str, Any]:
    """The page as data, for the report to lay out; `calibration` is what `eigrad calibrate` found, if it was run."""
    sample, baseline = settings.sample, settings.baseline
    return {
        "title": f"What makes a handwritten {sample} differ from a {baseline}",
        "headline": _headline(settings, summary),
        "sections": [
            _features(settings, summary, "vae", "2a", "Significant pixels", "significance_vae.csv"),
            _features(settings, summary, "cnn", "2b", "Significant patches of the CNN", "significance_cnn.csv"),
            _features(
                settings,
                summary,
                "cvae",
                "2c",
                "Significant patches of the convolutional VAE",
                "significance_cvae.csv",
            ),
            sections.recommended(settings, summary),
            sections.worth(settings, summary),
            sections.without_network(settings, summary),
            sections.paths_and_baselines(settings),
            sections.accuracy(),
            *([] if calibration is None else [sections.of_nothing(calibration)]),
        ],
        "reading": READING,
        "limits": [*LIMITS, UNCHECKED if calibration is None else _checked(calibration)],
    }


def _headline(settings: Settings, summary: dict[str, Any]) -> list[str]:
    binary = summary["binary"]
    losses = [100 * (row["accuracy_all"] - row["accuracy_significant"]) for row in binary]
    lines = [
        f"{summary['n_significant']} of {summary['n_features']} pixels "
        f"({100 * summary['fraction_significant']:.1f} %) are used significantly more for a {settings.sample} "
        f"than for images in general, seen from {_baselines(settings)}.",
        f"A classifier that sees only the significant pixels loses {_points(sum(losses) / len(losses))} points of test "
        f"accuracy on average over the {len(losses)} other digits (from {_points(min(losses))} to "
        f"{_points(max(losses))}).",
        "Test accuracy of the networks explained: "
        + ", ".join(f"{NETWORK_NAMES[kind]} {100 * value:.2f} %" for kind, value in summary["accuracy"].items())
        + ".",
    ]
    curve = [row for row in summary["curve"] if row["n_pixels"] <= 20]
    if curve:
        row = curve[-1]
        lines.insert(
            2,
            f"The {row['n_pixels']} most significant pixels tell {settings.sample} from {settings.baseline} with "
            f"{100 * row['accuracy_significant']:.1f} % accuracy, as many random ones with "
            f"{100 * row['accuracy_random']:.1f} %.",
        )
    return lines


def _points(loss: float) -> str:
    return f"{loss:z.2f}".replace("-", "\N{MINUS SIGN}")


def _baselines(settings: Settings) -> str:
    if settings.baseline_kind in ("zero", "encoded-zero"):
        return f"the {settings.baseline_kind} baseline"
    return f"{settings.baseline_kind} baselines of {settings.baseline}"


def _features(
    settings: Settings, summary: dict[str, Any], kind: str, number: str, title: str, table: str
) -> dict[str, Any]:
    feature = "pixel" if kind == "vae" else "patch of 3 × 3 pixels"
    return {
        "title": title,
        "text": [
            f"The {NETWORK_NAMES[kind]} explained on {settings.n_samples} images of {settings.sample} along the "
            f"{PATH_NAMES[settings.path_for(kind)]}, against as many random images of all digits "
            f"({summary['n_null_of_class']} of them show a {settings.sample}: the more, the less is found).",
            *(f"Caution: {warning}" for warning in summary["warnings"][kind]),
        ],
        "figures": [
            {
                "file": f"figures/{number}_{kind}.png",
                "title": f"Figure {number}",
                "caption": f"Left: attribution of each pixel, averaged over the images of {settings.sample}; the mean "
                "digit in gray. Middle: its direction map. Right: the direction map where a feature is significant.",
                "alt": f"Three maps of 28 by 28 pixels: mean attribution, direction and significant features of the "
                f"{NETWORK_NAMES[kind]}.",
            }
        ],
        "tables": [
            {
                "file": table,
                "title": f"Every {feature}, tested",
                "caption": "mean_class and mean_null are means of the transformed attributions; significant is decided "
                "by p_adjusted.",
                "kind": "features",
            }
        ],
    }


def _checked(calibration: dict[str, Any]) -> str:
    trained, *others = calibration["networks"]
    of_others = " and ".join(f"{row['n_significant']} in one of {row['network']}" for row in others)
    return (
        f"Significance does not show that the network learned anything: {trained['n_significant']} pixels are "
        f"significant in the trained network, {of_others}. Read it beside the network's accuracy."
    )
