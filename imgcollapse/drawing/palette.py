"""One colour for each class everywhere, told apart by colour-blind readers too."""

from __future__ import annotations

import colorsys

import numpy as np
from matplotlib.colors import to_hex, to_rgb

COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2",
    "#D55E00", "#F0E442", "#332288", "#882255", "#999933",
)  # fmt: skip
"""Okabe and Ito 2008, then three of Tol 2021."""

ARC = 0.85
"""The part of the wheel of hues that many classes take, so that the last is not like the first."""

BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])
"""How bright red, green and blue are (ITU-R BT.709)."""
DIMMEST = 0.4

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


def on_paper(colour: str, paper: str) -> str:
    """The colour of a thin line: on dark paper, dark colours are mixed with white to be seen."""
    line, ground = np.array(to_rgb(colour)), np.array(to_rgb(paper))
    brightness = float(line @ BRIGHTNESS)
    if ground @ BRIGHTNESS > 0.5 or brightness >= DIMMEST:
        return colour
    red, green, blue = line + (DIMMEST - brightness) / (1 - brightness) * (1 - line)
    return to_hex((red, green, blue)).upper()
