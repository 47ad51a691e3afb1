"""The strip: one row for each generation, the same noise in every row, sorted by class."""

from __future__ import annotations

from imgcollapse.drawing.bars import legend_entries, stack
from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.tiles import by_class, mosaic
from imgcollapse.figures.tables import RunTables

COLUMNS = 16
MOST_ROWS = 12


def draw_strip(tables: RunTables) -> bytes:
    """Up to twelve generations, evenly chosen, each with the bar of its class shares; PNG."""
    generations = chosen_generations(tables.generations)
    rows = []
    for generation in generations:
        images, verdicts = tables.grid(generation)
        images, verdicts = images[:COLUMNS], verdicts[:COLUMNS]
        chosen = by_class(verdicts, tables.order)
        rows.append(mosaic(images[chosen], verdicts[chosen], len(chosen), len(tables.classes)))
    width = 8.0
    tall = width * 0.8 * rows[0].shape[0] / rows[0].shape[1]
    legend_rows = -(-(len(tables.classes) + 1) // 4) if len(tables.classes) <= 15 else 0
    height = len(rows) * (tall + 0.06) + 0.45 + 0.19 * legend_rows
    with figure(width, height) as made:
        made.get_layout_engine().set(h_pad=0.01, hspace=0.02, w_pad=0.02)  # type: ignore[union-attr]
        axes = made.subplots(len(rows), 2, width_ratios=[4, 1], squeeze=False)
        for (left, right), row, generation in zip(axes, rows, generations, strict=True):
            left.imshow(row, interpolation="nearest", aspect="equal")
            left.set_xticks([])
            left.set_yticks([row.shape[0] / 2], [str(generation)])
            left.tick_params(length=0)
            left.spines[:].set_visible(False)
            stack(right, tables.shares(generation), vertical=False)
        axes[0][0].set_title("samples of the same noise in each generation")
        n = tables.shares(generations[-1]).n
        axes[0][1].set_title(f"shares of {n:,} images", fontweight="normal")
        made.supylabel("generation", fontsize=9)
        if legend_rows:
            made.legend(
                handles=legend_entries(tables.shares(generations[-1]), numbers=False),
                loc="outside lower center",
                ncols=4,
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
