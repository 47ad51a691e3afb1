"""Class shares over the generations, as stacked areas."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from imgcollapse.drawing.bars import legend_entries
from imgcollapse.drawing.canvas import paper
from imgcollapse.drawing.labels import generations_axis
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import REJECT_COLOUR, REJECT_HATCH, REJECT_NAME, on_paper
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR

MOST_NAMES = 20


def plot_shares(tables: RunTables) -> Plot:
    """Counted shares of judged samples, rejects on top, beside the same of real images."""
    generations = tables.generations
    sets = [tables.shares(generation) for generation in generations]
    floor = tables.shares(FLOOR)
    parts = np.array([np.append(one.shares, one.reject) for one in sets]).T

    def fill(made: Figure, look: Look) -> None:
        colours = [on_paper(one, look.theme.paper) for one in floor.colours] + [REJECT_COLOUR]
        real, axes = made.subplots(1, 2, width_ratios=[1, 12], sharey=True)
        start = 0.0
        for part, colour in zip(np.append(floor.shares, floor.reject), colours, strict=True):
            real.bar(0, part, 1.0, bottom=start, color=colour)
            start += part
        real.patches[-1].set(hatch=REJECT_HATCH, edgecolor=paper(), linewidth=0)
        real.set_xticks([0], ["real"])
        real.set_ylabel("share of the images")
        real.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        if len(generations) == 1:
            base = 0.0
            for part, colour in zip(parts[:, 0], colours, strict=True):
                axes.bar(generations[0], part, 0.8, bottom=base, color=colour)
                base += part
            axes.patches[-1].set(hatch=REJECT_HATCH, edgecolor=paper(), linewidth=0)
        else:
            layers = axes.stackplot(generations, parts, colors=colours, linewidth=0)
            layers[-1].set(hatch=REJECT_HATCH, edgecolor=paper())
            axes.set_xlim(generations[0], generations[-1])
        axes.set(ylim=(0, 1), title=f"judged classes of {sets[0].n:,} images")
        generations_axis(axes, generations)
        axes.tick_params(axis="y", length=0)
        if len(tables.classes) <= MOST_NAMES:
            entries = legend_entries(floor, numbers=False)[::-1]
            made.legend(handles=entries, loc="outside right center", handlelength=1.0)

    def size(look: Look) -> tuple[float, float]:
        names = len(tables.classes) + 1 if len(tables.classes) <= MOST_NAMES else 0
        return look.venue.page, max(0.48 * look.venue.page, (names + 2) * look.line)

    return Plot(
        size=size,
        fill=fill,
        columns=("generation", "class", "share", "low", "high", "n"),
        rows=[
            (generation, name, share, low, high, one.n)
            for generation, one in zip([FLOOR, *generations], [floor, *sets], strict=True)
            for name, share, low, high in [
                *zip(one.names, one.shares, one.low, one.high, strict=True),
                (REJECT_NAME, one.reject, None, None),
            ]
        ],
        caption=(
            f"Shares of the classes that the judge sees in {sets[0].n:,} samples of each "
            "generation of one chain, common classes at the bottom, and of what it takes for no "
            "class; beside them the same of held-out real images (generation -1 in the table)."
        ),
        n={
            "chains": 1,
            "samples of each generation": sets[0].n,
            "held-out real images": floor.n,
        },
    )
