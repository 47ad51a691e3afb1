"""The Fréchet distance on judge features over the generations, with its floor."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator

from imgcollapse.drawing.canvas import figure, png
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR

LINES = (
    ("initial", "#0072B2", "to the real images it began with"),
    ("balanced", "#D55E00", "to balanced real images"),
)


def draw_distance(tables: RunTables) -> bytes:
    """``fd_judge`` to both references; dashed: held-out real images, scored alike; PNG."""
    with figure(7.0, 3.2) as made:
        axes = made.subplots()
        for reference, colour, label in LINES:
            found = tables.values("fd_judge", reference)
            floor = found.pop(FLOOR)
            axes.plot(
                list(found), [score.value for score in found.values()],
                color=colour, marker="o", markersize=4, label=label,
            )  # fmt: skip
            axes.axhline(
                floor.value, color=colour, linestyle="--", linewidth=1,
                label=f"the same of {floor.n:,} real images",
            )  # fmt: skip
        n = tables.values("fd_judge", "initial")[tables.generations[0]].n
        axes.set(xlabel="generation", ylabel="Fréchet distance", ylim=(0, None))
        axes.set_title(f"distance on judge features, {n:,} images")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        made.legend(loc="outside lower center", ncols=2)
        return png(made)
