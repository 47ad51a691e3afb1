"""One colour for each class everywhere, told apart by colour-blind readers too."""

from __future__ import annotations

import colorsys

COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2",
    "#D55E00", "#F0E442", "#332288", "#882255", "#999933",
)  # fmt: skip
"""Okabe and Ito 2008, then three of Tol 2021."""

ARC = 0.85
"""The part of the wheel of hues that many classes take, so that the last is not like the first."""

REJECT_COLOUR = "#D9D9D9"
REJECT_HATCH = "////"
REJECT_NAME = "no class (rejected)"


def class_colours(num_classes: int) -> list[str]:
    """Colours in class order: the ten above, and beyond ten a wheel in two lightnesses."""
    if num_classes <= len(COLOURS):
        return list(COLOURS[:num_classes])
    wheel = []
    for place in range(num_classes):
        lightness = 0.42 if place % 2 else 0.62
        red, green, blue = colorsys.hls_to_rgb(ARC * place / num_classes, lightness, 0.6)
        wheel.append(f"#{round(red * 255):02X}{round(green * 255):02X}{round(blue * 255):02X}")
    return wheel
