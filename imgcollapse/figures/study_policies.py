"""The arms of a study compared over the generations, metric by metric."""

from __future__ import annotations

from matplotlib.figure import Figure

from imgcollapse.drawing.look import Look
from imgcollapse.figures.arms import (
    arm_handles,
    band_words,
    chains_of,
    draw_legend,
    draw_lines,
    legend_of,
    lines_of,
    styles_of,
)
from imgcollapse.figures.metric_words import USUAL
from imgcollapse.figures.panels import columns_of, grid_of, rows_height, titles
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_tables import StudyTables


def plot_policies(tables: StudyTables) -> Plot:
    """Small multiples: means over chains with bands, one colour for each arm."""
    panels = [lines for metric in USUAL if (lines := lines_of(tables, metric))]
    if not panels:
        raise NotDrawnError(f"no arm has any of {', '.join(one.name for one in USUAL)}")
    words = [lines.metric.words for lines in panels]

    def fill(made: Figure, look: Look) -> None:
        styles = styles_of(tables, look)
        heads = titles(words, look, columns_of(len(panels), look))
        every = grid_of(made, len(panels), look, "generation")
        for axes, lines, head in zip(every, panels, heads, strict=True):
            draw_lines(axes, lines, styles, look)
            axes.set_title(head)
        draw_legend(made, legend_of(tables.arms, look, look.venue.page), arm_handles(styles, look))

    def size(look: Look) -> tuple[float, float]:
        heads = titles(words, look, columns_of(len(panels), look))
        legend = legend_of(tables.arms, look, look.venue.page)
        return look.venue.page, rows_height(len(panels), look, heads) + legend.height + look.line

    return Plot(
        size=size,
        fill=fill,
        columns=("metric", "arm", "generation", "mean", "low", "high", "chains"),
        rows=[
            (lines.metric.name, one.arm, one.generation, one.mean, one.low, one.high, one.chains)
            for lines in panels
            for points in lines.arms.values()
            for one in points.values()
        ],
        caption=(
            "The arms of a study over the generations: means over "
            f"{chains_of(panels)}; "
            f"{band_words(panels)}. Tail share: corrected share of the rarer half of the classes "
            "that the chain began with."
        ),
    )
