"""Fréchet distances over the generations, with their floor."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imgcollapse.drawing.labels import generations_axis, legend_columns
from imgcollapse.drawing.look import Look
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR, Score

LINES = (
    ("initial", "#0072B2", "to the real images it began with"),
    ("balanced", "#D55E00", "to balanced real images"),
)
FID = "fid"
ALIKE = "real images scored alike"

Found = dict[str, dict[int, Score]]


def plot_distance(tables: RunTables) -> Plot:
    """``fd_judge`` to both references, and ``fid`` where there is any; dashed: the floor."""
    found: Found = {name: tables.needed("fd_judge", name) for name, _, _ in LINES}
    inception: Found = {name: tables.values(FID, name) for name, _, _ in LINES}
    inception = {name: scores for name, scores in inception.items() if scores}
    panels = [found, inception] if inception else [found]
    words = [label for _, _, label in LINES]
    n = found["initial"][tables.generations[0]].n

    def fill(made: Figure, look: Look) -> None:
        titles = (f"judge features, {n:,} images", "Inception features (FID)")
        row = made.subplots(1, len(panels), squeeze=False)[0]
        for axes, scores, title in zip(row, panels, titles, strict=False):
            _draw(axes, scores, tables.generations, look)
            axes.set_title(title)
        row[0].set_ylabel("Fréchet distance")
        handles, labels = row[0].get_legend_handles_labels()
        made.legend(handles, labels, loc="outside lower center", ncols=columns(look))

    def columns(look: Look) -> int:
        """Of the legend: three in a row, or one below the other."""
        return 3 if legend_columns([ALIKE, *words], width(look), look) == 3 else 1

    def width(look: Look) -> float:
        return look.venue.page if inception else look.venue.column

    def size(look: Look) -> tuple[float, float]:
        rows = 3 / columns(look)
        return width(look), 0.58 * look.venue.column + (1.6 + rows) * look.line

    return Plot(
        size=size,
        fill=fill,
        columns=("metric", "generation", "reference", "value", "low", "high", "n"),
        rows=[
            (one.metric, one.generation, one.reference, one.value, one.low, one.high, one.n)
            for panel in panels
            for scores in panel.values()
            for one in scores.values()
        ],
        caption=(
            f"Fréchet distance on the judge's features of {n:,} samples of each generation of one "
            "chain to the real images that it began with and to balanced real images"
            + (", and the same on Inception features. " if inception else ". ")
            + "Bands are 95 % limits of measurement, not of how chains differ; dashed lines are "
            f"{found['initial'][FLOOR].n:,} held-out real images scored alike (generation -1 in "
            "the table)."
        ),
        n={
            "chains": 1,
            "samples of each generation": n,
            "held-out real images": found["initial"][FLOOR].n,
        },
    )


def _draw(axes: Axes, found: Found, generations: list[int], look: Look) -> None:
    for reference, colour, label in LINES:
        if reference not in found:
            continue
        scores = dict(found[reference])
        floor = scores.pop(FLOOR, None)
        drawn = list(scores.values())
        axes.plot(list(scores), [one.value for one in drawn], color=colour, marker="o", label=label)
        low = [one.value if one.low is None else one.low for one in drawn]
        high = [one.value if one.high is None else one.high for one in drawn]
        if len(drawn) == 1:
            axes.vlines(list(scores), low, high, color=colour, linewidth=1)
        axes.fill_between(list(scores), low, high, color=colour, alpha=0.2, linewidth=0)
        if floor is not None:
            axes.axhline(floor.value, color=colour, linestyle="--", linewidth=1)
    axes.plot(
        [], [], color=look.theme.soft_ink, linestyle="--", linewidth=1,
        label=ALIKE,
    )  # fmt: skip
    axes.set_ylim(0, None)
    generations_axis(axes, generations)
    axes.grid(axis="y")
