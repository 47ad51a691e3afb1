"""The strip: one row for each generation, the same noise in every row, sorted by class."""

from __future__ import annotations

from matplotlib.figure import Figure

from imgcollapse.drawing.bars import legend_entries, stack
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import REJECT_NAME
from imgcollapse.drawing.tiles import by_class, mosaic
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables

COLUMNS = 16
MOST_ROWS = 12
LEGEND_COLUMNS = 5
MOST_NAMES = 20
BAR = 0.15
"""The part of the width that the bars take."""
GAP = 0.07


def plot_strip(tables: RunTables) -> Plot:
    """Up to twelve generations, evenly chosen, each with the bar of its class shares."""
    generations = chosen_generations(tables.generations)
    pictures = []
    for generation in generations:
        images, verdicts = tables.grid(generation)
        images, verdicts = images[:COLUMNS], verdicts[:COLUMNS]
        chosen = by_class(verdicts, tables.order)
        pictures.append(mosaic(images[chosen], verdicts[chosen], len(chosen), len(tables.classes)))
    sets = [tables.shares(generation) for generation in generations]
    names = len(tables.classes) + 1

    def legend_columns(look: Look) -> int:
        longest = max(len(name) for name in (*tables.classes, REJECT_NAME))
        letter = 0.62 * (look.venue.size - 1) / 72
        return max(1, min(LEGEND_COLUMNS, int(look.venue.page / (letter * (longest + 5)))))

    def layout(look: Look) -> tuple[float, float, float, float]:
        """Width of the pictures, height of a row, and what is above and below the rows."""
        left = 4 * look.line
        wide = look.venue.page * (1 - BAR) - left - 0.1
        tall = wide * pictures[0].shape[0] / pictures[0].shape[1]
        rows = -(-names // legend_columns(look)) if names <= MOST_NAMES + 1 else 0
        return wide, tall, 2 * look.line, 0.08 + 1.05 * look.line * rows

    def size(look: Look) -> tuple[float, float]:
        _, tall, above, below = layout(look)
        return look.venue.page, above + len(generations) * (tall + GAP) + below

    def fill(made: Figure, look: Look) -> None:
        made.set_layout_engine("none")
        (width, height), (wide, tall, above, _) = size(look), layout(look)
        left = 4 * look.line / width
        share = left + (wide + 0.1) / width
        for place, (row, generation) in enumerate(zip(pictures, generations, strict=True)):
            bottom = 1 - (above + place * (tall + GAP) + tall) / height
            axes = made.add_axes((left, bottom, wide / width, tall / height))
            axes.imshow(row, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            middle = bottom + tall / height / 2
            made.text(left - 0.08 / width, middle, str(generation), ha="right", va="center")
            bar = made.add_axes((share, bottom, 0.995 - share, tall / height))
            stack(bar, sets[place])
        top = 1 - 1.3 * look.line / height
        middle = 1 - (above + len(generations) * (tall + GAP) / 2) / height
        made.text(look.line / width, middle, "generation", rotation=90, ha="center", va="center")
        made.text(left, top, "samples of the same noise in each generation", weight="bold")
        made.text(share, top, f"shares of {sets[-1].n:,}", weight="bold")
        if names <= MOST_NAMES + 1:
            made.legend(
                handles=legend_entries(sets[-1], numbers=False),
                loc="lower center",
                bbox_to_anchor=(0.5, 0.0),
                borderaxespad=0.1,
                ncols=legend_columns(look),
                handlelength=1.0,
            )

    return Plot(
        size=size,
        fill=fill,
        columns=("generation", "class", "share", "n"),
        rows=[
            (generation, name, share, one.n)
            for generation, one in zip(generations, sets, strict=True)
            for name, share in [
                *zip(one.names, one.shares, strict=True),
                (REJECT_NAME, one.reject),
            ]
        ],
        caption=(
            "Each row holds samples that one generation of a chain draws from the same noise as "
            "the others, sorted by the class that the judge sees, whose colour is the mark below "
            f"each; the bar holds the shares of the classes in {sets[-1].n:,} samples of that "
            "generation, hatched what the judge takes for no class."
        ),
    )


def chosen_generations(generations: list[int]) -> list[int]:
    """All generations, or twelve of them that hold the first and the last."""
    if len(generations) <= MOST_ROWS:
        return generations
    last = len(generations) - 1
    places = {round(place * last / (MOST_ROWS - 1)) for place in range(MOST_ROWS)}
    return [generations[place] for place in sorted(places)]
