"""Scores of the last generation over one swept knob."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ArmStyle, arm_styles
from imgcollapse.figures.arm_words import knob_words
from imgcollapse.figures.arms import (
    INTERVAL,
    WIDE_RANGE,
    chains_words,
    draw_legend,
    legend_of,
    line_of,
    log_axis,
)
from imgcollapse.figures.metric_words import DISTANCE, RECALL, REJECT, TAIL, Metric
from imgcollapse.figures.panels import columns_of, grid_of, rows_height, titles
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_knobs import at_generation, last_generation, number, sweep_of
from imgcollapse.figures.study_tables import StudyTables, Summary

METRICS = (TAIL, DISTANCE, RECALL, REJECT)
CROWDED = 0.12
"""Values nearer to each other than this part of their range are drawn on a log axis."""
Curves = dict[str, dict[str, Summary]]
"""By the arm's name without the knob, and then by the knob's value."""


def plot_knob(tables: StudyTables) -> Plot:
    """Means with whiskers over chains against the knob, one line for each arm that is swept."""
    sweep = sweep_of(tables, 1)
    panels: dict[Metric, Curves] = {}
    generation = 0
    for metric in METRICS:
        try:
            generation = last_generation(tables, tables.arms, metric)
        except NotDrawnError:
            continue
        curves = {
            base: {
                at[0]: one for at, one in at_generation(tables, arms, metric, generation).items()
            }
            for base, arms in sweep.bases.items()
        }
        panels[metric] = {base: curve for base, curve in curves.items() if curve}
    if not panels:
        raise NotDrawnError(f"no arm has any of {', '.join(one.name for one in METRICS)}")
    values, bases, key = sweep.values(0), list(sweep.bases), sweep.keys[0]
    words = [metric.words for metric in panels]
    every = [one for c in panels.values() for held in c.values() for one in held.values()]

    def legend_height(look: Look) -> float:
        return legend_of(bases, look, look.venue.page).height if len(bases) > 1 else 0.0

    def fill(made: Figure, look: Look) -> None:
        styles = dict(zip(bases, arm_styles(len(bases) - 1, look.theme.ink), strict=True))
        heads = titles(words, look, columns_of(len(panels), look))
        grid = grid_of(made, len(panels), look, knob_words(key))
        for axes, (metric, curves), head in zip(grid, panels.items(), heads, strict=True):
            _draw_panel(axes, metric, curves, values, styles, look)
            axes.set_title(head)
        if len(bases) > 1:
            handles = [Line2D([], [], **line_of(one, look)) for one in styles.values()]
            draw_legend(made, legend_of(bases, look, look.venue.page), handles)

    def size(look: Look) -> tuple[float, float]:
        heads = titles(words, look, columns_of(len(panels), look))
        return look.venue.page, (
            rows_height(len(panels), look, heads) + legend_height(look) + 1.5 * look.line
        )

    return Plot(
        size=size,
        fill=fill,
        columns=("metric", "arm", key, "generation", "mean", "low", "high", "chains"),
        rows=[
            (metric.name, base, at, one.generation, one.mean, one.low, one.high, one.chains)
            for metric, curves in panels.items()
            for base, curve in curves.items()
            for at, one in curve.items()
        ],
        caption=(
            f"Scores of generation {generation} over {knob_words(key)}: means over "
            f"{chains_words(one.chains for one in every)}; whiskers are {INTERVAL}."
        ),
    )


def _draw_panel(
    axes: Axes,
    metric: Metric,
    curves: Curves,
    values: list[str],
    styles: dict[str, ArmStyle],
    look: Look,
) -> None:
    numbers = [number(one) for one in values]
    places = (
        {at: float(one or 0) for at, one in zip(values, numbers, strict=True)}
        if None not in numbers
        else {at: float(place) for place, at in enumerate(values)}
    )
    for base, curve in curves.items():
        at = [one for one in values if one in curve]
        points = [curve[one] for one in at]
        axes.plot(
            [places[one] for one in at], [one.mean for one in points], **line_of(styles[base], look)
        )
        for where, one in zip(at, points, strict=True):
            if one.low is not None and one.high is not None:
                axes.vlines(
                    places[where], one.low, one.high, color=styles[base].colour, linewidth=0.9
                )
    rising = sorted(places.values())
    gap = min((after - before for before, after in pairwise(rising)), default=rising[-1])
    if rising[0] > 0 and gap < CROWDED * (rising[-1] - rising[0]):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(places.values()), list(places))
    axes.margins(x=0.08)
    means = [one.mean for curve in curves.values() for one in curve.values()]
    if not metric.is_share and min(means) > 0 and max(means) > WIDE_RANGE * min(means):
        log_axis(axes, metric.shown)
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: metric.shown(value)))
    axes.grid(axis="y")
