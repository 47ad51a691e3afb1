"""How long the classes of each arm live, by the images they began with, and by chance alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ramp
from imgcollapse.figures.panels import columns_of, grid_of, rows_height, titles, width_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_tables import StudyTables, Survival
from imgcollapse.metrics.drift import asymptotic_extinction, branching_extinction

MOST_COUNTS = 4
PLAIN = 0.02
"""How far a finite pool may be from branching lines."""
SURE = 0.999
"""Above it, nothing of a class's survival is to be seen."""
Curve = list[Survival]


def plot_survival(tables: StudyTables) -> Plot:
    """Kaplan-Meier steps of up to four initial counts, chance alone dashed, its limit dotted."""
    arms = {arm: curves for arm in tables.arms if (curves := _curves(tables.survival, arm))}
    if not arms:
        raise NotDrawnError("survival.csv has no class whose loss could be seen")
    common, counts = _chosen(list(arms.values()))
    if not counts:
        raise NotDrawnError(
            f"no initial count has classes whose loss could be seen in every arm: {', '.join(arms)}"
        )
    arms = {arm: {count: curves[count] for count in counts} for arm, curves in arms.items()}
    below = 1 + len(counts)

    def fill(made: Figure, look: Look) -> None:
        colours = dict(zip(counts, ramp(len(counts), look.theme.is_dark), strict=True))
        heads = titles(list(arms), look, columns_of(len(arms), look))
        panels = grid_of(made, len(arms), look, "generation", share_y=True)
        for place, (axes, (curves, head)) in enumerate(
            zip(panels, zip(arms.values(), heads, strict=True), strict=True)
        ):
            _draw_arm(axes, curves, colours, look)
            axes.set_title(head)
            is_first = place % columns_of(len(arms), look) == 0
            _write_at_risk(axes, curves, colours, look, is_first)
            if is_first:
                axes.set_ylabel("classes alive")
        panels[0].set_ylim(-0.03, 1.03)
        panels[0].yaxis.set_major_formatter(FuncFormatter(lambda part, _: f"{100 * part:.0f} %"))
        _draw_legend(made, colours, look)

    def size(look: Look) -> tuple[float, float]:
        heads = titles(list(arms), look, columns_of(len(arms), look))
        rows = -(-len(arms) // columns_of(len(arms), look))
        return width_of(len(arms), look), (
            rows_height(len(arms), look, heads, 0.62)
            + (below + 1.2) * look.line * rows
            + (_legend_rows(counts, look, width_of(len(arms), look)) + 1) * look.line
        )

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "arm", "count", "generation", "at_risk", "lost", "alive", "expected", "asymptote",
        ),
        rows=[
            (
                arm, count, one.generation, one.at_risk, one.lost, one.alive, one.expected,
                limit,
            )
            for arm, curves in arms.items()
            for count, curve in curves.items()
            for one, limit in zip(curve, _asymptote(curve), strict=True)
        ],
        caption=(
            "Part of the classes that are still alive after each generation, by the images that "
            "they began with: Kaplan-Meier estimates over the classes of all chains (steps; a bar "
            "where a class goes out of sight alive before the last generation), what chance alone "
            "would leave (dashed), and where that is copying of the last pool, its limit for many "
            "steps k, 1 - exp(-2c/k) (dotted). A class is lost when the upper limit of its share "
            "is below a tenth of what it began with or, where every arm copies images, with its "
            "last image, as by chance. Below: classes at risk in each generation; classes "
            "so rare that their loss could not be seen in the images scored are not."
            f"{_choice_words(tables.survival, common, counts)}"
            f"{_left_out(tables, arms)}"
        ),
    )  # fmt: skip


def _curves(rows: Sequence[Survival], arm: str) -> dict[int, Curve]:
    """By initial count; those with classes whose loss can be seen."""
    curves: dict[int, Curve] = {}
    for one in rows:
        if one.arm == arm:
            curves.setdefault(one.count, []).append(one)
    return {count: curve for count, curve in sorted(curves.items()) if curve[0].at_risk}


def _chosen(arms: Sequence[dict[int, Curve]]) -> tuple[list[int], list[int]]:
    """The counts that every arm has, and up to four of them, evenly spaced.

    Those of which something is lost in an arm, or could be by chance, come before all others.
    """
    common = [count for count in arms[0] if all(count in curves for curves in arms)]
    at_stake = [
        count
        for count in common
        for ends in [[curves[count][-1] for curves in arms]]
        if any(min(_known(one.alive), _known(one.expected)) < SURE for one in ends)
    ]
    held = at_stake or common
    places = np.linspace(0, len(held) - 1, min(MOST_COUNTS, len(held))).round().astype(int)
    return common, [held[place] for place in dict.fromkeys(places.tolist())]


def _known(part: float | None) -> float:
    return 1.0 if part is None else part


