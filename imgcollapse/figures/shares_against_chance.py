"""Each class's share over the generations beside what chance alone would do to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from imgcollapse.drawing.bars import ordered_colours
from imgcollapse.drawing.canvas import SOFT_INK, figure, png
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import percent, select

MOST_CLASSES = 10
COLUMNS = 5
CHANCE_COLOUR = "#c8c8c8"


def draw_against_chance(tables: RunTables) -> bytes:
    """Small multiples on a log axis: counted share with limits, chance's 95 % ribbon in grey; PNG.

    Of more than ten classes, the five most common and the five rarest that began.
    """
    began = [label for label in tables.order if tables.initial_counts[label]]
    if len(began) > MOST_CLASSES:
        began = [*began[: MOST_CLASSES // 2], *began[-MOST_CLASSES // 2 :]]
    colours = dict(zip(tables.order, ordered_colours(tables.order), strict=True))
    rows = -(-len(began) // COLUMNS)
    with figure(9.0, 0.6 + 1.7 * rows) as made:
        panels = made.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        for axes, label in zip(panels.flat, began, strict=False):
            _draw_class(axes, tables, tables.classes[label], colours[label])
        for axes in panels.flat[len(began) :]:
            axes.set_visible(False)
        n = tables.values("reject")[tables.generations[0]].n
        made.suptitle(
            f"share of {n:,} images (log); grey: 95 % of chains under chance alone; "
            "dashed: what it began with",
            fontsize=9, ha="left", x=0.01,
        )  # fmt: skip
        made.supxlabel("generation", fontsize=9)
        return png(made)


def _draw_class(axes: Axes, tables: RunTables, name: str, colour: str) -> None:
    seen = [one for one in select(tables.scores, "share_raw", class_=name) if one.generation >= 0]
    chance = select(tables.scores, "share_null", class_=name)
    least = 0.5 / seen[0].n
    numbers = [score.generation for score in seen]
    if chance:
        low, high = (
            np.maximum([getattr(score, limit) for score in chance], least)
            for limit in ("low", "high")
        )
        axes.fill_between(numbers, low, high, color=CHANCE_COLOUR, linewidth=0, step=None)
    values = np.maximum([score.value for score in seen], least)
    limits = np.array([[score.low or 0, score.high or 0] for score in seen]).T
    reach = np.abs(np.maximum(limits, least) - values)
    axes.errorbar(
        numbers, values, reach, color=colour, marker="o", markersize=3, linewidth=1.4,
        elinewidth=0.8,
    )  # fmt: skip
    began = tables.initial_counts[tables.classes.index(name)] / tables.initial_counts.sum()
    axes.axhline(began, color=SOFT_INK, linestyle="--", linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(least * 0.8, 1.1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(f"{name}\n{percent(float(began))} at first", fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
