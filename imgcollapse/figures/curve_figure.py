"""The curves of ``curve.csv`` side by side, beside their closed forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ArmStyle, arm_styles
from imgcollapse.figures.arms import draw_legend, legend_of, line_of
from imgcollapse.figures.curve_words import STEPS, setting_words, words_of
from imgcollapse.figures.curves import COLUMNS, Point, as_cells
from imgcollapse.figures.metric_words import MINUS, percent_of
from imgcollapse.figures.panels import columns_of, rows_height, titles, width_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.scores import FLOOR

DOTTED = {"asymptote": "extinct"}
"""Curves that are drawn as dotted lines in the panel of another."""
EXPECTED, SAMPLER, LIMIT = "expected, exact", "an exact sampler", f"its limit, exp({MINUS}2c/k)"
MOST_MARKERS = 10
PANEL = 0.8
"""The height of a panel's axes over its width."""


def plot_curves(points: Sequence[Point]) -> Plot:
    """A panel for each curve, a line for each setting, dashed what is expected.

    NotDrawnError where no curve goes over two points or more.
    """
    counted = Counter((one.curve, one.setting) for one in points)
    lines = dict.fromkeys(curve for (curve, _), num in counted.items() if num > 1)
    curves = [one for one in lines if one not in DOTTED]
    if not curves:
        raise NotDrawnError("no curve has two points")
    drawn = [one for one in points if one.curve in curves]
    settings = list(dict.fromkeys(one.setting for one in drawn))
    words = [words_of(curve) for curve in curves]
    steps = all(one.across == STEPS for one in words)
    others = [
        *(
            [SAMPLER if steps else EXPECTED]
            if any(one.expected is not None for one in drawn)
            else []
        ),
        *([LIMIT] if any(DOTTED.get(one.curve) in curves for one in points) else []),
    ]
    names = [*map(setting_words, settings), *others]

    def width(look: Look) -> float:
        return width_of(len(curves), look)

    def fill(made: Figure, look: Look) -> None:
        held = arm_styles(len(settings) - 1, look.theme.ink)
        styles = dict(zip(settings, held, strict=True))
        columns = columns_of(len(curves), look)
        panels = list(made.subplots(-(-len(curves) // columns), columns, squeeze=False).flat)
        heads = titles([one.title for one in words], look, columns)
        for axes, curve, head in zip(panels, curves, heads, strict=False):
            dotted = [one for one in points if DOTTED.get(one.curve) == curve]
            _panel(axes, [one for one in points if one.curve == curve], dotted, styles, look)
            axes.set_title(head)
        for axes in panels[len(curves) :]:
            axes.remove()
        handles = [Line2D([], [], **_measured(one, look)) for one in styles.values()]
        handles += [
            Line2D(
                [],
                [],
                color=look.theme.soft_ink,
                linestyle=":" if one == LIMIT else "--",
                linewidth=1,
            )
            for one in others
        ]
        draw_legend(made, legend_of(names, look, width(look)), handles)

    def size(look: Look) -> tuple[float, float]:
        heads = titles([one.title for one in words], look, columns_of(len(curves), look))
        rows = -(-len(curves) // columns_of(len(curves), look))
        height = rows_height(len(curves), look, heads, PANEL) + rows * 0.8 * look.line
        return width(look), height + legend_of(names, look, width(look)).height

    return Plot(
        size=size,
        fill=fill,
        columns=COLUMNS,
        rows=[as_cells(one) for one in points],
        caption=(
            f"{', '.join(dict.fromkeys(one.title for one in words))}: "
            + ("values with bounds of the numerical error" if steps else "means with 95 % limits")
            + "."
            + (f" Dashed: {others[0]}." if others and others[0] != LIMIT else "")
            + (f" Dotted: {LIMIT}, for c images in pool k." if LIMIT in others else "")
            + (" 'real': the real pool (-1 in the table)." if _has_real(drawn) else "")
        ),
    )


def _has_real(points: Sequence[Point]) -> bool:
    return any(one.x == FLOOR for one in points)


def _measured(style: ArmStyle, look: Look) -> dict[str, Any]:
    """A solid line, for dashes are what is expected."""
    return line_of(style, look) | {"linestyle": "solid"}


def _panel(
    axes: Axes,
    points: Sequence[Point],
    dotted: Sequence[Point],
    styles: Mapping[str, ArmStyle],
    look: Look,
) -> None:
    words = words_of(points[0].curve)
    is_common = len({(one.x, one.expected) for one in points}) == len({one.x for one in points})
    for setting in dict.fromkeys(one.setting for one in points):
        here = [one for one in points if one.setting == setting]
        at, colour = [one.x for one in here], styles[setting].colour
        every = -(-len(at) // MOST_MARKERS)
        style = _measured(styles[setting], look) | {"markevery": every}
        axes.plot(at, [one.value for one in here], **style)
        limits = [(one.low, one.high) for one in here if one.low is not None]
        if len(limits) == len(here):
            low, high = ([pair[end] or 0.0 for pair in limits] for end in (0, 1))
            axes.fill_between(at, low, high, color=colour, alpha=0.16, linewidth=0)
        expected = [one.expected for one in here if one.expected is not None]
        if len(expected) == len(here):
            shade = look.theme.soft_ink if is_common else colour
            axes.plot(at, expected, color=shade, linestyle="--", linewidth=1)
        limit = [one for one in dotted if one.setting == setting]
        axes.plot(
            [one.x for one in limit], [one.value for one in limit],
            color=colour, linestyle=":", linewidth=1,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if words.across == STEPS:
        steps = sorted({one.x for one in points})
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(steps, [f"{one:g}" for one in steps])
    elif _has_real(points):
        numbers = sorted({int(one.x) for one in points})
        axes.set_xticks(numbers, ["real" if one == FLOOR else str(one) for one in numbers])
    shown = percent_of if words.is_share else lambda value: f"{value:.6g}".replace("-", MINUS)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axes.set(xlabel=words.across, ylabel=words.up)
    axes.grid(axis="y")
