"""The two pictures of a generation: its grid of samples and its histogram of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.drawing.bars import ClassShares, histogram, legend_entries, stack
from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.tiles import by_class, mosaic

COLUMNS = 16
LEGEND_COLUMNS = 4
MOST_NAMES = 20


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
    width, margin = 8.0, 0.05
    wide = width - 2 * margin
    tall = wide * picture.shape[0] / picture.shape[1]
    names = len(order) + 1
    legend_rows = -(-names // LEGEND_COLUMNS) if names <= MOST_NAMES else 0
    above, bar_height, below = 0.28, 0.22, 0.08 + 0.18 * legend_rows
    height = above + tall + 0.08 + bar_height + below
    with figure(width, height) as made:
        made.set_layout_engine("none")
        made.text(margin / width, 1 - 0.19 / height, title, weight="bold", fontsize=10)
        bottom = 1 - (above + tall) / height
        grid = made.add_axes((margin / width, bottom, wide / width, tall / height))
        grid.imshow(picture, interpolation="nearest", aspect="auto")
        grid.set_axis_off()
        bar = made.add_axes((margin / width, below / height, wide / width, bar_height / height))
        stack(bar, shares)
        if legend_rows:
            made.legend(
                handles=legend_entries(shares, numbers=True),
                loc="lower center",
                borderaxespad=0.1,
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
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            borderaxespad=0.2,
            title="in colour: these images, with 95 % intervals",
            title_fontsize=8,
            alignment="right",
        )
        return png(made)
