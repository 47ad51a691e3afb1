"""Matplotlib figures whose bytes depend on nothing but what is drawn."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#222222"
SOFT_INK = "#666666"
DOTS_PER_INCH = 150

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": SOFT_INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": SOFT_INK,
    "ytick.color": SOFT_INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.6,
    "figure.dpi": DOTS_PER_INCH,
    "figure.facecolor": "white",
}


_STYLE_LOCK = threading.RLock()


@contextmanager
def figure(width_inches: float, height_inches: float) -> Iterator[Figure]:
    """An empty figure in the lab's style, whatever the user's own matplotlib settings are.

    One thread at a time: the settings are global.
    """
    with _STYLE_LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        made = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(made)
        yield made


def png(made: Figure) -> bytes:
    """The figure as PNG; call it inside the ``figure`` context."""
    content = io.BytesIO()
    made.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
