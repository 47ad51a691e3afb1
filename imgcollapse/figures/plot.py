"""One figure of a paper: how it is drawn, the numbers in it, and what they mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from imgcollapse.drawing.canvas import Format, figure, saved
from imgcollapse.drawing.look import PLAIN, Look
from imgcollapse.scores import cell

Rows = Sequence[Sequence[object]]


class NotDrawnError(Exception):
    """What a figure would show is not there; says why."""


@dataclass(frozen=True)
class Plot:
    """``size`` is width and height in inches, and ``fill`` draws into an empty figure of it.

    ``columns`` name the numbers in ``rows``. ``caption`` says in words what is seen, of how many,
    and what bands and whiskers are.
    """

    size: Callable[[Look], tuple[float, float]]
    fill: Callable[[Figure, Look], None]
    columns: tuple[str, ...]
    rows: Rows
    caption: str

    def render(self, format: Format, look: Look = PLAIN) -> bytes:
        """The figure as a file; the same bytes every time."""
        with figure(*self.size(look), look) as made:
            self.fill(made, look)
            return saved(made, format)

    def table(self) -> str:
        """The plotted numbers as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([cell(value) for value in row] for row in self.rows)
        return text.getvalue()
