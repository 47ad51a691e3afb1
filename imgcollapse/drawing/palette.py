"""One colour for each class everywhere, told apart by colour-blind readers too; and for arms."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

Dashes = Literal["solid"] | tuple[int, tuple[float, ...]]

COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2",
    "#D55E00", "#F0E442", "#332288", "#882255", "#999933",
)  # fmt: skip
"""Okabe and Ito 2008, then three of Tol 2021."""

ARC = 0.85
"""The part of the wheel of hues that many classes take, so that the last is not like the first."""

LEAST_CONTRAST = 3.0
"""Of a class's lines and areas against dark paper (WCAG 2.2, 1.4.11)."""
FAINTEST = 1.6
"""Areas of less contrast have an edge where they stand alone."""

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


def contrast(colour: str, other: str) -> float:
    """How far apart two colours are in brightness, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def on_paper(colour: str, paper: str) -> str:
    """The colour of a class on a paper: on dark paper, dark colours are mixed with white."""
    if _luminance(paper) > 0.5 or contrast(colour, paper) >= LEAST_CONTRAST:
        return colour
    own = np.array(to_rgb(colour))
    mixed = (to_hex(tuple(own + part * (1 - own))).upper() for part in np.linspace(0, 1, 101))
    return next(one for one in mixed if contrast(one, paper) >= LEAST_CONTRAST)


def edge_on(colour: str, paper: str, ink: str) -> str:
    """The edge of an area that stands alone: of ink where the area is hardly seen, else none."""
    return ink if contrast(colour, paper) < FAINTEST else "none"


def _luminance(colour: str) -> float:
    values = np.array(to_rgb(colour))
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@dataclass(frozen=True)
class ArmStyle:
    """How an arm of a study is drawn; no two of twelve share a marker, nor a colour and dashes."""

    colour: str
    marker: str
    dashes: Dashes
    is_filled: bool


ARM_COLOURS = ("#3C5AF0", "#D20F87", "#87B40F", "#0FA5FF", "#785A1E", "#F08787")
"""Searched for: 30 apart in CIELAB for every kind of eye, and 20 from those of the classes."""
MARKERS = ("s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
DASHES: tuple[Dashes, ...] = (
    (0, (4, 1.2)), (0, (1, 1)), (0, (6, 1.2, 1, 1.2)), (0, (2.5, 1)), (0, (6, 1, 1, 1, 1, 1)),
)  # fmt: skip


def arm_styles(others: int, ink: str) -> list[ArmStyle]:
    """The control, a solid line in the ink of the letters, and then so many other arms."""
    return [
        ArmStyle(ink, "o", "solid", True),
        *(
            ArmStyle(
                colour=ARM_COLOURS[place % len(ARM_COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                dashes=DASHES[place % len(DASHES)],
                is_filled=place < len(ARM_COLOURS),
            )
            for place in range(others)
        ),
    ]


HEAT = colormaps["cividis"]
"""For numbers: even steps to the eye, also a colour-blind one (Nuñez et al. 2018)."""
PLASMA = colormaps["plasma"]


def ramp(num: int, is_dark: bool) -> list[str]:
    """So many colours for numbers that rise, each told apart from the paper."""
    first, last = (0.95, 0.4) if is_dark else (0.78, 0.05)
    return [to_hex(PLASMA(place)) for place in np.linspace(last, first, num)]
