"""Class shares as bars: one stacked bar, and histograms beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import Patch
from numpy.typing import NDArray

from imgcollapse.drawing.canvas import ink, legend_size, paper
from imgcollapse.drawing.letters import shown
from imgcollapse.drawing.palette import (
    REJECT_COLOUR,
    REJECT_HATCH,
    REJECT_NAME,
    class_colours,
    edge_on,
    on_paper,
)
from imgcollapse.scores import percent


@dataclass(frozen=True)
class ClassShares:
    """Counted shares of the classes, common first, and of the rejects, as fractions of n."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reject: float
    n: int


def ordered_colours(order: NDArray[np.int64]) -> tuple[str, ...]:
    """Colours of the classes in another order than their own."""
    colours = class_colours(len(order))
    return tuple(colours[label] for label in order)


def stack(axes: Axes, shares: ClassShares) -> None:
    """One horizontal bar over the whole of the axes, its parts apart by thin white lines."""
    start = 0.0
    parts = zip(shares.shares, shares.colours, strict=True)
    for part, colour in [*parts, (shares.reject, REJECT_COLOUR)]:
        bar = axes.barh(
            0, part, 1.0, left=start, color=on_paper(colour, paper()), edgecolor=paper(),
            linewidth=0.4,
        )  # fmt: skip
        start += part
    bar[0].set_hatch(REJECT_HATCH)
    axes.set(xlim=(0, 1), ylim=(-0.5, 0.5))
    axes.set_axis_off()


def area(colour: str) -> dict[str, Any]:
    """Matplotlib's words for an area that stands alone, inside the ``figure`` context."""
    seen = on_paper(colour, paper())
    return {"facecolor": seen, "edgecolor": edge_on(seen, paper(), ink()), "linewidth": 0.5}


def legend_entries(shares: ClassShares, *, numbers: bool) -> list[Patch]:
    """A patch for each class and one for the rejects, with their shares where asked for."""
    labels = list(zip(shares.names, shares.shares, shares.colours, strict=True))
    entries = [
        Patch(**area(colour), label=f"{shown(name)} {percent(part)}" if numbers else shown(name))
        for name, part, colour in labels
    ]
    label = f"{REJECT_NAME} {percent(shares.reject)}" if numbers else REJECT_NAME
    entries.append(
        Patch(facecolor=REJECT_COLOUR, edgecolor=paper(), hatch=REJECT_HATCH, label=label)
    )
    return entries


def scale_of_classes(axes: Axes, shares: ClassShares) -> None:
    """The colours of many classes in their order, with the names of the first and the last."""
    num = len(shares.names)
    axes.bar(range(num), 1, 1.0, color=[on_paper(one, paper()) for one in shares.colours])
    axes.set(xlim=(-0.5, num - 0.5), ylim=(0, 1), yticks=[], xticks=[])
    axes.spines[:].set_visible(False)
    words = f"{shown(shares.names[0])} to {shown(shares.names[-1])}, common first"
    axes.text(
        1.02, 0.5, f"{num} classes, {words}", transform=axes.transAxes, va="center",
        fontsize=legend_size(),
    )  # fmt: skip


def colour_bars(bars: BarContainer, colours: Sequence[str]) -> None:
    """Bars of the classes in their colours, and the last hatched as that of the rejects."""
    for bar, colour in zip(bars, colours, strict=False):
        bar.set(**area(colour))
    bars[-1].set(facecolor=REJECT_COLOUR, hatch=REJECT_HATCH, edgecolor=paper(), linewidth=0)


def histogram(axes: Axes, now: ClassShares, before: Sequence[tuple[str, ClassShares, str]]) -> None:
    """Bars of each class on a log axis; ``before`` (label, shares, colour) stand to the left.

    Whiskers are 95 % intervals of ``now``; a class that was not seen has no bar but a 0.
    """
    places = np.arange(len(now.names) + 1)
    sets = [*before, ("this generation", now, "")]
    width = 0.84 / len(sets)
    floor = min(0.3 / now.n, 1e-3)
    for position, (label, shares, colour) in enumerate(sets):
        heights = np.append(shares.shares, shares.reject)
        left = places + (position - (len(sets) - 1) / 2) * width
        bars = axes.bar(
            left, heights, width * 0.94, color=colour or None, label=label if colour else None
        )
        if not colour:
            colour_bars(bars, shares.colours)
        for x, height in zip(left, heights, strict=True):
            if height == 0:
                axes.text(
                    x, floor * 1.15, "0", ha="center", va="bottom", fontsize="small", zorder=3,
                    bbox={"facecolor": paper(), "edgecolor": "none", "pad": 0.6},
                )  # fmt: skip
        if not colour:
            ends = np.clip([shares.low, shares.high], floor, 1)
            axes.vlines(left[:-1], *ends, color=ink(), linewidth=0.9)
    axes.set_yscale("log")
    axes.set_ylim(floor, 1)
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.set_xticks(places, [*map(shown, now.names), REJECT_NAME], rotation=30, ha="right")
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