def _asymptote(curve: Curve) -> list[float | None]:
    """1 - exp(-2c/k), k = g + 1, where chance alone is copying of the last pool; else None.

    It is where the exact curve is that of branching lines, but for their finite pool.
    """
    counts, num = np.array([curve[0].count]), curve[-1].generation + 1
    lines = 1 - branching_extinction(counts, num)[0]
    limit = 1 - asymptotic_extinction(counts, num)[0]
    is_plain = all(
        one.expected is not None and abs(one.expected - lines[one.generation]) < PLAIN
        for one in curve
    )
    return [float(limit[one.generation]) if is_plain else None for one in curve]


def _choice_words(rows: Sequence[Survival], common: Sequence[int], counts: Sequence[int]) -> str:
    """How the counts that are drawn were chosen."""
    every = {one.count for one in rows}
    if len(every) == len(counts):
        return ""
    words = f" Of {len(every)} different counts, {len(common)} are at risk in every arm"
    if len(counts) == len(common):
        return f"{words}, and drawn."
    return (
        f"{words}; drawn are {len(counts)} of these, evenly spaced among those that lose classes "
        "in an arm or by chance, if any do."
    )


def _left_out(tables: StudyTables, drawn: Iterable[str]) -> str:
    """Arms of which there is nothing to draw."""
    others = [arm for arm in tables.arms if arm not in set(drawn)]
    return f" Without such classes, and not drawn: {', '.join(others)}." if others else ""


def _draw_arm(axes: Axes, curves: dict[int, Curve], colours: dict[int, str], look: Look) -> None:
    for count, curve in curves.items():
        colour, numbers = colours[count], [one.generation for one in curve]
        limit = [height for height in _asymptote(curve) if height is not None]
        if limit:
            axes.plot(numbers, limit, color=colour, linestyle=":", linewidth=0.8)
        expected = [(one.generation, one.expected) for one in curve if one.expected is not None]
        if expected:
            axes.plot(
                *zip(*expected, strict=True), color=colour, linestyle=(0, (4, 2)), linewidth=0.9
            )
        alive = [one for one in curve if one.alive is not None]
        if not alive:
            continue
        heights = [1.0, *(float(one.alive or 0) for one in alive)]
        steps = [-0.5, *(one.generation for one in alive)]
        axes.step(
            [*steps, numbers[-1] + 0.5],
            [*heights, heights[-1]],
            where="post",
            color=colour,
            linewidth=1.5,
        )
        for one, later in pairwise(alive):
            if one.at_risk - one.lost > later.at_risk:
                axes.plot(
                    one.generation + 0.5, one.alive or 0, color=colour, marker="|",
                    markersize=0.8 * look.venue.size, markeredgewidth=1,
                )  # fmt: skip
    last = max(curve[-1].generation for curve in curves.values())
    axes.set_xlim(-0.6, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    axes.grid(axis="y")


def _write_at_risk(
    axes: Axes, curves: dict[int, Curve], colours: dict[int, str], look: Look, is_first: bool
) -> None:
    """Numbers at risk below the axis, in the colours of the curves."""
    last = max(curve[-1].generation for curve in curves.values())
    every = max(1, math.ceil(last / 4))
    small = look.venue.size - 1
    step = look.line * 0.92 * 72
    first = -3.1 * look.line * 72
    if is_first:
        axes.annotate(
            "at risk", (0, 0), (-2, first), xycoords="axes fraction",
            textcoords="offset points", ha="right", va="center", fontsize=small,
            color=look.theme.soft_ink,
        )  # fmt: skip
    for row, (count, colour) in enumerate(colours.items()):
        for one in curves.get(count, []):
            if one.generation % every == 0:
                axes.annotate(
                    str(one.at_risk), (one.generation, 0), (0, first - row * step),
                    xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="center",
                    va="center", fontsize=small, color=colour,
                )  # fmt: skip


def _legend_rows(counts: Sequence[int], look: Look, wide: float) -> int:
    return -(-(len(counts) + 2) // _legend_columns(look, wide))


def _legend_columns(look: Look, wide: float) -> int:
    return max(1, int(wide / (look.venue.size * 14.5 / 72)))


def _draw_legend(made: Figure, colours: dict[int, str], look: Look) -> None:
    lines = [
        Line2D(
            [],
            [],
            color=colour,
            linewidth=1.5,
            label=f"{count:,} image{'s'[: count != 1]} at first",
        )
        for count, colour in colours.items()
    ]
    ink = look.theme.soft_ink
    lines.append(
        Line2D([], [], color=ink, linestyle=(0, (4, 2)), linewidth=0.9, label="chance alone")
    )
    lines.append(
        Line2D([], [], color=ink, linestyle=":", linewidth=0.8, label="1 − exp(−2c/k), its limit")
    )
    columns = _legend_columns(look, made.get_figwidth())
    made.legend(
        handles=lines, loc="outside lower center", ncols=columns, handlelength=2,
        columnspacing=1.2, borderaxespad=0.2, borderpad=0.2, labelspacing=0.35,
    )  # fmt: skip
