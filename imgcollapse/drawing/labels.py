"""Where words go beside lines and points, so that none lies on another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from imgcollapse.drawing.look import SANS, Look
from imgcollapse.scores import percent

Array = NDArray[np.float64]
Point = tuple[float, float]

LINE_GAP = 1.15
"""Lines of text beside an axis are so many heights of a letter apart."""
AROUND = (
    (3, 3, "left", "bottom"), (-3, 3, "right", "bottom"), (3, -3, "left", "top"),
    (-3, -3, "right", "top"), (0, 5, "center", "bottom"), (0, -5, "center", "top"),
    (5, 0, "left", "center"), (-5, 0, "right", "center"),
)  # fmt: skip
"""Places around a point, in points, and how a word is aligned there."""


def legend_columns(labels: Sequence[str], width: float, look: Look, most: int = 6) -> int:
    """How many columns of a legend fit in a width in inches."""
    em = (look.venue.size - 1) / 72
    letter = (0.62 if look.venue.family == SANS else 0.5) * em
    column = max(map(len, labels)) * letter + 4 * em
    return max(1, min(most, len(labels), int((width + 2 * em) / column)))


def legend_height(labels: Sequence[str], width: float, look: Look, most: int = 6) -> float:
    """The height in inches that such a legend takes."""
    rows = -(-len(labels) // legend_columns(labels, width, look, most))
    return rows * 1.5 * (look.venue.size - 1) / 72 + 0.08


def generations_axis(axes: Axes, generations: Sequence[int]) -> None:
    """Whole numbers below, and what they are."""
    if len(generations) == 1:
        axes.set_xticks(generations)
        axes.set_xlim(generations[0] - 1, generations[0] + 1)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("generation")


def percents(axis: Axis, between: bool = False) -> None:
    """Shares on a log axis, named at each power of ten, and at three times it in ``between``."""
    axis.axes.set(**{"xscale" if axis is axis.axes.xaxis else "yscale": "log"})
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if between else (1.0,), numticks=9))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))


def spread(wanted: Array, gap: float, low: float, high: float) -> Array:
    """Rising places at least ``gap`` apart, as near as can be to the rising ones that are wanted.

    Between ``low`` and ``high`` where they fit (isotonic regression by pooling neighbours).
    """
    steps = gap * np.arange(len(wanted))
    pools: list[tuple[float, int]] = []
    for value in wanted - steps:
        mean, size = float(value), 1
        while pools and pools[-1][0] > mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        pools.append((mean, size))
    level = np.repeat([mean for mean, _ in pools], [size for _, size in pools])
    top = max(low, high - gap * (len(wanted) - 1))
    found: Array = np.clip(level, low, top) + steps
    return found


def label_ends(
    made: Figure, axes: Axes, ends: Sequence[tuple[float, str, str]], look: Look
) -> None:
    """Words to the right of the axes at the heights (in data) where lines end, in their colours.

    Each is (height, text, colour); thin lines lead to words that had to move.
    """
    ends = sorted(ends, key=lambda end: end[0])
    to_axes = axes.transData + axes.transAxes.inverted()
    low, high = axes.get_ylim()
    heights = np.array(
        [to_axes.transform((1, np.clip(height, low, high)))[1] for height, _, _ in ends]
    )
    words = [
        axes.text(
            1.06, height, text, transform=axes.transAxes, va="center", fontsize=look.venue.size - 1
        )
        for height, (_, text, _) in zip(heights, ends, strict=True)
    ]  # fmt: skip
    made.draw_without_rendering()
    inches = axes.get_window_extent().height / made.dpi
    letter = (look.venue.size - 1) / 72
    places = spread(heights, LINE_GAP * letter / inches, 0.0, 1.0)
    for word, height, place, (_, _, colour) in zip(words, heights, places, ends, strict=True):
        word.set_y(place)
        axes.plot(
            [1.0, 1.02, 1.05], [height, place, place], transform=axes.transAxes, color=colour,
            linewidth=0.8, clip_on=False, in_layout=False,
        )  # fmt: skip


def number_points(
    made: Figure,
    axes: Axes,
    points: Sequence[Point],
    words: Sequence[str],
    lines: Sequence[tuple[Point, Point]],
) -> None:
    """A word beside each point where there is room for it, if need be on lines; the last first.

    Points and the ends of lines are in data.
    """
    made.draw_without_rendering()
    pixels = axes.transData.transform(np.array(points))
    size = 4 * made.dpi / 72
    dots = [_square(pixel, size) for pixel in pixels]
    crossed = [
        _square(start + part * (end - start), 1.0)
        for start, end in (axes.transData.transform(np.array(line)) for line in lines)
        for part in np.linspace(0, 1, 50)
    ]
    taken: list[Bbox] = []
    inside = axes.get_window_extent()
    for place in [len(points) - 1, *range(len(points) - 1)]:
        others = [*taken, *(dot for at, dot in enumerate(dots) if at != place)]
        for avoided, (x, y, horizontal, vertical) in product((crossed, []), AROUND):
            word = axes.annotate(
                words[place], points[place], (x, y), textcoords="offset points",
                ha=horizontal, va=vertical, fontsize="medium",
            )  # fmt: skip
            word.set_in_layout(False)
            box = word.get_window_extent()
            is_inside = inside.x0 <= box.x0 <= box.x1 <= inside.x1
            is_inside = is_inside and inside.y0 <= box.y0 <= box.y1 <= inside.y1
            if is_inside and not box.count_overlaps([*others, *avoided]):
                taken.append(box)
                break
            word.remove()


def _square(centre: Array, size: float) -> Bbox:
    x, y = centre
    return Bbox.from_bounds(x - size / 2, y - size / 2, size, size)
