"""Each class's share over the generations beside what chance alone would do to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from imgcollapse.drawing.bars import ordered_colours
from imgcollapse.drawing.look import Look, Theme
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import Score, percent, select

MOST_CLASSES = 10
COLUMNS = 5


def plot_against_chance(tables: RunTables) -> Plot:
    """Small multiples on a log axis: counted share with limits, chance's 95 % ribbon in grey.

    Of more than ten classes, the five most common and the five rarest that began.
    """
    began = [label for label in tables.order if tables.initial_counts[label]]
    if len(began) > MOST_CLASSES:
        began = [*began[: MOST_CLASSES // 2], *began[-MOST_CLASSES // 2 :]]
    colours = dict(zip(tables.order, ordered_colours(tables.order), strict=True))
    n = tables.values("reject")[tables.generations[0]].n

    def fill(made: Figure, look: Look) -> None:
        panels = made.subplots(
            -(-len(began) // COLUMNS), COLUMNS, sharex=True, sharey=True, squeeze=False
        )
        for axes, label in zip(panels.flat, began, strict=False):
            _draw_class(axes, tables, tables.classes[label], colours[label], look.theme)
        for axes in panels.flat[len(began) :]:
            axes.set_visible(False)
        made.suptitle(
            f"share of {n:,} images (log); grey: 95 % of chains under chance alone; "
            "dashed: what it began with",
            fontsize="medium", ha="left", x=0.01,
        )  # fmt: skip
        made.supxlabel("generation", fontsize="medium")

    def size(look: Look) -> tuple[float, float]:
        width = look.venue.page
        rows = -(-len(began) // COLUMNS)
        return width, 3 * look.line + (0.19 * width + look.line) * rows

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "class", "generation", "began", "share", "low", "high", "chance_low", "chance_high",
            "n",
        ),
        rows=[
            (
                name, one.generation, _began(tables, name), one.value, one.low, one.high,
                null.low if null else None, null.high if null else None, one.n,
            )
            for name in (tables.classes[label] for label in began)
            for one, null in _beside_chance(tables, name)
        ],
        caption=(
            f"Share of each class as the judge counts it in {n:,} samples of each generation of "
            "one chain. Whiskers are 95 % limits of counting; the grey ribbon holds 95 % of the "
            "chains that only copy their pool; dashed is the share that the class began with. "
            "Shares of no image are drawn at half an image."
        ),
    )  # fmt: skip


def _began(tables: RunTables, name: str) -> float:
    return float(tables.initial_counts[tables.classes.index(name)] / tables.initial_counts.sum())


def _beside_chance(tables: RunTables, name: str) -> list[tuple[Score, Score | None]]:
    chance = {one.generation: one for one in select(tables.scores, "share_null", class_=name)}
    seen = [one for one in select(tables.scores, "share_raw", class_=name) if one.generation >= 0]
    return [(one, chance.get(one.generation)) for one in seen]


def _draw_class(axes: Axes, tables: RunTables, name: str, colour: str, theme: Theme) -> None:
    both = _beside_chance(tables, name)
    seen, chance = [one for one, _ in both], [null for _, null in both if null is not None]
    least = 0.5 / seen[0].n
    numbers = [score.generation for score in seen]
    if chance:
        low, high = (
            np.maximum([getattr(score, limit) for score in chance], least)
            for limit in ("low", "high")
        )
        axes.fill_between(numbers, low, high, color=theme.chance, linewidth=0, step=None)
    values = np.maximum([score.value for score in seen], least)
    limits = np.array([[score.low or 0, score.high or 0] for score in seen]).T
    reach = np.abs(np.maximum(limits, least) - values)
    axes.errorbar(
        numbers, values, reach, color=colour, marker="o", markersize=3, linewidth=1.4,
        elinewidth=0.8,
    )  # fmt: skip
    began = _began(tables, name)
    axes.axhline(began, color=theme.soft_ink, linestyle="--", linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(least * 0.8, 1.1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(f"{name}\n{percent(began)} at first", fontsize="small")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
