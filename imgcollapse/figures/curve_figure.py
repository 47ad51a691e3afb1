"""The curves of ``curve.csv`` side by side, beside their closed forms."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.palette import class_colours
from imgcollapse.figures.curves import Point

COLUMNS = 2
X_LABELS = dict.fromkeys(("share of 10 %", "shift", "crowding of the sampler"), "steps")


def draw_curves(points: Sequence[Point]) -> bytes:
    """A panel for each curve, a line for each setting, dashed what is expected; PNG."""
    curves = list(dict.fromkeys(one.curve for one in points))
    rows = -(-len(curves) // COLUMNS)
    with figure(7.2, 2.6 * rows) as made:
        panels = made.subplots(rows, COLUMNS, squeeze=False).flat
        for axes, curve in zip(panels, curves, strict=False):
            _panel(axes, [one for one in points if one.curve == curve])
            axes.set(title=curve, xlabel=X_LABELS.get(curve, "generation"))
        for axes in list(panels)[len(curves) :]:
            axes.remove()
        return png(made)


def _panel(axes: Axes, points: Sequence[Point]) -> None:
    settings = list(dict.fromkeys(one.setting for one in points))
    for setting, colour in zip(settings, class_colours(len(settings)), strict=True):
        here = [one for one in points if one.setting == setting]
        at = [one.x for one in here]
        axes.plot(
            at, [one.value for one in here], color=colour, marker="o", markersize=2.5, label=setting
        )
        if all(one.low is not None and one.high is not None for one in here):
            low = [one.low or 0.0 for one in here]
            axes.fill_between(at, low, [one.high or 0.0 for one in here], color=colour, alpha=0.2)
        if all(one.expected is not None for one in here):
            expected = [one.expected or 0.0 for one in here]
            axes.plot(at, expected, color=colour, linestyle="--", linewidth=1)
    axes.grid(axis="y")
    axes.legend(fontsize=6)
