"""The path of a chain over precision and recall."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from imgcollapse.drawing.labels import number_points
from imgcollapse.drawing.look import Look
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR, Score

REFERENCE = "initial"
COLOURS = "cividis"


def plot_path(tables: RunTables) -> Plot:
    """A numbered point for each generation, joined, with 95 % limits, and the floor."""
    precision = tables.needed("precision", REFERENCE)
    recall = tables.needed("recall", REFERENCE)
    generations = tables.generations
    n, floor_n = precision[generations[0]].n, precision[FLOOR].n

    def fill(made: Figure, look: Look) -> None:
        axes = made.subplots()
        dark = look.theme.paper != "#FFFFFF"
        shades = colormaps[COLOURS](np.linspace(0.4, 1.0, len(generations)) if dark
                                    else np.linspace(0.0, 0.85, len(generations)))  # fmt: skip
        points = [(recall[one].value, precision[one].value) for one in generations]
        axes.plot(*zip(*points, strict=True), color=look.theme.soft_ink, linewidth=0.8)
        for one, point, shade in zip(generations, points, shades, strict=True):
            across, up = _reach(recall[one]), _reach(precision[one])
            axes.errorbar(
                *point, up, across, color=to_hex(shade), marker="o", markersize=4, elinewidth=0.8,
            )  # fmt: skip
        real = (recall[FLOOR].value, precision[FLOOR].value)
        axes.errorbar(
            *real, _reach(precision[FLOOR]), _reach(recall[FLOOR]), color=look.theme.ink,
            marker="s", markersize=4, markerfacecolor=look.theme.paper, elinewidth=0.8,
        )  # fmt: skip
        axes.set(xlabel="recall", ylabel="precision", title=f"precision and recall, {n:,} images")
        axes.set_xlim(right=min(1.02, axes.get_xlim()[1]))
        axes.set_ylim(top=min(1.02, axes.get_ylim()[1]))
        axes.grid()
        style: dict[str, Any] = {"color": look.theme.ink, "linestyle": "", "markersize": 4}
        made.legend(
            handles=[
                Line2D([], [], marker="o", label="generation, by number", **style),
                Line2D(
                    [], [], marker="s", markerfacecolor=look.theme.paper,
                    label="real images scored alike", **style,
                ),
            ],
            loc="outside lower center",
            ncols=1 if look.venue.column < 3 else 2,
        )  # fmt: skip
        lines = list(pairwise(points))
        for one in (FLOOR, *generations):
            x, y = recall[one], precision[one]
            lines.append(((x.low or 0, y.value), (x.high or 1, y.value)))
            lines.append(((x.value, y.low or 0), (x.value, y.high or 1)))
        number_points(made, axes, [real, *points], ["", *map(str, generations)], lines)

    def size(look: Look) -> tuple[float, float]:
        return look.venue.column, 0.72 * look.venue.column + 2.4 * look.line

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "generation", "recall", "recall_low", "recall_high", "precision", "precision_low",
            "precision_high", "n",
        ),
        rows=[
            (
                one, recall[one].value, recall[one].low, recall[one].high,
                precision[one].value, precision[one].low, precision[one].high, precision[one].n,
            )
            for one in [FLOOR, *generations]
        ],
        caption=(
            f"Precision and recall of {n:,} samples of each generation of one chain against the "
            "real images that it began with, on the judge's features with 5 nearest neighbours; "
            f"the square is {floor_n:,} held-out real images scored alike (generation -1 in the "
            "table). Whiskers are 95 % limits of measurement, not of how chains differ."
        ),
        n={"chains": 1, "samples of each generation": n, "held-out real images": floor_n},
    )  # fmt: skip


def _reach(score: Score) -> np.ndarray:
    """How far the limits are below and above, 2×1."""
    low = score.value if score.low is None else score.low
    high = score.value if score.high is None else score.high
    return np.array([[score.value - low], [high - score.value]])
