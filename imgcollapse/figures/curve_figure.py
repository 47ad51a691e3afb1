"""The curves of ``curve.csv`` side by side, beside their closed forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import class_colours
from imgcollapse.figures.curves import COLUMNS, Point, as_cells
from imgcollapse.figures.plot import NotDrawnError, Plot

STEPS = ("share of 10 %", "shift", "crowding of the sampler")
"""Curves over the steps of a sampler; the others run over generations."""
DOTTED = {"asymptote": "extinct"}
"""Curves that are drawn as dotted lines in the panel of another."""


def plot_curves(points: Sequence[Point]) -> Plot:
    """A panel for each curve, a line for each setting, dashed what is expected.

    NotDrawnError where no curve goes over two points or more.
    """
    counted = Counter((one.curve, one.setting) for one in points)
    lines = dict.fromkeys(curve for (curve, _), num in counted.items() if num > 1)
    curves = [one for one in lines if one not in DOTTED]
    if not curves:
        raise NotDrawnError("no curve has two points")
    rows = -(-len(curves) // 2)

    def fill(made: Figure, look: Look) -> None:
        panels = list(made.subplots(rows, 2, squeeze=False).flat)
        for axes, curve in zip(panels, curves, strict=False):
            dotted = [one for one in points if DOTTED.get(one.curve) == curve]
            _panel(axes, [one for one in points if one.curve == curve], dotted)
            axes.set(title=curve, xlabel="steps" if curve in STEPS else "generation")
        for axes in panels[len(curves) :]:
            axes.remove()

    return Plot(
        size=lambda look: (look.venue.page, rows * (0.3 * look.venue.page + 3 * look.line)),
        fill=fill,
        columns=COLUMNS,
        rows=[as_cells(one) for one in points],
        caption=(
            f"{', '.join(curves)}: means with 95 % limits, of samplers with bounds of the "
            "numerical error. Dashed lines are what is expected, dotted ones its limit."
        ),
    )


def _panel(axes: Axes, points: Sequence[Point], dotted: Sequence[Point]) -> None:
    settings = list(dict.fromkeys(one.setting for one in points))
    for setting, colour in zip(settings, class_colours(len(settings)), strict=True):
        here = [one for one in points if one.setting == setting]
        at = [one.x for one in here]
        axes.plot(at, [one.value for one in here], color=colour, marker=".", label=setting)
        limits = [(one.low, one.high) for one in here if one.low is not None]
        if len(limits) == len(here):
            low, high = ([pair[end] or 0.0 for pair in limits] for end in (0, 1))
            axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        expected = [one.expected for one in here if one.expected is not None]
        if len(expected) == len(here):
            axes.plot(at, expected, color=colour, linestyle="--", linewidth=1)
        limit = [one for one in dotted if one.setting == setting]
        axes.plot(
            [one.x for one in limit], [one.value for one in limit],
            color=colour, linestyle=":", linewidth=1,
        )  # fmt: skip
    if points[0].curve == STEPS[0]:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda steps, _: f"{steps:g}")
    axes.grid(axis="y")
    axes.legend(fontsize="x-small")
