"""How long the classes of each arm live, by the images they began with, and by chance alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        raise NotDrawnError("survival.csv has no class whose loss could be seen, and no chance")
    counts = _chosen(list(arms.values()))
    arms = {arm: {c: curves[c] for c in counts if c in curves} for arm, curves in arms.items()}
    arms = {arm: curves for arm, curves in arms.items() if curves}
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
            "steps k, 1 - exp(-2c/k) (dotted). Below: classes at risk in each generation; classes "
            "so rare that their loss could not be seen in the images scored are not."
            f"{_left_out(tables.survival, counts)}"
        ),
    )  # fmt: skip


def _curves(rows: Sequence[Survival], arm: str) -> dict[int, Curve]:
    """By initial count; those of which nothing is known are left out."""
    curves: dict[int, Curve] = {}
    for one in rows:
        if one.arm == arm:
            curves.setdefault(one.count, []).append(one)
    return {
        count: curve
        for count, curve in sorted(curves.items())
        if any(one.alive is not None or one.expected is not None for one in curve)
    }


def _chosen(arms: Sequence[dict[int, Curve]]) -> list[int]:
    """Up to four counts, evenly among those of which something is lost or could be.

    Counts of which no loss can be seen are drawn only where there are no others.
    """
    every = sorted({count for curves in arms for count in curves})
    seen = [n for n in every if any(curves[n][0].at_risk for curves in arms if n in curves)]
    counts = seen or every
    at_stake = [
        count
        for count in counts
        for ends in [[c[count][-1] for c in arms if count in c]]
        if any(min(_known(one.alive), _known(one.expected)) < SURE for one in ends)
    ]
    held = at_stake or counts
    places = np.linspace(0, len(held) - 1, min(MOST_COUNTS, len(held))).round().astype(int)
    return [held[place] for place in dict.fromkeys(places.tolist())]


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


def _left_out(rows: Sequence[Survival], counts: Sequence[int]) -> str:
    every = {one.count for one in rows}
    others = len(every - set(counts))
    if not others:
        return ""
    return f" Of {len(every)} different counts, {len(counts)} are drawn."


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
