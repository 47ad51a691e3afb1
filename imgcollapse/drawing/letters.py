"""Names as they are drawn: short, on one line, and in letters that a font has."""

from __future__ import annotations

import unicodedata
from functools import cache

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from imgcollapse.drawing.look import SANS

LONGEST = 20
OTHERS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "WenQuanYi Zen Hei", "IPAGothic", "Droid Sans Fallback",
    "Arial Unicode MS", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Thai", "FreeSans",
)  # fmt: skip
"""Families that a machine may have for letters that matplotlib's own fonts lack."""


def families_for(letters: str, first: str) -> list[str]:
    """The family that is asked for, one that has more letters, and others only if need be.

    The first two come with matplotlib, so that every machine draws the same.
    """
    families = list(dict.fromkeys([first, SANS]))
    lacking = set(letters).difference(*map(_letters_of, families))
    lacking = {letter for letter in lacking if not _is_blank(letter)}
    installed = {entry.name for entry in fontManager.ttflist} if lacking else set()
    for family in OTHERS:
        if lacking and family in installed and lacking & _letters_of(family):
            families.append(family)
            lacking -= _letters_of(family)
    return families


def shown(name: str, longest: int = LONGEST) -> str:
    """A name on one line, its middle left out where it is long; inside the ``figure`` context.

    Letters that no font of the figure has are spelled out as their numbers, such as U+732B.
    """
    name = " ".join("".join(" " if _is_blank(letter) else letter for letter in name).split())
    name = name or "–"
    if len(name) > longest:
        tail = (longest - 1) // 2
        name = f"{name[: longest - 1 - tail]}…{name[-tail:]}"
    known = set[str]().union(*map(_letters_of, matplotlib.rcParams["font.family"]))
    return "".join(one if one in known else f"U+{ord(one):04X}" for one in name)


def _is_blank(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf")


@cache
def _letters_of(family: str) -> frozenset[str]:
    font = get_font(findfont(FontProperties(family=[family])))
    return frozenset(map(chr, font.get_charmap()))
