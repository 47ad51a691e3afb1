"""The Fréchet distance on judge features over the generations, with its floor."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from imgcollapse.drawing.look import Look
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR

LINES = (
    ("initial", "#0072B2", "to the real images it began with"),
    ("balanced", "#D55E00", "to balanced real images"),
)


def plot_distance(tables: RunTables) -> Plot:
    """``fd_judge`` to both references; dashed: held-out real images, scored alike."""
    found = {reference: tables.values("fd_judge", reference) for reference, _, _ in LINES}
    n = found["initial"][tables.generations[0]].n

    def fill(made: Figure, look: Look) -> None:
        axes = made.subplots()
        for reference, colour, label in LINES:
            scores = dict(found[reference])
            floor = scores.pop(FLOOR)
            axes.plot(
                list(scores), [score.value for score in scores.values()],
                color=colour, marker="o", label=label,
            )  # fmt: skip
            low, high = ([getattr(one, end) for one in scores.values()] for end in ("low", "high"))
            axes.fill_between(list(scores), low, high, color=colour, alpha=0.2, linewidth=0)
            axes.axhline(
                floor.value, color=colour, linestyle="--", linewidth=1,
                label=f"the same of {floor.n:,} real images",
            )  # fmt: skip
        axes.set(xlabel="generation", ylabel="Fréchet distance", ylim=(0, None))
        axes.set_title(f"distance on judge features, {n:,} images")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        narrow = look.venue.column < 4
        made.legend(loc="outside lower center", ncols=1 if narrow else 2)

    return Plot(
        size=lambda look: (look.venue.column, 0.62 * look.venue.column + 3 * look.line),
        fill=fill,
        columns=("generation", "reference", "value", "low", "high", "n"),
        rows=[
            (one.generation, one.reference, one.value, one.low, one.high, one.n)
            for scores in found.values()
            for one in scores.values()
        ],
        caption=(
            f"Fréchet distance on the judge's features of {n:,} samples of each generation of one "
            "chain to the real images that it began with and to balanced real images. Bands are "
            "95 % limits of measurement, not of how chains differ; dashed lines are held-out real "
            "images scored alike (generation -1 in the table)."
        ),
    )
