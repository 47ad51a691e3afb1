"""Arms of a study in figures: one style for each, their lines with bands, one legend below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ArmStyle, arm_styles
from imgcollapse.drawing.widths import width_inches, wrapped
from imgcollapse.figures.arm_words import arm_words
from imgcollapse.figures.metric_words import Metric
from imgcollapse.figures.plot import NotDrawnError
from imgcollapse.figures.study_tables import StudyTables, Summary
from imgcollapse.scores import FLOOR

INTERVAL = "95 % confidence intervals of the mean over chains"
MOST_BANDS = 5
"""Of more arms than these, bands would hide each other: whiskers at the end instead."""
MOST_MARKERS = 10
HANDLE, GAPS = 2.6, 2.2
"""The sample of a line in the legend, and the gaps beside it, in letters' heights."""
WIDE_RANGE = 30
"""Values farther apart than this factor are drawn on a log axis."""


@dataclass(frozen=True)
class Lines:
    """One metric of some arms over the generations, by arm; ``floor`` is that of real images."""

    metric: Metric
    arms: dict[str, dict[int, Summary]]
    floor: dict[str, Summary]

    @property
    def is_wide(self) -> bool:
        """Whether a log axis shows it better."""
        values = [one.mean for points in self.arms.values() for one in points.values()]
        return (
            not self.metric.is_share and min(values) > 0 and max(values) > WIDE_RANGE * min(values)
        )


def lines_of(tables: StudyTables, metric: Metric) -> Lines | None:
    """None where no arm has the metric."""
    arms, floor = {}, {}
    for arm in tables.arms:
        points = tables.over_chains(arm, metric.name, reference=metric.reference)
        if FLOOR in points:
            floor[arm] = points.pop(FLOOR)
        if points:
            arms[arm] = points
    return Lines(metric, arms, floor) if arms else None


def required_lines(tables: StudyTables, metric: Metric) -> Lines:
    """NotDrawnError where no arm has the metric."""
    found = lines_of(tables, metric)
    if found is None:
        raise NotDrawnError(f"no arm has the score {metric.name} ({metric.words})")
    return found


def styles_of(tables: StudyTables, look: Look) -> dict[str, ArmStyle]:
    """The control in ink, the others in the order in which they were declared."""
    others = [arm for arm in tables.arms if arm != tables.control]
    held = dict(
        zip([tables.control, *others], arm_styles(len(others), look.theme.ink), strict=True)
    )
    return {arm: held[arm] for arm in tables.arms}


def draw_lines(axes: Axes, lines: Lines, styles: Mapping[str, ArmStyle], look: Look) -> None:
    """Means with bands over chains, or of many arms with whiskers in the last generation."""
    has_bands = len(lines.arms) <= MOST_BANDS
    for place, (arm, points) in enumerate(lines.arms.items()):
        style = styles[arm]
        numbers = list(points)
        means = [one.mean for one in points.values()]
        axes.plot(
            numbers, means, **line_of(style, look), markevery=-(-len(numbers) // MOST_MARKERS)
        )
        with_limits = [one for one in points.values() if one.low is not None]
        if not with_limits:
            continue
        if has_bands and len(with_limits) > 1:
            axes.fill_between(
                [one.generation for one in with_limits],
                [float(one.low or 0) for one in with_limits],
                [float(one.high or 0) for one in with_limits],
                color=style.colour, alpha=0.16, linewidth=0,
            )  # fmt: skip
        else:
            last = with_limits[-1]
            aside = 0.02 * max(1, numbers[-1]) * (place + 2 if len(lines.arms) > 1 else 0)
            axes.vlines(
                last.generation + aside, last.low or 0, last.high or 0, color=style.colour, lw=0.9
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    if lines.is_wide:
        log_axis(axes, lines.metric.shown)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: lines.metric.shown(value)))
        axes.set_ylim(0, 1.08 * _highest(lines))
    axes.grid(axis="y")


def _highest(lines: Lines) -> float:
    points = [one for arm in lines.arms.values() for one in arm.values()]
    return max(max(one.mean, one.high or one.mean) for one in points) or 1.0


def log_axis(axes: Axes, shown: Callable[[float], str]) -> None:
    """A log axis that is marked at every power of ten or, over few of them, between them too."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1.0,) if high > 300 * low else (1.0, 3.0) if high > 10 * low else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))


def line_of(style: ArmStyle, look: Look) -> dict[str, Any]:
    """Matplotlib's words for a line with markers."""
    return {
        "color": style.colour,
        "linestyle": style.dashes,
        "marker": style.marker,
        "markersize": 0.45 * look.venue.size,
        "markerfacecolor": style.colour if style.is_filled else look.theme.paper,
        "markeredgewidth": 0.8,
        "linewidth": 1.1,
    }


def band_words(lines: Iterable[Lines]) -> str:
    """What bands or whiskers are, for a caption."""
    num = max(len(one.arms) for one in lines)
    return (
        f"bands are {INTERVAL}"
        if num <= MOST_BANDS
        else f"whiskers in the last generation are {INTERVAL}"
    )


def chains_of(lines: Iterable[Lines]) -> str:
    """How many chains are behind the means of some metrics."""
    arms = [arm for one in lines for arm in one.arms.values()]
    return chains_words(point.chains for arm in arms for point in arm.values())


def chains_words(chains: Iterable[int]) -> str:
    """How many chains an arm has: ``5 chains``, ``3 to 5 chains``, ``one chain``."""
    held = sorted(set(chains))
    if held == [1]:
        return "one chain, which has no interval"
    numbers = str(held[0]) if len(held) == 1 else f"{held[0]} to {held[-1]}"
    return f"{numbers} chains"


@dataclass(frozen=True)
class Legend:
    """Names beside samples of their lines, in as many columns as a width in inches has room for."""

    names: tuple[str, ...]
    columns: int
    height: float


def legend_of(names: Sequence[str], look: Look, inches: float) -> Legend:
    """Names too long for the width are broken."""
    letter = (look.venue.size - 1) / 72
    beside = (HANDLE + GAPS) * letter
    broken = [wrapped(arm_words(name), look, inches - beside - letter) for name in names]
    widest = max(width_inches(line, look) for name in broken for line in name.split("\n"))
    columns = max(1, min(len(names), int((inches - letter) / (widest + beside))))
    per_column = -(-len(names) // columns)
    lines = max(
        sum(name.count("\n") + 1 for name in broken[start : start + per_column])
        for start in range(0, len(names), per_column)
    )
    return Legend(tuple(broken), columns, (lines + 0.8) * look.line)


def draw_legend(made: Figure, legend: Legend, handles: Sequence[Line2D]) -> None:
    """Below all axes."""
    for handle, name in zip(handles, legend.names, strict=True):
        handle.set_label(name)
    made.legend(
        handles=handles, loc="outside lower center", ncols=legend.columns, handlelength=HANDLE,
        handletextpad=0.6, columnspacing=1.2, borderaxespad=0.2, borderpad=0.2, labelspacing=0.35,
    )  # fmt: skip


def arm_handles(styles: Mapping[str, ArmStyle], look: Look) -> list[Line2D]:
    """The samples of the arms' lines."""
    return [Line2D([], [], **line_of(style, look)) for style in styles.values()]
