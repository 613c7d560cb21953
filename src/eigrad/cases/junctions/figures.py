"""The figures of the splice-site study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from eigrad import plot
from eigrad.cases.junctions.explain import Explanation

SIDES = {"donors": ("exon", "intron"), "acceptors": ("intron", "exon")}
TICKS_EVERY = 5


def tracks(explanations: Mapping[str, Explanation], folder: Path) -> None:
    """A figure for each kind of site: the logo of mean attributions, and under it every position's effect."""
    for site, found in explanations.items():
        heights, effect = found.by_letter(), found.table["effect"].to_numpy()
        positions = np.arange(1, len(effect) + 1)
        kept = found.table["significant"].to_numpy()
        rows = {"sharex": True, "height_ratios": (1.5, 1)}
        with plot.figure(10.0, 4.2, 2, 1, **rows) as (canvas, (logo, track)):
            plot.sequence_logo(logo, heights, positions.tolist(), "mean attribution\n(log odds)")
            for chosen, color, label in ((kept, plot.PURPLE, "significant"), (~kept, "#BBBBBB", "not significant")):
                track.bar(positions[chosen], effect[chosen], color=color, width=0.8, label=label)
            track.axhline(0, color=plot.BLACK, linewidth=0.5)
            track.set(xlabel="position in the window", ylabel="effect\n(standard deviations)")
            track.set_xticks([1, *positions[TICKS_EVERY - 1 :: TICKS_EVERY]])
            track.set_xlim(0.3, len(effect) + 0.7)
            logo.tick_params(axis="x", labelbottom=False)
            middle = len(effect) / 2 + 0.5
            for ax in (logo, track):
                ax.axvline(middle, color=plot.GRAY, linestyle="--", linewidth=1)
            for x, text in zip((middle / 2, 1.5 * middle), SIDES[site], strict=True):
                logo.annotate(text, (x, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9)
            track.legend(loc="upper right")
            plot.save(canvas, folder / site)
