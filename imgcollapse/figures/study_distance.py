"""Fréchet distances of the arms of a study over the generations, with the floor."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from imgcollapse.drawing.look import Look
from imgcollapse.figures.arms import (
    Lines,
    arm_handles,
    band_words,
    chains_of,
    draw_legend,
    draw_lines,
    legend_of,
    lines_of,
    required_lines,
    styles_of,
)
from imgcollapse.figures.metric_words import DISTANCE, FID
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.study_tables import StudyTables

SAME = 0.05
"""Floors nearer than this part of their mean are one line."""


def plot_distance(tables: StudyTables) -> Plot:
    """``fd_judge`` and, where it was measured, ``fid``; dashed: real images, scored alike."""
    fid = lines_of(tables, FID)
    panels = [required_lines(tables, DISTANCE), *([fid] if fid else [])]

    def width(look: Look) -> float:
        return look.venue.column if len(panels) == 1 else look.venue.page

    def fill(made: Figure, look: Look) -> None:
        styles = styles_of(tables, look)
        every = made.subplots(1, len(panels), squeeze=False)[0]
        for axes, lines in zip(every, panels, strict=True):
            draw_lines(axes, lines, styles, look)
            for height, colour in _floors(lines, {a: s.colour for a, s in styles.items()}, look):
                axes.axhline(height, color=colour, linestyle=(0, (5, 3)), linewidth=0.8, zorder=1)
            axes.set(xlabel="generation", ylabel=lines.metric.words)
        draw_legend(made, legend_of(tables.arms, look, width(look)), arm_handles(styles, look))

    return Plot(
        size=lambda look: (
            width(look),
            0.62 * look.venue.column + legend_of(tables.arms, look, width(look)).height,
        ),
        fill=fill,
        columns=("metric", "arm", "generation", "mean", "low", "high", "chains"),
        rows=[
            (lines.metric.name, one.arm, one.generation, one.mean, one.low, one.high, one.chains)
            for lines in panels
            for points in (
                {-1: lines.floor[arm], **points} if arm in lines.floor else points
                for arm, points in lines.arms.items()
            )
            for one in points.values()
        ],
        caption=(
            "Fréchet distance of the samples of each generation to the real images that the chains "
            f"began with{', on features of the judge and of Inception' if fid else ''}: mean over "
            f"{chains_of(panels)}; "
            f"{band_words(panels)}. Thin dashed: held-out real images scored alike (generation -1 "
            "in the table)."
        ),
    )


def _floors(lines: Lines, colours: dict[str, str], look: Look) -> list[tuple[float, str]]:
    """Heights and colours of the dashed lines: one where the arms' floors are the same."""
    heights = np.array([one.mean for one in lines.floor.values()])
    if not len(heights):
        return []
    if np.ptp(heights) <= SAME * heights.mean():
        return [(float(heights.mean()), look.theme.soft_ink)]
    return [(one.mean, colours[arm]) for arm, one in lines.floor.items()]
