"""How figures look: the sizes and letters of a venue, on light or dark paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Venue:
    """Widths of a column and of the page's text in inches, and the letters, in points."""

    column: float
    page: float
    family: str
    size: float


SERIF, SANS = "STIXGeneral", "DejaVu Sans"
"""Both come with matplotlib, so that every machine draws the same letters."""

VENUES = {
    "plain": Venue(4.4, 7.0, SANS, 9),
    "neurips": Venue(2.7, 5.5, SERIF, 8),
    "iclr": Venue(2.7, 5.5, SERIF, 8),
    "icml": Venue(3.25, 6.75, SERIF, 8),
    "cvpr": Venue(3.25, 6.875, SERIF, 8),
    "nature": Venue(3.504, 7.205, SANS, 6),
}
"""Text widths of the venues' own style files; of one column a half, less the gap, is a column."""


@dataclass(frozen=True)
class Theme:
    """Colours of paper, letters, lesser letters, lines, of chance alone, and of the tail."""

    paper: str
    ink: str
    soft_ink: str
    grid: str
    chance: str
    accent: str

    @property
    def is_dark(self) -> bool:
        return self.paper < self.ink


THEMES = {
    "light": Theme("#FFFFFF", "#222222", "#666666", "#DDDDDD", "#C8C8C8", "#CC3311"),
    "dark": Theme("#15171A", "#ECECEC", "#A8A8A8", "#3A3D42", "#5A5E66", "#FF7A5C"),
}


@dataclass(frozen=True)
class Look:
    venue: Venue
    theme: Theme

    @property
    def line(self) -> float:
        """The height of a line of text in inches."""
        return self.venue.size * 1.45 / 72


def look_of(style: str = "plain", theme: str = "light") -> Look:
    """The look of a venue on a paper, by their names."""
    return Look(VENUES[style], THEMES[theme])


PLAIN = look_of()


def settings(look: Look) -> dict[str, Any]:
    """Matplotlib's settings for a look, but for the fonts; sizes in words follow its letters.

    Texts hold names of classes, so that no ``$`` begins a formula.
    """
    theme, size = look.theme, look.venue.size
    return {
        "font.size": size,
        "axes.titlesize": size + 1 if look.venue.family == SANS else size,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.labelsize": size,
        "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1,
        "axes.edgecolor": theme.soft_ink,
        "axes.facecolor": theme.paper,
        "axes.labelcolor": theme.ink,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "text.color": theme.ink,
        "text.parse_math": False,
        "xtick.color": theme.soft_ink,
        "ytick.color": theme.soft_ink,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 4,
        "legend.frameon": False,
        "legend.fontsize": size - 1,
        "hatch.linewidth": 0.6,
        "hatch.color": theme.paper,
        "figure.dpi": 150,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "imgcollapse",
    }
