"""Bars and lines of a terminal's characters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = "▁▂▃▄▅▆▇█"
SOFT = "grey50"


def share_bar(
    share: float,
    colour: str,
    width: int,
    whole: float,
    began: float | None = None,
    chance: tuple[float, float] | None = None,
) -> Text:
    """A share of ``whole`` as a bar of ``width`` characters.

    Laid over it are what the class began with (│) and the interval of chance alone (├─┤).
    """
    eighths = round(8 * width * min(1.0, share / whole))
    filled, rest = divmod(eighths, 8)
    cells = "█" * filled + (EIGHTHS[rest] if filled < width else "")
    bar = Text(cells.ljust(width), style=colour)
    for place, sign in _marks(width, whole, began, chance).items():
        if place < filled and sign == "─":
            continue  # the end of the bar is to be seen without colours too
        style = f"black on {colour}" if place < filled else SOFT
        bar = Text.assemble(bar[:place], (sign, style), bar[place + 1 :])
    return bar


def _marks(
    width: int, whole: float, began: float | None, chance: tuple[float, float] | None
) -> dict[int, str]:
    def cell(share: float) -> int:
        return min(width - 1, int(width * share / whole))

    marks: dict[int, str] = {}
    if chance is not None:
        low, high = (cell(limit) for limit in chance)
        marks |= dict.fromkeys(range(low, high + 1), "─")
        if high > low:
            marks |= {low: "├", high: "┤"}
    if began is not None:
        marks[cell(began)] = "┼" if marks.get(cell(began)) == "─" and chance else "│"
    return marks


def progress_bar(part: float, width: int) -> Text:
    """The part that is done."""
    filled = round(width * min(1.0, max(0.0, part)))
    return Text.assemble(("━" * filled, "green"), ("─" * (width - filled), SOFT))


def trend(values: Sequence[float], width: int) -> str:
    """Values over time as heights from 0 to the largest; of more than ``width``, some evenly."""
    if len(values) > width:
        last = len(values) - 1
        values = [values[round(place * last / max(1, width - 1))] for place in range(width)]
    top = max(values, default=0) or 1
    return "".join(HEIGHTS[round(7 * max(0.0, value) / top)] for value in values)
