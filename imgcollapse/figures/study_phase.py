"""The phase diagram: what is left of the tail over two swept knobs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import HEAT, REJECT_HATCH
from imgcollapse.drawing.widths import wrapped
from imgcollapse.figures.arm_words import knob_words
from imgcollapse.figures.arms import INTERVAL, chains_words
from imgcollapse.figures.metric_words import TAIL, percent_of
from imgcollapse.figures.panels import titles
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.study_knobs import at_generation, last_generation, sweep_of
from imgcollapse.figures.study_tables import StudyTables, Summary

BRIGHT = 0.55
"""Luminance above which letters are dark."""


def plot_phase(tables: StudyTables) -> Plot:
    """Heat maps of the tail share in the last generation, one for each arm that is swept."""
    sweep = sweep_of(tables, 2)
    generation = last_generation(tables, tables.arms, TAIL)
    across, up = (sweep.values(place) for place in (0, 1))
    maps = {
        base: at_generation(tables, arms, TAIL, generation) for base, arms in sweep.bases.items()
    }
    every = [one for held in maps.values() for one in held.values()]
    begins = _began(tables)
    most = max(one.mean for one in every) or 1.0

    def widths(look: Look) -> float:
        wide = len(maps) > 1 or len(across) > 4
        return look.venue.page if wide else look.venue.column

    def fill(made: Figure, look: Look) -> None:
        scale = Normalize(0, most)
        panels = made.subplots(1, len(maps), sharey=True, squeeze=False)[0]
        for axes, (base, held) in zip(panels, maps.items(), strict=True):
            _draw_map(axes, held, across, up, scale, look)
            axes.set_xlabel(knob_words(sweep.keys[0]))
            if len(maps) > 1:
                axes.set_title(titles([base], look, len(maps))[0])
        panels[0].set_ylabel(knob_words(sweep.keys[1]))
        bar = made.colorbar(
            ScalarMappable(scale, HEAT), ax=list(panels), aspect=30, pad=0.02, location="right"
        )
        bar.outline.set_visible(False)
        bar.ax.yaxis.set_major_formatter(lambda share, _: percent_of(share))
        label = f"tail share in generation {generation}"
        bar.set_label(wrapped(label, look, size(look)[1] - 2.5 * look.line, smaller=0))
        if begins is not None and begins <= most:
            bar.ax.axhline(begins, color=look.theme.accent, linewidth=1.2)

    def size(look: Look) -> tuple[float, float]:
        cell = min((widths(look) - 1.2) / (len(across) * len(maps)), 0.62)
        return widths(look), max(0.5, 0.7 * cell) * len(up) + 3.5 * look.line

    return Plot(
        size=size,
        fill=fill,
        columns=("arm", *sweep.keys, "generation", "mean", "low", "high", "chains"),
        rows=[
            (base, *at, generation, one.mean, one.low, one.high, one.chains)
            for base, held in maps.items()
            for at, one in held.items()
        ],
        caption=(
            f"Corrected share of the rarer half of the classes in generation {generation} over "
            f"{' and '.join(map(knob_words, sweep.keys))}: mean over "
            f"{chains_words(one.chains for one in every)}; small numbers are {INTERVAL}. "
            "Hatched: not run yet."
            + (
                ""
                if begins is None
                else f" The tail began with {percent_of(begins)} (line on the bar)."
            )
        ),
    )


def short_percentage(share: float) -> str:
    """A percentage in at most three letters."""
    percentage = f"{100 * share:.1f}".removesuffix(".0")
    return percentage if len(percentage) <= 3 else f"{100 * share:.0f}"


def _began(tables: StudyTables) -> float | None:
    """The share of the rarer half in the first pools, if it is the same everywhere."""
    held: dict[tuple[str, int], list[int]] = {}
    for one in tables.counts:
        if one.count:
            held.setdefault((one.arm, one.seed), []).append(one.count)
    shares = {
        sum(sorted(counts)[: len(counts) // 2]) / sum(counts) for counts in held.values() if counts
    }
    return shares.pop() if len(shares) == 1 else None


def _draw_map(
    axes: Axes,
    held: dict[tuple[str, ...], Summary],
    across: list[str],
    up: list[str],
    scale: Normalize,
    look: Look,
) -> None:
    for x, first in enumerate(across):
        for y, second in enumerate(up):
            one = held.get((first, second))
            corner = (x - 0.5, y - 0.5)
            if one is None:
                axes.add_patch(
                    Rectangle(
                        corner, 1, 1, facecolor=look.theme.paper, edgecolor=look.theme.grid,
                        hatch=REJECT_HATCH, linewidth=0,
                    )
                )  # fmt: skip
                continue
            colour = HEAT(scale(one.mean))
            axes.add_patch(
                Rectangle(corner, 1, 1, facecolor=colour, edgecolor=look.theme.paper, linewidth=1)
            )
            ink = "#111111" if np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) > BRIGHT else "#FFFFFF"
            has_limits = one.low is not None and one.high is not None
            axes.annotate(
                percent_of(one.mean), (x, y), (0, 0.42 * look.venue.size if has_limits else 0),
                textcoords="offset points", ha="center", va="center", color=ink,
                fontsize=look.venue.size - 0.5,
            )  # fmt: skip
            if has_limits:
                axes.annotate(
                    f"{short_percentage(one.low or 0)}–{short_percentage(one.high or 0)}", (x, y),
                    (0, -0.62 * look.venue.size), textcoords="offset points", ha="center",
                    va="center", color=ink, fontsize=max(5, look.venue.size - 2),
                )  # fmt: skip
    axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(up) - 0.5))
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(up)), up)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
