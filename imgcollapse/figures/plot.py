"""One figure of a paper: how it is drawn, the numbers in it, and what they mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

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
    and what bands and whiskers are; ``n`` says the same of how many in numbers. ``generations``
    are those behind the figure, where no column has them; ``sources`` the files that were read.
    """

    size: Callable[[Look], tuple[float, float]]
    fill: Callable[[Figure, Look], None]
    columns: tuple[str, ...]
    rows: Rows
    caption: str
    n: Mapping[str, int] = field(default_factory=dict)
    generations: tuple[int, ...] = ()
    sources: tuple[str, ...] = ("config.yaml", "scores.csv", "manifest.json")

    def render(self, format: Format, look: Look = PLAIN) -> bytes:
        """The figure as a file; the same bytes every time."""
        with self.drawn(look) as made:
            return saved(made, format)

    @contextmanager
    def drawn(self, look: Look = PLAIN) -> Iterator[Figure]:
        """The figure itself, to be looked at or saved inside the context."""
        letters = "".join({cell for row in self.rows for cell in row if isinstance(cell, str)})
        with figure(*self.size(look), look, letters) as made:
            self.fill(made, look)
            yield made

    def table(self) -> str:
        """The plotted numbers as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([cell(value) for value in row] for row in self.rows)
        return text.getvalue()
