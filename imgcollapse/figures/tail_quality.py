"""How varied the samples of rare classes are, and how much of the real ones they reach."""

from __future__ import annotations

from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imgcollapse.drawing.labels import legend_columns, legend_height
from imgcollapse.drawing.letters import LONGEST, shown
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import on_paper
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR, Score

PANELS = (
    ("vendi", "", "Vendi score of 50 images"),
    ("coverage", "balanced", "coverage of real images"),
)
MARKERS = "osD^vPX<>*"
MANY = 10
MOST = 5
"""Of the tail so many classes are drawn, the rarest that have scores, and the most common."""


def plot_tail(tables: RunTables) -> Plot:
    """Vendi and coverage of rare classes over the generations, beside those of real images."""
    chosen = {metric: _chosen(tables, metric, reference) for metric, reference, _ in PANELS}
    drawn = [panel for panel in PANELS if chosen[panel[0]]]
    if not drawn:
        raise NotDrawnError("no Vendi score or coverage of a class in the table of scores")
    names = [name for name in tables.began if any(name in chosen[metric] for metric, _, _ in drawn)]
    markers = dict(zip(names, cycle(MARKERS), strict=False))
    short = [name[:LONGEST] for name in names]
    n = max(one.n for metric, _, _ in drawn for found in chosen[metric].values()
            for one in found.values() if one.generation != FLOOR)  # fmt: skip

    def fill(made: Figure, look: Look) -> None:
        row = made.subplots(1, len(drawn), squeeze=False)[0]
        for axes, (metric, _, title) in zip(row, drawn, strict=True):
            _draw(axes, tables, chosen[metric], markers, look)
            axes.set_title(title)
        made.legend(
            handles=[
                Line2D(
                    [],
                    [],
                    color=on_paper(tables.colours[name], look.theme.paper),
                    marker=marker,
                    markersize=3,
                    label=shown(name),
                )
                for name, marker in markers.items()
            ],
            loc="outside lower center",
            ncols=legend_columns(short, _width(look), look),
        )

    def _width(look: Look) -> float:
        return look.venue.page if len(drawn) > 1 else look.venue.column

    def size(look: Look) -> tuple[float, float]:
        legend = legend_height(short, _width(look), look)
        return _width(look), 0.36 * look.venue.page + 2.6 * look.line + legend

    return Plot(
        size=size,
        fill=fill,
        columns=("metric", "class", "generation", "value", "low", "high", "n"),
        rows=[
            (metric, name, one.generation, one.value, one.low, one.high, one.n)
            for metric, _, _ in drawn
            for name, found in chosen[metric].items()
            for one in found.values()
        ],
        caption=(
            "Quality of the rare half of the classes in one chain, of the rarest that have scores, "
            "beside the most common class. Vendi: the effective number of different images among "
            "50 of those judged to be of the class, for classes that have as many. Coverage: the "
            "part of a class's balanced real images that have any sample among their neighbours. "
            "'real' is the same of held-out real images (generation -1 in the table). Whiskers are "
            "95 % limits over samples, not over chains."
        ),
        n={"chains": 1, "samples of each generation": n},
    )


def _chosen(tables: RunTables, metric: str, reference: str) -> dict[str, dict[int, Score]]:
    """The most common class, and the rarest of the tail; of the rest where the tail has none."""
    found = {name: tables.values(metric, reference, name) for name in tables.began}
    seen = [name for name in tables.began if found[name].keys() & {*tables.generations}]
    rare = [name for name in seen[1:] if name in tables.tail] or seen[1:]
    return {name: found[name] for name in dict.fromkeys([*seen[:1], *rare[-MOST:]])}


def _draw(
    axes: Axes,
    tables: RunTables,
    chosen: dict[str, dict[int, Score]],
    markers: dict[str, str],
    look: Look,
) -> None:
    generations = tables.generations
    real = generations[0] - max(1.0, 0.12 * (len(generations) - 1))
    apart = min(0.1, 0.02 * (generations[-1] - real))
    for place, (name, found) in enumerate(chosen.items()):
        aside = (place - (len(chosen) - 1) / 2) * apart
        colour = on_paper(tables.colours[name], look.theme.paper)
        over = [found[one] for one in generations if one in found]
        axes.plot(
            [one.generation + aside for one in over], [one.value for one in over], color=colour,
            marker=markers[name], markersize=3 if len(generations) <= MANY else 2,
        )  # fmt: skip
        floor = [found[FLOOR]] if FLOOR in found else []
        axes.plot(
            [real + aside] * len(floor), [one.value for one in floor], color=colour,
            marker=markers[name], markerfacecolor=look.theme.paper, markersize=3,
        )  # fmt: skip
        for one in [*floor, *over]:
            x = (real if one.generation == FLOOR else one.generation) + aside
            low, high = (one.value if end is None else end for end in (one.low, one.high))
            axes.vlines(x, low, high, color=colour, linewidth=0.8)
    step = -(-len(generations) // 6)
    axes.set_xticks([real, *generations[::step]], ["real", *map(str, generations[::step])])
    axes.set_xlabel("generation")
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.grid(axis="y")
