"""Selection against initial share, with the crowding line, arm by arm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from imgcollapse.drawing.letters import shown
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import class_colours, on_paper
from imgcollapse.figures.arms import INTERVAL, chains_words
from imgcollapse.figures.metric_words import MINUS, percent_of
from imgcollapse.figures.panels import columns_of, grid_of, rows_height, titles, width_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_tables import Coefficient, StudyTables
from imgcollapse.metrics.over_chains import RULE, OverChains
from imgcollapse.scores import fixed

MOST_NAMES = 12


@dataclass(frozen=True)
class Field:
    """The coefficients of an arm, by class or, where ranks turn with the seed, by rank.

    ``began`` are the shares (C) that chains began with, common first.
    """

    crowding: Coefficient
    points: list[Coefficient]
    began: list[float]

    def line(self, slope: float, share: float) -> float:
        """Coefficients are relative to their mean over the initial shares."""
        began = np.array(self.began)
        return slope * float(np.log(share) - (began * np.log(began)).sum())


def plot_selection(tables: StudyTables) -> Plot:
    """Points with limits for each class; the line of the crowding coefficient with its limits."""
    fields = {arm: field for arm in tables.arms if (field := _field(tables, arm))}
    if not fields:
        raise NotDrawnError("no arm has a crowding coefficient and classes that began unequal")
    names = list(dict.fromkeys(one.class_ for one in tables.counts))
    colours = dict(zip(names, class_colours(len(names)), strict=True))
    named = [
        name
        for name in names
        if any(one.class_ == name for f in fields.values() for one in f.points)
    ]
    named = named if len(names) <= MOST_NAMES else []
    by_rank = any(one.class_ not in colours for field in fields.values() for one in field.points)
    heads = [f"{arm}\n{_crowding_words(field.crowding)}" for arm, field in fields.items()]

    def fill(made: Figure, look: Look) -> None:
        names = titles(list(fields), look, columns_of(len(fields), look))
        panels = grid_of(made, len(fields), look, "share at first", share_y=True)
        for place, (axes, field) in enumerate(zip(panels, fields.values(), strict=True)):
            _draw_field(axes, field, colours, look)
            axes.set_title(names[place], pad=3 + look.line * 72)
            axes.annotate(
                _crowding_words(field.crowding), (0, 1), (0, 4), xycoords="axes fraction",
                textcoords="offset points", va="bottom", fontsize=max(5, look.venue.size - 1),
                color=look.theme.soft_ink,
            )  # fmt: skip
            if place % columns_of(len(fields), look) == 0:
                axes.set_ylabel("selection coefficient")
        panels[0].set_ylim(*span_of(fields.values()))
        _draw_legend(made, {name: colours[name] for name in named}, look, by_rank)

    def size(look: Look) -> tuple[float, float]:
        wide = width_of(len(fields), look)
        lines = titles(heads, look, columns_of(len(fields), look))
        legend = (_legend_rows(named, look, wide) + 0.9) * look.line
        return wide, rows_height(len(fields), look, lines, 0.85) + legend + look.line

    return Plot(
        size=size,
        fill=fill,
        columns=("arm", "class", "share", "value", "low", "high", "chains"),
        rows=[
            (arm, one.class_, one.share, one.value, one.low, one.high, one.chains)
            for arm, field in fields.items()
            for one in [*field.points, field.crowding]
        ],
        caption=(
            "Selection coefficient of each class (by what factor exp(s) a generation changes its "
            "odds beyond chance) against the share that it began with. The line is the crowding "
            "coefficient, the slope per log share, as the mean over "
            f"{chains_words(field.crowding.chains for field in fields.values())}; its band is the "
            f"{INTERVAL.replace('intervals', 'interval')} ({RULE}). "
            + (
                "Ranks turn with the seed: points are means over chains of the classes that held "
                "a rank, whiskers their intervals by the same rule."
                if by_rank
                else "Points are means over the same chains, whiskers their intervals by the same "
                "rule."
            )
            + " They are long where chains find no limit of their own."
        ),
    )


def _crowding_words(crowding: Coefficient) -> str:
    value, low, high = (
        None if one is None else fixed(one, 3).replace("-", MINUS)
        for one in (crowding.value, crowding.low, crowding.high)
    )
    return f"crowding {value}" + (", one chain" if low is None else f" ({low} to {high})")


def _field(tables: StudyTables, arm: str) -> Field | None:
    rows = [one for one in tables.selection if one.arm == arm]
    slopes = [one for one in rows if not one.class_]
    if not slopes:
        return None
    counts: dict[int, list[tuple[int, str]]] = {}
    for one in tables.counts:
        if one.arm == arm and one.count:
            counts.setdefault(one.seed, []).append((one.count, one.class_))
    ranked = {seed: sorted(held, key=lambda pair: -pair[0]) for seed, held in counts.items()}
    first = next(iter(ranked.values()), [])
    if len({count for count, _ in first}) < 2:
        return None
    total = sum(count for count, _ in first)
    began = [count / total for count, _ in first]
    points = [one for one in rows if one.class_] or _by_rank(tables, arm, ranked, began)
    return Field(slopes[0], points, began)


def _by_rank(
    tables: StudyTables,
    arm: str,
    ranked: dict[int, list[tuple[int, str]]],
    began: Sequence[float],
) -> list[Coefficient]:
    """Each chain's own coefficients in its last generation, over chains by rank."""
    held = [OverChains() for _ in began]
    for seed, ranks in ranked.items():
        found = [one for one in tables.scores.get((arm, seed), []) if one.metric == "selection"]
        last = max((one.generation for one in found), default=0)
        values = {one.class_: one for one in found if one.generation == last}
        for over, (_, name) in zip(held, ranks, strict=False):
            if name in values:
                one = values[name]
                over.add(one.value, one.low, one.high)
    return [
        Coefficient(arm, f"rank {rank}", share, over.mean, *over.limits(), over.num)
        for rank, (share, over) in enumerate(zip(began, held, strict=True), 1)
        if over.num
    ]


