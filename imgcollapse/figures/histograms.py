"""Class frequencies of some generations beside what they began with and what chance would do."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from imgcollapse.drawing.bars import ClassShares, colour_bars
from imgcollapse.drawing.canvas import paper
from imgcollapse.drawing.labels import legend_columns, percents
from imgcollapse.drawing.letters import LONGEST, shown
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import REJECT_COLOUR, REJECT_HATCH, REJECT_NAME
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.strip import chosen_generations
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import Score

MOST = 6
COLUMNS = 3
MANY = 12
"""Of more classes two panels stand beside each other, not three."""
GAP = 0.8
"""Between the classes and the rejects, in bars."""


def plot_histograms(tables: RunTables) -> Plot:
    """Small multiples of up to six generations on a log axis, the rejects apart."""
    generations = chosen_generations(tables.generations, MOST)
    sets = [tables.shares(generation) for generation in generations]
    chance = {name: tables.values("share_null", "initial", name) for name in tables.classes}
    is_chance = any(chance.values())
    at_first = [tables.share_at_first(name) for name in sets[0].names]
    n = sets[0].n
    is_short = max(map(len, tables.classes)) <= 2
    columns = 2 if len(generations) == 4 or len(at_first) > MANY else COLUMNS
    columns = min(len(generations), columns)
    num_rows = -(-len(generations) // columns)

    def letter(look: Look) -> float:
        return (look.venue.size - 1) / 72

    def is_room(look: Look) -> bool:
        """Whether names fit below the bars."""
        bar = (look.venue.page / columns - 0.45) / (len(at_first) + 1 + GAP)
        return bar > 1.05 * letter(look)

    def size(look: Look) -> tuple[float, float]:
        longest = max(min(len(name), LONGEST) for name in (*tables.classes, "rejected"))
        below = 0.62 * letter(look) * longest if is_room(look) and not is_short else look.line
        height = num_rows * (0.21 * look.venue.page + 1.2 * look.line) + below
        return look.venue.page, height + 2.4 * look.line

    def fill(made: Figure, look: Look) -> None:
        panels = made.subplots(num_rows, columns, sharey=True, squeeze=False)
        for place, axes in enumerate(panels.flat):
            if place >= len(generations):
                axes.set_visible(False)
                continue
            generation, now = generations[place], sets[place]
            ribbons = [chance[name].get(generation) for name in now.names]
            _draw(axes, now, at_first, ribbons, look)
            axes.set_title(f"generation {generation}")
            lowest = place // columns == num_rows - 1
            names = [shown(name) for name in now.names]
            if lowest and is_room(look) and is_short:
                axes.set_xticks(_places(len(at_first))[:-1], names)
            elif lowest and is_room(look):
                axes.set_xticks(_places(len(at_first)), [*names, "rejected"], rotation=90)
            else:
                axes.set_xticks([])
                if lowest:
                    axes.set_xlabel(f"{len(at_first)} classes, common first")
        for axes in panels[:, 0]:
            axes.set_ylabel(f"share of {n:,} images")
        entries: list[Line2D | Patch] = [
            Line2D([], [], color=look.theme.ink, linewidth=1, label="what it began with")
        ]
        if is_chance:
            entries.append(
                Patch(color=look.theme.chance, label="95 % of chains under chance alone")
            )
        entries.append(
            Patch(facecolor=REJECT_COLOUR, edgecolor=paper(), hatch=REJECT_HATCH, label=REJECT_NAME)
        )
        labels = [str(entry.get_label()) for entry in entries]
        made.legend(
            handles=entries,
            loc="outside lower center",
            ncols=legend_columns(labels, look.venue.page, look),
        )

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "generation", "class", "share", "low", "high", "began", "chance_low", "chance_high",
            "n",
        ),
        rows=[
            (
                generation, name, share, low, high, began,
                null.low if null else None, null.high if null else None, now.n,
            )
            for generation, now in zip(generations, sets, strict=True)
            for name, share, low, high, began, null in [
                *(
                    (*one, chance[one[0]].get(generation))
                    for one in zip(now.names, now.shares, now.low, now.high, at_first, strict=True)
                ),
                (REJECT_NAME, now.reject, None, None, None, None),
            ]
        ],
        caption=(
            f"Class frequencies of {n:,} samples of {len(generations)} generations of one chain "
            "as the judge counts them, common classes first, and what it takes for no class, "
            "hatched. Whiskers are 95 % limits of counting; lines are the shares that the chain "
            "began with"
            + ("; grey holds 95 % of the chains that only copy their pool." if is_chance else ".")
            + " No bar: no image."
        ),
        n={"chains": 1, "samples of each generation": n},
    )  # fmt: skip


def _places(num: int) -> list[float]:
    return [*map(float, range(num)), num + GAP]


def _draw(
    axes: Axes,
    now: ClassShares,
    at_first: list[float],
    chance: list[Score | None],
    look: Look,
) -> None:
    places, theme = _places(len(now.names)), look.theme
    least = 0.5 / now.n
    heights = [*now.shares, now.reject]
    for place, null in zip(places, chance, strict=False):
        if null is not None and null.low is not None and null.high is not None:
            low, high = max(null.low, least), max(null.high, least)
            axes.bar(place, high - low, 1.0, bottom=low, color=theme.chance, linewidth=0)
    colour_bars(axes.bar(places, heights, 0.62), now.colours)
    ends = np.clip([now.low, now.high], least, 1)
    many = len(now.names) > MANY
    axes.vlines(places[:-1], *ends, color=theme.ink, linewidth=0.25 if many else 0.6)
    left = np.array(places[:-1]) - 0.5
    axes.hlines(at_first, left, left + 1, color=theme.ink, linewidth=1)
    percents(axes.yaxis)
    axes.set_ylim(least, 1)
    axes.set_xlim(places[0] - 0.7, places[-1] + 0.7)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
