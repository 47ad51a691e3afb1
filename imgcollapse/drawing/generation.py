"""The two pictures of a generation: its grid of samples and its histogram of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.drawing.bars import ClassShares, histogram, legend_entries, stack
from imgcollapse.drawing.canvas import SOFT_INK, figure, png
from imgcollapse.drawing.tiles import by_class, mosaic

COLUMNS = 16
LEGEND_COLUMNS = 4


def draw_grid(
    images: NDArray[np.uint8],
    verdicts: NDArray[np.int64],
    order: NDArray[np.int64],
    shares: ClassShares,
    title: str,
) -> bytes:
    """Samples sorted by judged class over a bar of the class shares, as PNG.

    ``images`` uint8 N×C×H×W, ``verdicts`` int64 N with -1 for rejects, ``order`` the classes,
    common first.
    """
    chosen = by_class(verdicts, order)
    picture = mosaic(images[chosen], verdicts[chosen], min(COLUMNS, len(images)), len(order))
    width = 8.0
    tall = width * picture.shape[0] / picture.shape[1]
    legend_rows = -(-(len(order) + 1) // LEGEND_COLUMNS)
    if legend_rows > 4:
        legend_rows = 0
    below = 0.3 + 0.17 * legend_rows
    with figure(width, tall + below + 0.35) as made:
        grid, bar = made.subplots(2, 1, height_ratios=[tall, 0.25])
        grid.imshow(picture, interpolation="nearest", aspect="equal")
        grid.set_axis_off()
        grid.set_title(title)
        stack(bar, shares, vertical=False)
        if legend_rows:
            made.legend(
                handles=legend_entries(shares, numbers=True),
                loc="outside lower center",
                ncols=LEGEND_COLUMNS,
                handlelength=1.0,
            )
        return png(made)


def draw_histogram(
    now: ClassShares, before: Sequence[tuple[str, ClassShares]], title: str
) -> bytes:
    """Class frequencies of a generation beside those of earlier sets, rejects apart, as PNG."""
    greys = ("#4D4D4D", "#A6A6A6")
    with figure(7.0, 3.6) as made:
        axes = made.subplots()
        earlier = [(*one, grey) for one, grey in zip(before, greys, strict=False)]
        histogram(axes, now, earlier)
        axes.set_title(title)
        axes.set_ylabel("share of the images")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2,
            title="coloured: this generation, with 95 % interval; grey:",
            title_fontsize=8, labelcolor=SOFT_INK,
        )  # fmt: skip
        return png(made)
