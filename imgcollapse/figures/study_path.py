"""The path of each arm through precision and recall."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ArmStyle
from imgcollapse.figures.arms import (
    INTERVAL,
    arm_handles,
    chains_words,
    draw_legend,
    legend_of,
    line_of,
    required_lines,
    styles_of,
)
from imgcollapse.figures.metric_words import PRECISION, RECALL, percent_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_tables import StudyTables, Summary

Path = dict[int, tuple[Summary, Summary]]
"""Recall and precision by generation."""
REAL = "real images, scored alike"
BEGINS = "ring: generation 0"


def plot_path(tables: StudyTables) -> Plot:
    """Precision over recall: from the ring, generation 0, to the last generation."""
    up, across = (required_lines(tables, metric) for metric in (PRECISION, RECALL))
    paths = {
        arm: {g: (one, up.arms[arm][g]) for g, one in points.items() if g in up.arms[arm]}
        for arm, points in across.arms.items()
        if arm in up.arms
    }
    paths = {arm: path for arm, path in paths.items() if path}
    if not paths:
        raise NotDrawnError("no arm has both precision and recall of one generation")
    floor = [(one, up.floor[arm]) for arm, one in across.floor.items() if arm in up.floor][:1]
    names = [*paths, BEGINS, *([REAL] if floor else [])]

    def fill(made: Figure, look: Look) -> None:
        styles = {arm: one for arm, one in styles_of(tables, look).items() if arm in paths}
        axes = made.subplots()
        for arm, path in paths.items():
            _draw_path(axes, path, styles[arm], look)
        handles = [*arm_handles(styles, look), Line2D([], [], **_ring(look), linestyle="none")]
        for recall, precision in floor:
            axes.plot(recall.mean, precision.mean, **_star(look), linestyle="none")
            handles.append(Line2D([], [], **_star(look), linestyle="none"))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: percent_of(value)))
        axes.set(xlabel="recall", ylabel="precision")
        axes.margins(0.06)
        axes.grid()
        draw_legend(made, legend_of(names, look, look.venue.column), handles)

    return Plot(
        size=lambda look: (
            look.venue.column,
            0.85 * look.venue.column + legend_of(names, look, look.venue.column).height,
        ),
        fill=fill,
        columns=(
            "arm", "generation", "recall", "recall_low", "recall_high", "precision",
            "precision_low", "precision_high", "chains",
        ),
        rows=[
            (
                arm, g, recall.mean, recall.low, recall.high, precision.mean, precision.low,
                precision.high, recall.chains,
            )
            for arm, path in [*paths.items(), *((REAL, {-1: pair}) for pair in floor)]
            for g, (recall, precision) in path.items()
        ],
        caption=(
            "Precision (how many samples are like real images) over recall (how many real "
            "images are like samples) over the generations, ring: generation 0. Means over "
            f"{chains_words(one.chains for path in paths.values() for one, _ in path.values())}; "
            f"crosses in the last generation are {INTERVAL}."
            + (" Star: held-out real images scored alike." if floor else "")
        ),
    )  # fmt: skip


def _ring(look: Look) -> dict[str, Any]:
    return {
        "marker": "o", "markersize": 0.85 * look.venue.size, "markerfacecolor": "none",
        "markeredgecolor": look.theme.soft_ink, "markeredgewidth": 0.8,
    }  # fmt: skip


def _star(look: Look) -> dict[str, Any]:
    return {
        "marker": "*", "markersize": 0.9 * look.venue.size, "color": look.theme.soft_ink,
        "markeredgewidth": 0,
    }  # fmt: skip


def _draw_path(axes: Axes, path: Path, style: ArmStyle, look: Look) -> None:
    pairs = list(path.values())
    axes.plot([r.mean for r, _ in pairs], [p.mean for _, p in pairs], **line_of(style, look))
    if 0 in path:
        axes.plot(path[0][0].mean, path[0][1].mean, **_ring(look), linestyle="none")
    recall, precision = pairs[-1]
    ends = (recall.low, recall.high, precision.low, precision.high)
    if None not in ends:
        left, right, low, high = (float(end or 0) for end in ends)
        axes.hlines(precision.mean, left, right, color=style.colour, linewidth=0.8)
        axes.vlines(recall.mean, low, high, color=style.colour, linewidth=0.8)
