"""The decision figure of the page about baselines: questions down, an answer beside each.

python -m benchmarks.choosing --docs docs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from eigrad import plot

# A question, the baseline where the answer is yes, and what that compares a sample with.
ROWS = (
    ("No other class to compare with, and zero\nmeans that nothing is there (ink, counts)?", "Zero()", "zero"),
    ("No other class, but an autoencoder?", "EncodedZero(autoencoder)", "the decoded origin of latent space"),
    ("Should each sample meet\nwhat is most like it?", "Close(points, n=3)", "its nearest points: the smallest change"),
    ("One typical example, to show?", "Median(points, n=3)", "real points in the middle of the class"),
    ("Several kinds within the other class?", 'KMeans(points, n="auto")', "the mean of each kind"),
    ("Otherwise, with time for 50 baselines", "Random(points, n=50)", "any points of the class"),
)
CLASSLESS = 2  # rows that need no other class
LEFT, RIGHT, WIDTH, HEIGHT, STEP = 0.0, 5.0, 4.1, 0.66, 1.15


def box(ax: Axes, x: float, y: float, text: str, color: str, **font: str) -> None:
    shape = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "white", "edgecolor": color, "linewidth": 1.4}
    ax.add_patch(FancyBboxPatch((x, y - HEIGHT / 2), WIDTH, HEIGHT, **shape))
    ax.text(x + WIDTH / 2, y, text, ha="center", va="center", fontsize=9, linespacing=1.3, **font)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], word: str) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": plot.BLACK, "shrinkA": 0, "shrinkB": 0})
    across = start[1] == end[1]
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    ax.text(x + (0 if across else 0.12), y + (0.15 if across else 0), word, fontsize=8, va="center",
            ha="center" if across else "left")  # fmt: skip


def draw(folder: Path) -> None:
    with plot.figure(8.4, 6.4) as (canvas, ax):
        for i, (question, answer, meaning) in enumerate(ROWS):
            y, middle = -i * STEP, LEFT + WIDTH / 2
            box(ax, LEFT, y, question, plot.BLUE)
            box(ax, RIGHT, y, answer, plot.ORANGE, family="monospace")
            ax.text(RIGHT + WIDTH / 2, y - 0.47, meaning, ha="center", va="center", fontsize=8, color=plot.GRAY)
            last = i == len(ROWS) - 1
            arrow(ax, (LEFT + WIDTH, y), (RIGHT, y), "" if last else "yes")
            if not last:
                arrow(ax, (middle, y - HEIGHT / 2), (middle, y - STEP + HEIGHT / 2), "no")
        top, bottom = -(CLASSLESS - 0.38) * STEP, -(len(ROWS) - 0.55) * STEP
        ax.plot([-0.2, -0.3, -0.3, -0.2], [top, top, bottom, bottom], color=plot.GRAY, linewidth=1)
        ax.text(-0.42, (top + bottom) / 2, "points: samples of the other class\nthat are not explained themselves",
                rotation=90, ha="right", va="center", multialignment="center", fontsize=8, color=plot.GRAY)  # fmt: skip
        ax.set(xlim=(-1.1, RIGHT + WIDTH + 0.1), ylim=(-len(ROWS) * STEP + 0.45, 0.45))
        ax.set_axis_off()
        path, _ = plot.save(canvas, folder / "choosing-baseline")
        path.unlink()  # the SVG alone is shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    draw(parser.parse_args().docs / "images")


if __name__ == "__main__":
    main()