def _draw_field(axes: Axes, field: Field, colours: dict[str, str], look: Look) -> None:
    axes.axhline(0, color=look.theme.soft_ink, linewidth=0.6, zorder=1)
    shares = np.geomspace(min(field.began), max(field.began), 50)
    crowding = field.crowding
    if crowding.low is not None and crowding.high is not None:
        ends = np.array(
            [[field.line(end, x) for x in shares] for end in (crowding.low, crowding.high)]
        )
        axes.fill_between(
            shares, ends.min(0), ends.max(0), color=look.theme.chance, alpha=0.6, linewidth=0
        )
    axes.plot(
        shares, [field.line(crowding.value, x) for x in shares], color=look.theme.ink, linewidth=1
    )
    for one in field.points:
        colour = on_paper(colours.get(one.class_, look.theme.accent), look.theme.paper)
        if one.low is not None and one.high is not None:
            axes.vlines(one.share or 0, one.low, one.high, color=colour, linewidth=0.9, zorder=3)
        axes.plot(
            one.share or 0, one.value, marker="o", color=colour, markersize=0.5 * look.venue.size,
            markeredgecolor=look.theme.paper, markeredgewidth=0.4, zorder=4,
        )  # fmt: skip
    axes.set_xscale("log")
    span = max(field.began) / min(field.began)
    axes.set_xlim(min(field.began) * 0.7, max(field.began) * 1.5)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if span > 30 else (1.0, 3.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: percent_of(share)))
    axes.grid(axis="y")


def span_of(fields: Iterable[Field]) -> tuple[float, float]:
    """The axis that holds all coefficients, lines and limits."""
    heights = [0.0]
    for field in fields:
        ends = (field.crowding.value, field.crowding.low, field.crowding.high)
        shares = (min(field.began), max(field.began))
        heights += [field.line(end, x) for end in ends if end is not None for x in shares]
        for one in field.points:
            heights += [end for end in (one.value, one.low, one.high) if end is not None]
    low, high = min(heights), max(heights)
    room = 0.06 * (high - low) or 0.1
    return low - room, high + room


def _legend_columns(look: Look, wide: float) -> int:
    return max(2, int(wide / (look.venue.size * 13 / 72)))


def _legend_rows(named: Sequence[str], look: Look, wide: float) -> int:
    return -(-(len(named) + 2) // _legend_columns(look, wide))


def _draw_legend(made: Figure, colours: dict[str, str], look: Look, by_rank: bool) -> None:
    def dot(colour: str, label: str) -> Line2D:
        return Line2D(
            [], [], color=colour, marker="o", linestyle="none", label=label,
            markersize=0.5 * look.venue.size,
        )  # fmt: skip

    handles: list[Line2D | Patch] = [
        dot(on_paper(colour, look.theme.paper), shown(name)) for name, colour in colours.items()
    ]
    if by_rank:
        handles.append(dot(look.theme.accent, "a rank, over chains"))
    handles.append(Line2D([], [], color=look.theme.ink, linewidth=1, label="crowding"))
    handles.append(Patch(color=look.theme.chance, alpha=0.6, label="95 % over chains"))
    columns = _legend_columns(look, made.get_figwidth())
    made.legend(
        handles=handles, loc="outside lower center", ncols=columns, handlelength=1.4,
        columnspacing=1.2, borderaxespad=0.2, borderpad=0.2, labelspacing=0.35,
    )  # fmt: skip
