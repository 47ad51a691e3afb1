"""Each class's share over the generations beside what chance alone would do to it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from imgcollapse.drawing.canvas import legend_size
from imgcollapse.drawing.labels import generations_axis, percents
from imgcollapse.drawing.letters import shown
from imgcollapse.drawing.look import Look, Theme
from imgcollapse.drawing.palette import on_paper
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import Score, percent

MOST_CLASSES = 10
COLUMNS = 5


def plot_against_chance(tables: RunTables) -> Plot:
    """Small multiples on a log axis: counted share with limits, chance's 95 % ribbon in grey.

    Of more than ten classes, the five most common and the five rarest that began.
    """
    began = tables.began
    if len(began) > MOST_CLASSES:
        began = [*began[: MOST_CLASSES // 2], *began[-MOST_CLASSES // 2 :]]
    n = tables.needed("reject")[tables.generations[0]].n
    is_chance = bool(tables.values("share_null", "initial", began[0]))
    columns = min(len(began), COLUMNS)
    num_rows = -(-len(began) // columns)

    def fill(made: Figure, look: Look) -> None:
        panels = made.subplots(num_rows, columns, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(panels.flat):
            if place >= len(began):
                axes.set_visible(False)
                continue
            name = began[place]
            _draw_class(axes, tables, name, look.theme)
            if place + columns >= len(began):
                axes.tick_params(labelbottom=True)
                generations_axis(axes, tables.generations)
        for axes in panels[:, 0]:
            axes.set_ylabel(f"share of {n:,} images")
        entries: list[Line2D | Patch] = [
            Line2D(
                [], [], color=look.theme.soft_ink, linestyle="--", linewidth=0.8,
                label="what it began with",
            )
        ]  # fmt: skip
        if is_chance:
            entries.append(
                Patch(color=look.theme.chance, label="95 % of chains under chance alone")
            )
        made.legend(handles=entries, loc="outside lower center", ncols=2 if _width(look) > 4 else 1)

    def _width(look: Look) -> float:
        return look.venue.page if columns > 2 else look.venue.column

    def size(look: Look) -> tuple[float, float]:
        row = 0.19 * look.venue.page + look.line
        return _width(look), (3.4 if _width(look) > 4 else 4.4) * look.line + row * num_rows

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "class", "generation", "began", "share", "low", "high", "chance_low", "chance_high",
            "n",
        ),
        rows=[
            (
                name, one.generation, tables.share_at_first(name), one.value, one.low, one.high,
                null.low if null else None, null.high if null else None, one.n,
            )
            for name in began
            for one, null in _beside_chance(tables, name)
        ],
        caption=(
            f"Share of each class as the judge counts it in {n:,} samples of each generation of "
            "one chain. Whiskers are 95 % limits of counting; dashed is the share that the class "
            "began with. "
            + ("The grey ribbon holds 95 % of the chains that only copy their pool. "
               if is_chance else "")
            + "Shares of no image are drawn at half an image."
        ),
        n={"chains": 1, "samples of each generation": n},
    )  # fmt: skip


def _beside_chance(tables: RunTables, name: str) -> list[tuple[Score, Score | None]]:
    chance = tables.values("share_null", "initial", name)
    seen = tables.needed("share_raw", class_=name)
    return [(seen[one], chance.get(one)) for one in tables.generations]


def _draw_class(axes: Axes, tables: RunTables, name: str, theme: Theme) -> None:
    colour = on_paper(tables.colours[name], theme.paper)
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
        numbers, values, reach, color=colour, marker="o", linewidth=1.4, elinewidth=0.8,
        markersize=3 if len(numbers) <= MOST_CLASSES else 1.5,
    )  # fmt: skip
    began = tables.share_at_first(name)
    axes.axhline(began, color=theme.soft_ink, linestyle="--", linewidth=0.8, zorder=0)
    percents(axes.yaxis)
    axes.set_ylim(least * 0.8, 1.1)
    axes.set_title(f"{shown(name, 16)}\n{percent(began)} at first", fontsize=legend_size())
