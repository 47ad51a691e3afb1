"""Class shares over the generations, as stacked areas."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from imgcollapse.drawing.bars import legend_entries
from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.palette import REJECT_COLOUR, REJECT_HATCH
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR


def draw_shares(tables: RunTables) -> bytes:
    """Counted shares of judged samples, rejects on top, beside the same of real images; PNG."""
    generations = tables.generations
    sets = [tables.shares(generation) for generation in generations]
    floor = tables.shares(FLOOR)
    parts = np.array([np.append(one.shares, one.reject) for one in sets]).T
    colours = [*floor.colours, REJECT_COLOUR]
    with figure(7.0, 3.4) as made:
        real, axes = made.subplots(1, 2, width_ratios=[1, 12], sharey=True)
        start = 0.0
        for part, colour in zip(np.append(floor.shares, floor.reject), colours, strict=True):
            real.bar(0, part, 1.0, bottom=start, color=colour)
            start += part
        real.set_xticks([0], ["real"])
        real.set_ylabel("share of the images")
        real.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        if len(generations) == 1:
            base = 0.0
            for part, colour in zip(parts[:, 0], colours, strict=True):
                axes.bar(generations[0], part, 0.8, bottom=base, color=colour)
                base += part
        else:
            layers = axes.stackplot(generations, parts, colors=colours, linewidth=0)
            layers[-1].set(hatch=REJECT_HATCH, edgecolor="white")
            axes.set_xlim(generations[0], generations[-1])
        axes.set(xlabel="generation", ylim=(0, 1), title=f"judged classes of {sets[0].n:,} images")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(axis="y", length=0)
        if len(tables.classes) <= 20:
            entries = legend_entries(floor, numbers=False)[::-1]
            made.legend(handles=entries, loc="outside right center", handlelength=1.0)
        return png(made)
