"""The figures of a search: candidates by line, and for each of the first a plate after the paper's figure 4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eigrad import plot
from eigrad.cases.splicing.features.motifs import Motif
from eigrad.cases.splicing.libraries import require_library
from eigrad.cases.splicing.regulators.clip import PLACES
from eigrad.cases.splicing.regulators.motif_map import SIDES
from eigrad.cases.splicing.regulators.study.details import Details
from eigrad.cases.splicing.regulators.study.lines import ANY, ENHANCED, REPRESSED, SITE_NAMES, UNMOVED
from eigrad.cases.splicing.regulators.study.verdict import LINES

NAMES = dict(zip(LINES, ("motif", "expression", "motif map", "CLIP", "knock-out"), strict=True))
SET_COLORS = {
    "included": plot.ORANGE, "excluded": plot.BLUE, "changing elsewhere": plot.PURPLE, "non-changing": plot.GRAY,
    "enhanced": plot.ORANGE, "repressed": plot.BLUE, "non-responsive": plot.GRAY,
}  # fmt: skip
OF_KNOCKOUT = {ENHANCED, REPRESSED, UNMOVED}
MOST_CANDIDATES, MOST_TISSUES = 15, 12
STRIP_LIMIT = 10  # of -log10 p, where a strip is darkest
Panel = tuple[str, str, object, Callable[[Any, Any], None]]
RNA = {"A": plot.GREEN, "C": plot.BLUE, "G": plot.BLACK, "U": plot.ORANGE}


def candidates(evidence: pd.DataFrame, table: pd.DataFrame, folder: Path) -> None:
    """The first candidates by line: filled where it supports, open where it does not, nothing where it is missing."""
    shown = table.head(MOST_CANDIDATES)["candidate"].tolist()
    with plot.figure(5.6, 1.2 + 0.26 * len(shown)) as (canvas, ax):
        for row in evidence[evidence["candidate"].isin(shown)].to_dict("records"):
            x, y = LINES.index(row["line"]), shown.index(row["candidate"])
            size = 4 + 2.2 * min(5.0, np.sqrt(-np.log10(max(row["q_value"], 1e-30))))
            color = plot.ORANGE if row["supports"] else plot.GRAY
            ax.plot(x, y, "o", color=color if row["supports"] else "white", markeredgecolor=color, markersize=size)
        names = [f"{name} *" if passes else name for name, passes in zip(shown, table["passes"], strict=False)]
        ax.set_yticks(range(len(shown)), names)
        ax.set_xticks(range(len(LINES)), list(NAMES.values()))
        ax.set(ylim=(len(shown) - 0.5, -0.5), xlim=(-0.5, len(LINES) - 0.5))
        ax.tick_params(length=0)
        handles = [
            Line2D([], [], marker="o", linestyle="", color=plot.ORANGE, label="supports"),
            Line2D([], [], marker="o", linestyle="", markerfacecolor="white", color=plot.GRAY, label="does not"),
        ]
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), title="larger: smaller q\n* passes")
        plot.save(canvas, folder / "candidates")


def plate(details: Details, folder: Path, name: str) -> None:
    """All evidence for one candidate on one plate; what is missing is said in its place, or takes none."""
    rows = [row for row in _panels(details) if any(content is not None for *_, content, _ in row[1])]
    height = sum(height for height, _ in rows)
    with plot.figure(7.4, height) as (canvas, whole):
        whole.remove()
        parts: Any = canvas.subfigures(len(rows), 1, height_ratios=[height for height, _ in rows], squeeze=False)
        for part, (_, panels) in zip(parts[:, 0], rows, strict=True):
            halves: Any = part.subfigures(1, len(panels), squeeze=False)
            for half, (letter, title, content, draw) in zip(halves[0], panels, strict=True):
                half.suptitle(f"{letter}   {title}", x=0.02, ha="left", fontsize=10, fontweight="bold")
                if content is None:
                    half.subplots().set_axis_off()
                    half.text(0.5, 0.45, "no data", ha="center", color=plot.GRAY)
                else:
                    draw(half, content)
        plot.save(canvas, folder / f"plate-{name}")


def _panels(details: Details) -> list[tuple[float, list[Panel]]]:
    """Rows of a plate: inches, and panels with letter, title, content and what draws it."""
    return [
        (2.3, [("a", "motif", details.alignment, _logos), ("b", "expression", details.expression, _expression)]),
        (3.0, [("c", "motif map", details.motif_map, _motif_map)]),
        (2.3, [
            ("d", "cross-linked sites near exons", details.near, _fractions),
            ("e", "where tags lie", details.density, _density),
        ]),
        (2.6, [
            ("f", "knock-out", details.knockout, _venn),
            ("g", "motif map of the knock-out", details.knockout_map, _knockout_map),
        ]),
    ]  # fmt: skip


def _logos(part: SubFigure, pair: tuple[Motif, Motif, int, float]) -> None:
    """The run's motif above the candidate's, letters of one under those of the other."""
    query, target, offset, q = pair
    axes = part.subplots(2, 1, sharex=True)
    for ax, motif, shift, label in ((axes[0], query, offset, "this run"), (axes[1], target, 0, "candidate")):
        bits = (
            motif.probabilities * (2 + (motif.probabilities * np.log2(motif.probabilities.clip(1e-12))).sum(1))[:, None]
        )
        _rna_logo(ax, bits, shift)
        ax.set_ylabel(f"{label}\nbits")
        ax.set_ylim(0, 2)
    low, high = min(offset, 0), max(offset + len(query), len(target))
    axes[1].set(xlim=(low - 0.6, high - 0.4), xticks=[], xlabel=f"{_short(query.name)} and {target.name}, q = {q:.1e}")
    axes[0].tick_params(bottom=False)


def _rna_logo(ax: Axes, bits: np.ndarray, shift: int) -> None:
    plot.require_logos()
    import logomaker

    letters = pd.DataFrame(bits, index=[shift + i for i in range(len(bits))], columns=list(RNA))
    logomaker.Logo(letters, ax=ax, color_scheme=RNA)


def _expression(part: SubFigure, content: tuple[pd.DataFrame, str]) -> None:
    """TPM by tissue, most first: boxes, and points of replicates where there are few; the tissue is orange."""
    rows, tissue = content
    ax = part.subplots()
    order = rows.groupby("tissue")["tpm"].mean().sort_values(ascending=False).index.tolist()
    shown = order[:MOST_TISSUES] if tissue in order[:MOST_TISSUES] else [*order[: MOST_TISSUES - 1], tissue]
    values = [rows.loc[rows["tissue"] == name, "tpm"].to_numpy(float) for name in shown]
    boxes = ax.boxplot(values, patch_artist=True, widths=0.6, showfliers=False, medianprops={"color": plot.BLACK})
    for name, box, each, place in zip(shown, boxes["boxes"], values, range(1, len(shown) + 1), strict=True):
        box.set(facecolor=plot.ORANGE if name == tissue else "#DDDDDD", linewidth=0.6)
        ax.plot(np.full(len(each), place), each, ".", color=plot.BLACK, markersize=3)
    ax.set_xticks(range(1, len(shown) + 1), [_short(str(name), 16) for name in shown], rotation=40, ha="right")
    ax.set(ylabel="TPM", ylim=(0, None))


def _motif_map(part: SubFigure, content: tuple[pd.DataFrame, pd.DataFrame], small: bool = False) -> None:
    """Frequencies of the sets above, and below for each set a strip of its windows against the background.

    Gray is p below 0.05, darker the smaller; orange ticks are windows below 0.05 times their number.
    """
    frequencies, tested = content
    sets, size = list(dict.fromkeys(tested["set"])), 6.5 if small else 7
    axes = part.subplots(2, 2, sharex="col", sharey="row", height_ratios=(3, 0.35 * len(sets) + 0.3))
    for column, side in enumerate(SIDES):
        top, strips = axes[0, column], axes[1, column]
        for name, rows in frequencies[frequencies["side"] == side].groupby("set", sort=False):
            top.plot(rows["position"], 100 * rows["smoothed"], color=SET_COLORS[str(name)], linewidth=1.2, label=name)
        _site(top)
        shades = _strips(strips, tested[tested["side"] == side], sets)
        strips.set_yticks(range(len(sets)), sets, fontsize=size)
        strips.set_xlabel(f"nt from the {SITE_NAMES[side]}" if not small else f"nt from {_short_site(side)}")
        if not small:
            top.set_title(SITE_NAMES[side], fontsize=9)
    axes[0, 0].set_ylabel("% of exons")
    axes[0, 0].set_ylim(0, (1.6 if small else 1.3) * axes[0, 0].get_ylim()[1])
    axes[0, 1].legend(fontsize=size, loc="upper right", ncols=1 if small else 2)
    if not small:
        part.colorbar(shades, ax=axes[1, :].tolist(), label="$-\\log_{10}$ p", aspect=5, extend="max")


def _strips(ax: Axes, tested: pd.DataFrame, sets: list[str]) -> Any:
    """An image of -log10 p, a row a set, from p = 0.05 on; ticks where it is below 0.05 after correction."""
    rows = [tested[tested["set"] == name] for name in sets]
    image = np.stack([-np.log10(each["p_value"].clip(lower=1e-300)) for each in rows])
    extent = (tested["position"].min() + 9.5, tested["position"].max() + 10.5, len(sets) - 0.5, -0.5)
    for i, each in enumerate(rows):
        at = each.loc[each["p_adjusted"] < 0.05, "position"] + 10
        ax.plot(at, np.full(len(at), i + 0.38), "|", color=plot.ORANGE, markersize=3)
    return ax.imshow(
        image, aspect="auto", cmap="Greys", vmin=-np.log10(0.05), vmax=STRIP_LIMIT, extent=extent,
        interpolation="nearest",
    )  # fmt: skip


def _short_site(side: str) -> str:
    return SITE_NAMES[side].replace("splice ", "")


def _site(ax: Axes) -> None:
    ax.axvline(0, color=plot.BLACK, linewidth=0.6, linestyle=":")


def _fractions(part: SubFigure, table: pd.DataFrame) -> None:
    """The part of each set with a site in each place; * where p is below 0.05, ** below 0.001 (unadjusted)."""
    ax = part.subplots()
    places, sets = [*PLACES, ANY], list(dict.fromkeys(table["set"]))
    width = 0.8 / len(sets)
    for i, name in enumerate(sets):
        rows = table[table["set"] == name].set_index("what").loc[places]
        x = np.arange(len(places)) + (i - (len(sets) - 1) / 2) * width
        ax.bar(
            x, 100 * rows["fraction"], width, color=SET_COLORS[name], label=f"{name} ({rows['n'].iloc[0]})",
            hatch="////" if name in OF_KNOCKOUT else None, edgecolor="white", linewidth=0,
        )  # fmt: skip
        for at, share, p in zip(x, rows["fraction"], rows["p_value"], strict=True):
            mark = "" if not p < 0.05 else "**" if p < 0.001 else "*"
            ax.text(at, 100 * share, mark, ha="center", fontsize=7)
    ax.set_xticks(range(len(places)), places)
    ax.set(
        ylabel="% of exons with a site",
        ylim=(0, (1.45 if len(sets) < 5 else 1.75) * max(1.0, 100 * table["fraction"].max())),
    )
    ax.legend(fontsize=6.5, ncols=2, loc="upper left")


def _density(part: SubFigure, table: pd.DataFrame) -> None:
    axes = part.subplots(1, 2, sharey=True)
    for ax, side in zip(axes, SIDES, strict=True):
        for name, rows in table[table["side"] == side].groupby("set", sort=False):
            ax.plot(rows["position"], rows["smoothed"], color=SET_COLORS[str(name)], linewidth=1, label=name)
        _site(ax)
        ax.set_xlabel(f"nt from {_short_site(side)}")
    axes[0].set_ylabel("tags (or sites)\nper exon and nt")


def _venn(part: SubFigure, content: dict[str, Any]) -> None:
    require_library("matplotlib_venn", "a Venn diagram")
    from matplotlib_venn import venn2

    ax = part.subplots()
    tissue, regulated, both = (int(content[name]) for name in ("tissue", "regulated", "overlap"))
    drawn = venn2((tissue - both, regulated - both, both), ("", ""), (plot.ORANGE, plot.BLUE), alpha=0.5, ax=ax)
    for text in drawn.subset_labels or ():
        if text is not None:
            text.set_fontsize(8)
    handles = [
        Patch(facecolor=color, alpha=0.5, label=label)
        for color, label in ((plot.ORANGE, f"{content['name']} ({tissue})"), (plot.BLUE, f"regulated ({regulated})"))
    ]
    ax.legend(
        handles=handles, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, 0.0), title_fontsize=7.5,
        title=f"of {content['both']:,} in both: odds ratio {content['odds_ratio']:.2g}, p = {content['p_value']:.1e}",
    )  # fmt: skip


def _knockout_map(part: SubFigure, content: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _motif_map(part, content, small=True)


def _short(name: str, most: int = 28) -> str:
    """Text for a label: cut, and without what Matplotlib would read as mathematics."""
    name = name.replace("$", r"\$")
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
