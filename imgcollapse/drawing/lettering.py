"""How long words are in the letters of a look, to leave room for them before anything is drawn."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from imgcollapse.drawing.look import Look


def width_inches(text: str, look: Look, *, smaller: float = 1) -> float:
    """The width of a line, in letters so many points smaller than the look's."""
    return _width(text, look.venue.family, look.venue.size - smaller)


def wrapped(text: str, look: Look, inches: float, *, smaller: float = 1) -> str:
    """The words in as few lines as fit the width; a word that does not fit is broken."""
    lines: list[str] = []
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width_inches(joined, look, smaller=smaller) <= inches:
            lines[-1] = joined
            continue
        while width_inches(word, look, smaller=smaller) > inches and len(word) > 1:
            most = max(
                (n for n in range(1, len(word)) if _fits(word[:n], look, inches, smaller)),
                default=1,
            )
            mark = max((word.rfind(one, 0, most) for one in "-._="), default=-1)
            cut = mark + 1 if mark > most // 2 else most
            lines.append(word[:cut])
            word = word[cut:]
        lines.append(word)
    return "\n".join(lines)


def _fits(text: str, look: Look, inches: float, smaller: float) -> bool:
    return width_inches(text, look, smaller=smaller) <= inches


@lru_cache(4096)
def _width(text: str, family: str, points: float) -> float:
    if not text.strip():
        return 0.0
    shape = TextPath((0, 0), text.replace("$", r"\$"), size=points, prop=FontProperties(family))
    return float(shape.get_extents().x1) / 72
