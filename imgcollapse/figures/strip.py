"""The strip: one row for each generation, the same noise in every row, sorted by class."""

from __future__ import annotations

from imgcollapse.drawing.bars import legend_entries, stack
from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.tiles import by_class, mosaic
from imgcollapse.figures.tables import RunTables

COLUMNS = 16
MOST_ROWS = 12
LEGEND_COLUMNS = 5
MOST_NAMES = 20


def draw_strip(tables: RunTables) -> bytes:
    """Up to twelve generations, evenly chosen, each with the bar of its class shares; PNG."""
    generations = chosen_generations(tables.generations)
    rows = []
    for generation in generations:
        images, verdicts = tables.grid(generation)
        images, verdicts = images[:COLUMNS], verdicts[:COLUMNS]
        chosen = by_class(verdicts, tables.order)
        rows.append(mosaic(images[chosen], verdicts[chosen], len(chosen), len(tables.classes)))
    width, wide = 8.0, 6.2
    tall = wide * rows[0].shape[0] / rows[0].shape[1]
    step = tall + 0.07
    names = len(tables.classes) + 1
    legend_rows = -(-names // LEGEND_COLUMNS) if names <= MOST_NAMES else 0
    above, below = 0.3, 0.08 + 0.19 * legend_rows
    height = above + len(rows) * step + below
    with figure(width, height) as made:
        made.set_layout_engine("none")
        for place, (row, generation) in enumerate(zip(rows, generations, strict=True)):
            bottom = 1 - (above + place * step + tall) / height
            left = made.add_axes((0.5 / width, bottom, wide / width, tall / height))
            left.imshow(row, interpolation="nearest", aspect="auto")
            left.set_axis_off()
            middle = bottom + tall / height / 2
            made.text(0.4 / width, middle, str(generation), ha="right", va="center")
            share = (0.5 + wide + 0.1) / width
            right = made.add_axes((share, bottom, 0.99 - share, tall / height))
            stack(right, tables.shares(generation))
        top = 1 - 0.2 / height
        middle = 1 - (above + len(rows) * step / 2) / height
        made.text(0.12 / width, middle, "generation", rotation=90, ha="center", va="center")
        made.text(0.5 / width, top, "samples of the same noise in each generation", weight="bold")
        n = tables.shares(generations[-1]).n
        made.text(share, top, f"shares of {n:,}", weight="bold")
        if legend_rows:
            made.legend(
                handles=legend_entries(tables.shares(generations[-1]), numbers=False),
                loc="lower center",
                bbox_to_anchor=(0.5, 0.0),
                borderaxespad=0.1,
                ncols=LEGEND_COLUMNS,
                handlelength=1.0,
            )
        return png(made)


def chosen_generations(generations: list[int]) -> list[int]:
    """All generations, or twelve of them that hold the first and the last."""
    if len(generations) <= MOST_ROWS:
        return generations
    last = len(generations) - 1
    places = {round(place * last / (MOST_ROWS - 1)) for place in range(MOST_ROWS)}
    return [generations[place] for place in sorted(places)]
