"""Colours of classes on a page that is light or dark as its reader wants it."""

from __future__ import annotations

from imgcollapse.drawing.palette import class_colours, on_paper

DARK_CARD = "#1B1E24"
"""``--card`` of ``page.css`` on dark screens."""
REJECTED = "rejected"
"""Short, for names stand beside bars on a phone too."""


def class_paints(num_classes: int) -> list[str]:
    """In class order, as CSS: two colours where the one would not be seen on a dark page."""
    return [_paint(colour, on_paper(colour, DARK_CARD)) for colour in class_colours(num_classes)]


def _paint(light: str, dark: str) -> str:
    return light if light == dark else f"light-dark({light}, {dark})"
