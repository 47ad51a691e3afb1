"""The strip: one row for each generation, the same noise in every row, sorted by class."""

from __future__ import annotations

from matplotlib.figure import Figure

from imgcollapse.drawing.bars import legend_entries, scale_of_classes, stack
from imgcollapse.drawing.labels import legend_columns, legend_height
from imgcollapse.drawing.letters import LONGEST
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import REJECT_NAME
from imgcollapse.drawing.tiles import by_class, mosaic
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables

COLUMNS = 16
FEWEST = 10
"""Of fewer samples the pictures are no larger than of so many."""
MOST_ROWS = 12
MOST_NAMES = 20
BAR = 0.15
"""The part of the width that the bars take."""
GAP = 0.06
"""Inches between rows; sides and bars are a little more apart."""


def plot_strip(tables: RunTables) -> Plot:
    """Up to twelve generations, evenly chosen, each with the bar of its class shares."""
    generations = chosen_generations(tables.generations, MOST_ROWS)
    rows = []
    for generation in generations:
        images, verdicts = tables.grid(generation)
        images, verdicts = images[:COLUMNS], verdicts[:COLUMNS]
        chosen = by_class(verdicts, tables.order)
        rows.append((images[chosen], verdicts[chosen]))
    num_classes = len(tables.classes)
    num, _, tile_height, tile_width = rows[0][0].shape
    sets = [tables.shares(generation) for generation in generations]
    few = num_classes <= MOST_NAMES
    names = [*(name[:LONGEST] for name in tables.classes), REJECT_NAME]

    def layout(look: Look) -> tuple[float, float, float, float, float]:
        """Left of the pictures, their width and a row's height, above and below the rows."""
        left = (1.4 + 0.6 * len(str(generations[-1]))) * look.line
        wide = look.venue.page * (1 - BAR) - left - 0.1
        tall = wide / max(num, FEWEST) * (tile_height + 0.08 * tile_height) / tile_width
        below = legend_height(names, look.venue.page - left, look) if few else 1.6 * look.line
        return left, wide, tall, 1.6 * look.line, below

    def size(look: Look) -> tuple[float, float]:
        _, _, tall, above, below = layout(look)
        return look.venue.page, above + len(generations) * (tall + GAP) + below

    def fill(made: Figure, look: Look) -> None:
        made.set_layout_engine("none")
        (width, height), (left, wide, tall, above, below) = size(look), layout(look)
        bars = left + wide + 0.1
        for place, ((images, verdicts), generation) in enumerate(
            zip(rows, generations, strict=True)
        ):
            bottom = height - above - place * (tall + GAP) - tall
            across = wide * min(1.0, num / FEWEST)
            axes = made.add_axes((left / width, bottom / height, across / width, tall / height))
            picture = mosaic(images, verdicts, num, num_classes, look.theme.paper)
            axes.imshow(picture, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            made.text(
                (left - 0.07) / width, (bottom + tall / 2) / height, str(generation),
                ha="right", va="center",
            )  # fmt: skip
            bar = made.add_axes(
                (bars / width, bottom / height, (width - bars - 0.03) / width, tall / height)
            )
            stack(bar, sets[place])
        top = 1 - 1.15 * look.line / height
        middle = 1 - (above + len(generations) * (tall + GAP) / 2) / height
        if len(generations) * (tall + GAP) > 5 * look.line:
            made.text(
                0.55 * look.line / width, middle, "generation", rotation=90, ha="center",
                va="center",
            )  # fmt: skip
        title = "samples of the same noise in each generation"
        made.text(left / width, top, title, weight="bold")
        made.text(
            (width - 0.03) / width, top, f"shares of {sets[-1].n:,}", weight="bold", ha="right"
        )
        if few:
            made.legend(
                handles=legend_entries(sets[-1], numbers=False),
                loc="upper left",
                bbox_to_anchor=(left / width, below / height),
                borderaxespad=0.0,
                borderpad=0.2,
                ncols=legend_columns(names, width - left, look),
                handlelength=1.0,
            )
        else:
            scale = made.add_axes(
                (left / width, 0.6 * look.line / height, 0.4 * wide / width, 0.1 / height)
            )
            scale_of_classes(scale, sets[-1])

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
        n={"chains": 1, "samples of each generation": sets[-1].n},
    )


def chosen_generations(generations: list[int], most: int = MOST_ROWS) -> list[int]:
    """All generations, or so many of them, evenly chosen, that hold the first and the last."""
    if len(generations) <= most:
        return generations
    last = len(generations) - 1
    places = {round(place * last / (most - 1)) for place in range(most)}
    return [generations[place] for place in sorted(places)]
