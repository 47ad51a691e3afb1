"""Scores and times in words and columns."""

from __future__ import annotations

from collections.abc import Sequence

from imgcollapse.scores import Score, percent, select

COLUMNS = (
    ("gen", 5), ("loss", 9), ("fd", 8), ("alive", 7), ("head", 8), ("tail", 8),
    ("reject", 8), ("images/s", 10), ("left", 8),
)  # fmt: skip


def duration(seconds: float) -> str:
    """12s, 3m05s, 2h07m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def header_row(timed: bool = True) -> str:
    """The names of the columns of ``generation_row``."""
    columns = COLUMNS if timed else COLUMNS[:-2]
    return "".join(f"{name:>{width}}" for name, width in columns)


def generation_row(
    scores: Sequence[Score],
    head: str,
    number: int,
    *,
    loss: float | None = None,
    images_per_second: float | None = None,
    left: str | None = None,
) -> str:
    """One generation in a line: its scores, and how fast it went where that is known."""
    alive = select(scores, "classes_alive")[0].value
    cells = [
        "real" if number < 0 else str(number),
        "" if loss is None else f"{loss:.4f}",
        f"{select(scores, 'fd_judge', reference='initial')[0].value:.2f}",
        f"{alive:.0f}",
        percent(select(scores, "share", class_=head)[0].value),
        percent(select(scores, "tail_share")[0].value),
        percent(select(scores, "reject")[0].value),
    ]
    if left is not None:
        cells += ["" if images_per_second is None else f"{images_per_second:,.0f}", left]
    return "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=False))
