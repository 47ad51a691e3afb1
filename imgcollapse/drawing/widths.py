"""How long words are in the letters of a look, to leave room for them before anything is drawn."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

import matplotlib
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from imgcollapse.drawing.letters import families_for
from imgcollapse.drawing.look import Look

BREAKS = re.compile(r"[-_=\u00a0]|\.(?!\d)")
"""After these a word that is too long is broken, if it can be: never in a number."""
NUMBER = re.compile(r"[\d.]*\d")


def width_inches(text: str, look: Look, *, smaller: float = 1, bold: bool = False) -> float:
    """The width of a line, in letters so many points smaller than the look's."""
    return _width(text, look.venue.family, look.venue.size - smaller, bold)


def wrapped(text: str, look: Look, inches: float, *, smaller: float = 1, bold: bool = False) -> str:
    """The words in as few lines as fit the width; a word that does not fit is broken."""

    def width(line: str) -> float:
        return width_inches(line, look, smaller=smaller, bold=bold)

    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined) <= inches:
            lines[-1] = joined
            continue
        while width(word) > inches and len(word) > 1:
            most = max(1, bisect_right(range(1, len(word)), inches, key=lambda n: width(word[:n])))
            cut = _cut(word, most)
            lines.append(word[:cut].rstrip("\u00a0"))
            word = word[cut:]
        lines.append(word)
    return "\n".join(lines)


def _cut(word: str, most: int) -> int:
    """Where to break a word after at most so many letters."""
    marks = [one.end() for one in BREAKS.finditer(word) if one.end() <= most]
    if marks and marks[-1] > most // 2:
        return marks[-1]
    inside = [one.start() for one in NUMBER.finditer(word) if one.start() < most < one.end()]
    return inside[0] if inside and inside[0] > 0 else most


@lru_cache(8192)
def _width(text: str, family: str, points: float, bold: bool) -> float:
    if not text.strip():
        return 0.0
    letters = FontProperties(family=families_for(text, family), weight="bold" if bold else "normal")
    with matplotlib.rc_context({"text.parse_math": False}):
        shape = TextPath((0, 0), text, size=points, prop=letters)
    return float(shape.get_extents().x1) / 72
