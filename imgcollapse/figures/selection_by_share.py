"""What a generator does to its classes beyond chance, by the share that they began with."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from imgcollapse.drawing.labels import legend_columns, legend_height, percents
from imgcollapse.drawing.letters import LONGEST, shown
from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import on_paper
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import fixed

MOST_NAMES = 12
OWN_PROFILE = "own profile"
BEYOND = 0.6
"""So many times the range of the points is drawn beyond them; whiskers may go on."""
WORDS = ("chance alone", "crowding", "the sampler alone")


def plot_selection(tables: RunTables) -> Plot:
    """A point for each class with 95 % limits, the crowding line with its band, and chance: 0."""
    last = tables.generations[-1]
    found = {name: tables.values("selection", "initial", name).get(last) for name in tables.began}
    crowding = tables.values("crowding", "initial").get(last)
    scores = {name: score for name, score in found.items() if score is not None}
    if crowding is None or len(scores) < 2:
        raise NotDrawnError(
            "no selection in the table of scores: it is not estimated where shares are asked for, "
            "of one class, of labs among others, and with filters or repairs"
        )
    shares = {name: tables.share_at_first(name) for name in scores}
    sampler = [row for row in tables.audit_rows() if str(row["geometry"]).endswith(OWN_PROFILE)]
    each = np.array(list(shares.values()))
    centre = float((each * np.log(each)).sum() / each.sum())
    low, high = crowding.low or 0.0, crowding.high or 0.0
    names = [name[:LONGEST] for name in scores] if len(scores) <= MOST_NAMES else []

    def fill(made: Figure, look: Look) -> None:
        axes = made.subplots()
        theme = look.theme
        colours = {name: on_paper(tables.colours[name], theme.paper) for name in scores}
        values = np.array([score.value for score in scores.values()])
        x = np.geomspace(each.min() / 1.3, min(1.0, each.max() * 1.3), 50)
        away = np.log(x) - centre
        band = np.sort([low * away, high * away], axis=0)
        axes.fill_between(x, *band, color=theme.chance, alpha=0.6, linewidth=0)
        axes.plot(x, crowding.value * away, color=theme.ink, linewidth=1, zorder=3)
        axes.axhline(0, color=theme.soft_ink, linestyle="--", linewidth=0.8)
        bottom, top = min(values.min(), 0.0), max(values.max(), 0.0)
        reach = BEYOND * max(top - bottom, 0.1)
        for name, score in scores.items():
            axes.vlines(
                shares[name], score.low or 0.0, score.high or 0.0, color=colours[name],
                linewidth=1 if names else 0.4,
            )  # fmt: skip
            axes.plot(
                shares[name], score.value, "o", color=colours[name], label=shown(name),
                markersize=4 if names else 2,
            )  # fmt: skip
        if sampler:
            axes.plot(
                [row["truth"] for row in sampler], [row["shift"] for row in sampler], "D",
                color=theme.ink, markerfacecolor=theme.paper, markersize=2.8, markeredgewidth=0.7,
            )  # fmt: skip
        ends = np.array(axes.get_ylim())
        axes.set_ylim(np.clip(ends, bottom - reach, top + reach))
        percents(axes.xaxis, between=x[-1] < 100 * x[0])
        axes.set_xlim(x[0], 1.3 * each.max())
        axes.set(xlabel="share it began with", ylabel="selection per generation")
        slope, least, most = (fixed(one, 2, plus=True) for one in (crowding.value, low, high))
        title = f"crowding {slope} ({least} to {most})"
        axes.set_title(title.replace("-", "−"))
        entries: list[Line2D | Patch] = [
            Line2D([], [], color=theme.soft_ink, linestyle="--", linewidth=0.8, label=WORDS[0]),
            Line2D([], [], color=theme.ink, linewidth=1, label=f"{WORDS[1]}, 95 %"),
        ]
        if sampler:
            entries.append(
                Line2D(
                    [], [], linestyle="", marker="D", color=theme.ink, markersize=2.8,
                    markerfacecolor=theme.paper, markeredgewidth=0.7, label=WORDS[2],
                )
            )  # fmt: skip
        columns = legend_columns([*names, *WORDS], look.venue.column, look)
        points = axes.get_legend_handles_labels()[0] if names else []
        made.legend(
            handles=[*points, *entries], loc="outside lower center",
            ncols=columns, handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip

    def size(look: Look) -> tuple[float, float]:
        legend = legend_height([*names, *WORDS], look.venue.column, look)
        return look.venue.column, 0.62 * look.venue.column + 2.6 * look.line + legend

    return Plot(
        size=size,
        fill=fill,
        columns=("class", "share", "value", "low", "high", "n"),
        rows=[
            *(
                (name, shares[name], score.value, score.low, score.high, score.n)
                for name, score in scores.items()
            ),
            ("crowding", None, crowding.value, crowding.low, crowding.high, crowding.n),
            *(
                (f"sampler, {row['geometry']}", row["truth"], row["shift"], row["low"],
                 row["high"], None)
                for row in sampler
            ),
        ],
        caption=(
            f"Selection of each class per generation, from all {last + 1} generations of one chain "
            f"and {crowding.n:,} samples of each, by the share it began with: a class's share is "
            "multiplied by exp of it, beyond chance. Whiskers are 95 % limits of chance and "
            "counting in this chain, and may go on beyond the axes. The line is the crowding "
            "coefficient, the slope on the log of the share, with its 95 % band: above 0, common "
            "classes crowd out rare ones."
            + (" Diamonds are the log-odds by which the sampler alone, with a perfect denoiser, "
               "shifts classes of such shares." if sampler else "")
        ),
        n={"chains": 1, "generations": last + 1, "samples of each generation": crowding.n},
    )  # fmt: skip
