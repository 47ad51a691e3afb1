"""Scores and times in words and columns."""

from __future__ import annotations

from collections.abc import Sequence

from imgcollapse.scores import Score, percent, select

MISFIT = (
    "* the images do not look like real ones of their classes: shares are counted, not corrected"
)
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


def headline_share(scores: Sequence[Score], names: Sequence[str]) -> str:
    """The share of some classes in words: corrected, or counted and marked where it misfits."""
    metric = "share_raw" if is_misfit(scores) else "share"
    held = sum(score.value for score in select(scores, metric) if score.class_ in names)
    return percent(held) + ("*" if is_misfit(scores) else "")


def is_misfit(scores: Sequence[Score]) -> bool:
    """Whether the images of one set do not look like any mixture of real ones."""
    return any(score.value > 1 for score in select(scores, "share_fit"))


def generation_row(
    scores: Sequence[Score],
    head: str,
    tail: Sequence[str],
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
        headline_share(scores, [head]),
        headline_share(scores, tail),
        percent(select(scores, "reject")[0].value),
    ]
    if left is not None:
        cells += ["" if images_per_second is None else f"{images_per_second:,.0f}", left]
    return "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=False))
