"""Small multiples as wide as a page."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imgcollapse.drawing.look import SANS, Look
from imgcollapse.drawing.widths import wrapped
from imgcollapse.figures.arm_words import arm_words

NARROWEST, LETTERS = 1.6, 15.5
"""What a panel needs at least: inches, and letters' heights."""
ALONE = 0.65


def columns_of(num: int, look: Look) -> int:
    """How many panels stand side by side: rows are as even as they can be."""
    most = max(1, int(look.venue.page / max(NARROWEST, LETTERS * look.venue.size / 72)))
    rows = -(-num // most)
    return -(-num // rows)


def width_of(num: int, look: Look) -> float:
    """The width in inches of so many panels: a page, or of one alone a part of it."""
    return look.venue.page if num > 1 else max(look.venue.column, ALONE * look.venue.page)


def titles(names: Sequence[str], look: Look, columns: int) -> list[str]:
    """Titles of panels in lines that are no wider than a panel's axes."""
    inches = width_of(columns, look) / columns - 5.5 * look.venue.size / 72
    bigger = 1 if look.venue.family == SANS else 0
    return [wrapped(arm_words(name), look, inches, smaller=-bigger, bold=True) for name in names]


def rows_height(num: int, look: Look, heads: Sequence[str], panel: float = 0.72) -> float:
    """The height of all rows in inches; ``panel`` is an axes' height over a panel's width."""
    columns = columns_of(num, look)
    width = min(width_of(num, look) / columns, 0.5 * look.venue.page)
    return sum(
        panel * width
        + (max(head.count("\n") + 1 for head in heads[start : start + columns])) * look.line
        for start in range(0, num, columns)
    )


def grid_of(made: Figure, num: int, look: Look, below: str, *, share_y: bool = False) -> list[Axes]:
    """The panels, row by row, their x axes named ``below``; places left over stay empty."""
    columns = columns_of(num, look)
    every = made.subplots(-(-num // columns), columns, sharex=True, sharey=share_y, squeeze=False)
    for axes in every.flat[num:]:
        axes.set_axis_off()
    for column in range(columns):
        lowest = (num - 1 - column) // columns
        every[lowest, column].tick_params(labelbottom=True)
        every[lowest, column].set_xlabel(below)
    return list(every.flat[:num])
