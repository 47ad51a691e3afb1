"""Samples beside the images of their pool that they are nearest to: memorisation, to be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from imgcollapse.drawing.look import SANS, Look
from imgcollapse.drawing.tiles import in_a_row
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables

MOST = 8
ROWS = ("sample", "in the pool", "ratio")
GAP = 0.22
"""Inches between the generations."""


def plot_neighbours(tables: RunTables) -> Plot:
    """The first generation and the last: the first samples, and those nearest to their pool."""
    generations = sorted({tables.generations[0], tables.generations[-1]})
    kept = {generation: tables.neighbours(generation) for generation in generations}
    first = kept[generations[0]]
    shown = min(MOST, len(first["samples"]) // 2 or 1)
    ratios = {one: _ratios(found) for one, found in kept.items()}
    pools = {one: [int(count) for count in found["counts"]] for one, found in kept.items()}

    def layout(look: Look) -> tuple[float, float, float, float]:
        """Left of the pictures, the width of a block, and the height and width of a tile."""
        left = (6.6 if look.venue.family == SANS else 5.4) * look.venue.size / 72
        blocks = len(generations)
        wide = (look.venue.page - left - 0.04 - GAP * (blocks - 1)) / blocks
        if blocks == 1:
            wide = look.venue.column - left - 0.04
        tile = wide / shown
        height, width = first["samples"].shape[1:3]
        return left, wide, tile * height / width, tile

    def size(look: Look) -> tuple[float, float]:
        left, wide, tall, _ = layout(look)
        width = left + len(generations) * wide + (len(generations) - 1) * GAP + 0.04
        return width, 1.4 * look.line + 2 * (2 * tall + 2.9 * look.line)

    def fill(made: Figure, look: Look) -> None:
        made.set_layout_engine("none")
        (width, height), (left, wide, tall, tile) = size(look), layout(look)
        for column, generation in enumerate(generations):
            start = left + column * (wide + GAP)
            made.text(
                start / width, 1 - look.line / height, f"generation {generation}", weight="bold"
            )
            for row, words in enumerate(("the first samples", "those nearest to the pool")):
                top = height - 1.4 * look.line - row * (2 * tall + 2.9 * look.line)
                made.text(start / width, (top - look.line) / height, words, fontsize="medium")
                chosen = slice(row * shown, (row + 1) * shown)
                for place, name in enumerate(("samples", "nearest")):
                    bottom = top - 1.3 * look.line - (place + 1) * tall - place * 0.03
                    images = kept[generation][name][chosen].transpose(0, 3, 1, 2)
                    axes = made.add_axes(
                        (start / width, bottom / height, len(images) * tile / width, tall / height)
                    )
                    axes.imshow(
                        in_a_row(images, look.theme.paper), interpolation="nearest", aspect="auto"
                    )
                    axes.set_axis_off()
                    if column == 0:
                        made.text(
                            (left - 0.06) / width, (bottom + tall / 2) / height, ROWS[place],
                            ha="right", va="center", fontsize=look.venue.size - 1,
                        )  # fmt: skip
                middle = (top - 1.3 * look.line - 2 * tall - 0.03 - 0.55 * look.line) / height
                if column == 0:
                    made.text(
                        (left - 0.06) / width, middle, ROWS[2], ha="right", va="center",
                        fontsize=look.venue.size - 1,
                    )  # fmt: skip
                for place, ratio in enumerate(ratios[generation][chosen]):
                    made.text(
                        (start + (place + 0.5) * tile) / width, middle, _word(ratio), ha="center",
                        va="center", fontsize=look.venue.size - 1,
                    )  # fmt: skip

    return Plot(
        size=size,
        fill=fill,
        columns=("generation", "place", "origin", "to_pool", "to_held_out", "ratio"),
        rows=[
            (one, place, int(origin), float(near), float(far), ratio)
            for one, found in kept.items()
            for place, (origin, near, far, ratio) in enumerate(
                zip(found["origins"], found["to_pool"], found["to_held_out"], ratios[one],
                    strict=True)
            )
        ],
        caption=(
            f"Samples of one chain beside the image of their pool that is nearest to each on the "
            f"judge's features: the first {shown} of a generation, and the {shown} of all scored "
            "that are nearest to their pool. The ratio is the distance to it over that to the "
            "nearest of held-out real images, which no generator trained on: 0 is a copy. "
            "A larger set has nearer images: "
            + "; ".join(
                f"generation {one}: {pool:,} of the pool, {held_out:,} held out"
                for one, (pool, held_out) in pools.items()
            )
            + ". Places below the first in the table are those nearest to the pool."
        ),
        n={
            "chains": 1,
            "pool images searched": pools[generations[-1]][0],
            "held-out real images": pools[generations[-1]][1],
        },
    )  # fmt: skip


def _ratios(found: dict[str, NDArray[Any]]) -> list[float | None]:
    """Distance to the pool over that to held-out images, None where the latter is 0."""
    both = zip(found["to_pool"], found["to_held_out"], strict=True)
    return [float(near / far) if far > 0 else None for near, far in both]


def _word(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return "0" if ratio == 0 else f"{ratio:.2f}" if ratio < 10 else f"{np.round(ratio):.0f}"
