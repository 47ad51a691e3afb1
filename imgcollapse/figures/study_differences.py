"""What each arm differs in from the control, with intervals, as a forest plot."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from imgcollapse.drawing.look import Look
from imgcollapse.drawing.palette import ArmStyle
from imgcollapse.drawing.widths import wrapped
from imgcollapse.figures.arm_words import arm_words
from imgcollapse.figures.arms import chains_words, styles_of
from imgcollapse.figures.metric_words import USUAL, Metric
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_gaps import is_or_are, missing_arms
from imgcollapse.figures.study_tables import Difference, StudyTables
from imgcollapse.metrics.holm import holm

Panel = dict[str, Difference]
"""By arm."""
NAMES = 1.15
"""Inches for the names of the arms at most."""


def plot_differences(tables: StudyTables) -> Plot:
    """Paired differences in the last generation, p after Holm's correction for all of them."""
    others = [arm for arm in tables.arms if arm != tables.control]
    if not others:
        missing = missing_arms(tables)
        raise NotDrawnError(
            f"one arm only is in the tables: {', '.join(missing)} {is_or_are(len(missing))} not"
            if missing
            else "the study has one arm only: there is nothing to compare it with"
        )
    panels = {metric: panel for metric in USUAL if (panel := _last(tables, metric))}
    if not panels:
        raise NotDrawnError(
            f"no arm has a generation and a seed in common with the control {tables.control}"
        )
    every = [one for panel in panels.values() for one in panel.values()]
    num_tests = sum(one.p is not None for one in every)
    corrected = dict(zip(map(_key, every), holm([one.p for one in every]), strict=True))

    def columns(look: Look) -> int:
        return min(len(panels), 3 if len(panels) > 4 else len(panels), int(look.venue.page / 1.6))

    def names(look: Look) -> list[str]:
        return [wrapped(arm_words(arm), look, min(NAMES, 0.22 * look.venue.page)) for arm in others]

    def tall(look: Look) -> float:
        lines = sum(max(1.7, name.count("\n") + 1.4) for name in names(look))
        return (lines + 1) * look.line

    def fill(made: Figure, look: Look) -> None:
        styles, wide = styles_of(tables, look), columns(look)
        rows = -(-len(panels) // wide)
        grid = made.subplots(rows, wide, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, (metric, panel) in zip(grid.flat, panels.items(), strict=False):
            p = {arm: corrected[_key(one)] for arm, one in panel.items()}
            _draw_panel(axes, metric, panel, p, others, styles, look)
            axes.set_title(metric.words)
        for row in grid:
            row[0].set_yticks(range(len(others)), names(look))
        grid[0, 0].set_ylim(len(others) - 0.45, -0.65)
        made.supxlabel(f"difference from {arm_words(tables.control)}", fontsize="medium")

    return Plot(
        size=lambda look: (
            look.venue.page,
            (tall(look) + 2.6 * look.line) * -(-len(panels) // columns(look)) + 1.5 * look.line,
        ),
        fill=fill,
        columns=(
            "metric", "arm", "control", "generation", "difference", "low", "high", "pairs", "p",
            "p_holm",
        ),
        rows=[
            (
                one.metric, one.arm, one.control, one.generation, one.mean, one.low, one.high,
                one.pairs, one.p, corrected[_key(one)],
            )
            for one in every
        ],
        caption=(
            f"Each arm less {tables.control}, paired over seeds, in generation "
            f"{_numbers({one.generation for one in every})}: mean and 95 % confidence "
            "interval over "
            f"{chains_words(one.pairs for one in every).replace('chain', 'pair')}. p: paired "
            f"t-test, corrected by Holm's method for all {num_tests} tests of the figure; "
            "intervals are not corrected."
        ),
    )  # fmt: skip


def _key(one: Difference) -> tuple[str, str]:
    return one.metric, one.arm


def _last(tables: StudyTables, metric: Metric) -> Panel:
    """The last generation that an arm has in common with the control, by arm."""
    found: Panel = {}
    for one in tables.differences:
        if (one.metric, one.reference, one.class_) == (metric.name, metric.reference, "") and (
            one.generation >= 0 and one.control == tables.control
        ):
            held = found.get(one.arm)
            if held is None or held.generation < one.generation:
                found[one.arm] = one
    return {arm: found[arm] for arm in tables.arms if arm in found}


def _numbers(generations: set[int]) -> str:
    return " or ".join(str(one) for one in sorted(generations))


def _p_words(p: float | None) -> str:
    if p is None:
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _draw_panel(
    axes: Axes,
    metric: Metric,
    panel: Panel,
    p: dict[str, float | None],
    others: list[str],
    styles: dict[str, ArmStyle],
    look: Look,
) -> None:
    axes.axvline(0, color=look.theme.soft_ink, linewidth=0.7, zorder=1)
    for row, arm in enumerate(others):
        if arm not in panel:
            axes.text(0.02, row, "not there", transform=axes.get_yaxis_transform(), va="center",
                      fontsize="small", color=look.theme.soft_ink)  # fmt: skip
            continue
        one, style = panel[arm], styles[arm]
        if one.low is not None and one.high is not None:
            axes.hlines(row, one.low, one.high, color=style.colour, linewidth=1.1)
        axes.plot(
            one.mean, row, marker=style.marker, color=style.colour,
            markersize=0.55 * look.venue.size,
            markerfacecolor=style.colour if style.is_filled else look.theme.paper,
        )  # fmt: skip
        axes.text(
            0.99, row - 0.38, _p_words(p[arm]), transform=axes.get_yaxis_transform(),
            ha="right", va="center", fontsize=look.venue.size - 1.5 if look.venue.size > 6.5 else 5,
            color=look.theme.soft_ink,
            bbox={"facecolor": look.theme.paper, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: metric.shown(value)))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
