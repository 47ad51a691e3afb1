"""Each class's share over the generations in one axes, head and tail beside chance alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from imgcollapse.drawing.labels import generations_axis, label_ends, percents
from imgcollapse.drawing.letters import shown
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import REJECT_NAME, on_paper
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.tables import RunTables

MOST_NAMES = 12
NAMED_OF_MANY = 3
"""Of more classes only so many of the most common and of the rarest are named."""
LONGEST_NAME = 16


def plot_lines(tables: RunTables) -> Plot:
    """Counted shares on a log axis; ribbons for the most common and the rarest class."""
    began, generations = tables.began, tables.generations
    shares = {name: tables.needed("share_raw", class_=name) for name in began}
    rejects = tables.needed("reject")
    ends = dict.fromkeys((began[0], began[-1]))
    chance = {name: tables.values("share_null", "initial", name) for name in ends}
    chance = {name: found for name, found in chance.items() if found}
    if len(generations) < 2:
        raise NotDrawnError("lines need two generations or more")
    n = rejects[generations[0]].n
    least = 0.5 / n
    numbers = ", ".join(f"#{began.index(name) + 1}" for name in chance)
    words_for_chance = f"95 % of chains under chance: {numbers}"
    named = began
    if len(began) > MOST_NAMES:
        named = [*began[:NAMED_OF_MANY], *began[-NAMED_OF_MANY:]]

    def fill(made: Figure, look: Look) -> None:
        axes = made.subplots()
        colours = {name: on_paper(tables.colours[name], look.theme.paper) for name in began}
        percents(axes.yaxis)
        for name, found in chance.items():
            low, high = (
                np.maximum([getattr(found[one], end) for one in generations], least)
                for end in ("low", "high")
            )
            axes.fill_between(
                generations, low, high, facecolor=look.theme.chance, linewidth=0.5,
                edgecolor=colours[name], alpha=0.7,
            )  # fmt: skip
        words = []
        for name in began:
            values = np.maximum([shares[name][one].value for one in generations], least)
            axes.plot(
                generations, values, color=colours[name],
                linewidth=1.6 if name in ends else 1.0 if name in named else 0.5,
                marker="o" if name in named and len(generations) <= MOST_NAMES else None,
                markersize=2.5,
                clip_on=False,
            )  # fmt: skip
            if name in named:
                rank = began.index(name) + 1
                words.append(
                    (
                        float(values[-1]),
                        f"#{rank} {shown(name, LONGEST_NAME)}",
                        colours[name],
                    )
                )
        values = np.maximum([rejects[one].value for one in generations], least)
        axes.plot(generations, values, color=look.theme.soft_ink, linestyle="--", linewidth=1)
        words.append((float(values[-1]), "rejected", look.theme.soft_ink))
        axes.set(xlim=(generations[0], generations[-1]), ylim=(least * 0.9, 1.05))
        axes.set_ylabel(f"share of {n:,} images")
        generations_axis(axes, generations)
        axes.grid(axis="y")
        if chance:
            made.legend(
                handles=[Patch(color=look.theme.chance, label=words_for_chance)],
                loc="outside lower left",
                handlelength=1.2,
            )
        label_ends(made, axes, words, look)

    def size(look: Look) -> tuple[float, float]:
        names = (len(named) + 1) * 1.35 * (look.venue.size - 1) / 72
        return look.venue.column, max(0.6 * look.venue.column, names) + 3.4 * look.line

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "generation", "class", "rank", "share", "low", "high", "chance_low", "chance_high", "n",
        ),
        rows=[
            *(
                (
                    one, name, began.index(name) + 1, score.value, score.low, score.high,
                    *_limits(chance.get(name, {}).get(one)), score.n,
                )
                for name in began
                for one, score in ((one, shares[name][one]) for one in generations)
            ),
            *(
                (one, REJECT_NAME, None, score.value, score.low, score.high, None, None, score.n)
                for one, score in ((one, rejects[one]) for one in generations)
            ),
        ],
        caption=(
            f"Share of each class as the judge counts it in {n:,} samples of each generation of "
            "one chain; the number before a name is the class's rank by the images it began with, "
            "dashed what the judge takes for no class. "
            + ("Grey holds 95 % of the chains that only copy their pool, for the most common class "
               "and the rarest. " if chance else "")
            + "Shares of no image are drawn at half an image."
        ),
        n={"chains": 1, "samples of each generation": n},
    )  # fmt: skip


def _limits(score: object) -> tuple[float | None, float | None]:
    return getattr(score, "low", None), getattr(score, "high", None)
