"""Matplotlib figures whose bytes depend on nothing but what is drawn."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imgcollapse.drawing.letters import families_for
from imgcollapse.drawing.look import PLAIN, Look, settings

Format = Literal["pdf", "svg", "png"]
DOTS_PER_INCH = {"pdf": 300, "svg": 300, "png": 200}
UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_STYLE_LOCK = threading.RLock()


@contextmanager
def figure(
    width_inches: float, height_inches: float, look: Look = PLAIN, letters: str = ""
) -> Iterator[Figure]:
    """An empty figure in the lab's style, whatever the user's own matplotlib settings are.

    ``letters`` are those of the names in it, for which more fonts are sought if need be. One
    thread at a time: the settings are global.
    """
    with _STYLE_LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        held: Any = matplotlib.rcParams
        held.update(settings(look))
        held["font.family"] = families_for(letters, look.venue.family)
        made = Figure(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(made)
        yield made


def paper() -> str:
    """The colour of the paper, inside the ``figure`` context."""
    return str(matplotlib.rcParams["figure.facecolor"])


def ink() -> str:
    """The colour of letters, inside the ``figure`` context."""
    return str(matplotlib.rcParams["text.color"])


def legend_size() -> float:
    """The size of the lesser letters in points, inside the ``figure`` context."""
    return float(matplotlib.rcParams["legend.fontsize"])


def png(made: Figure) -> bytes:
    """The figure as PNG for a screen; call it inside the ``figure`` context."""
    return _saved(made, "png", made.dpi)


def saved(made: Figure, format: Format) -> bytes:
    """The figure as a file for print, undated; call it inside the ``figure`` context."""
    return _saved(made, format, DOTS_PER_INCH[format])


def _saved(made: Figure, format: str, dots_per_inch: float) -> bytes:
    content = io.BytesIO()
    made.savefig(content, format=format, dpi=dots_per_inch, metadata=UNDATED[format])
    return content.getvalue()
