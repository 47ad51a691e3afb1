"""Whether a figure can be read: no letter cut off, none on another, none too small."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any
from unittest.mock import patch

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from imgcollapse.drawing.look import look_of
from imgcollapse.figures.plot import Plot

SMALLEST = 5.0
"""Points."""
SLACK = 0.75
"""Points by which boxes of letters may meet, for the boxes hold room above and below."""


def faults(plot: Plot, style: str, theme: str = "light") -> list[str]:
    """What is wrong with the words in a figure."""
    with plot.drawn(look_of(style, theme)) as made:
        return list(_faults(made))


def _faults(made: Figure) -> Iterator[str]:
    boxes = [(one, one.get_window_extent()) for one in _drawn(made)]
    point = made.dpi / 72
    page = made.bbox
    for one, box in boxes:
        name = repr(one.get_text())
        if float(one.get_fontsize()) < SMALLEST:
            yield f"{name} is of {one.get_fontsize()} points"
        over = (page.x0 - box.x0, page.y0 - box.y0, box.x1 - page.x1, box.y1 - page.y1)
        if max(over) > 0.5 * point:
            yield f"{name} is cut off"
    for (one, box), (other, second) in combinations(boxes, 2):
        shared = Bbox.intersection(box, second)
        if shared is not None and min(shared.width, 0.5 * shared.height) > SLACK * point:
            yield f"{one.get_text()!r} is on {other.get_text()!r}"


def _drawn(made: Figure) -> list[Text]:
    """The words that end on paper: labels of ticks beyond the limits of an axis do not."""
    found: dict[int, Text] = {}
    draw = Text.draw

    def noted(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            found[id(self)] = self
        draw(self, renderer)

    with patch.object(Text, "draw", noted):
        made.draw_without_rendering()
    return list(found.values())
