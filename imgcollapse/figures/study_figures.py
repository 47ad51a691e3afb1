"""All figures of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imgcollapse.figures.plot import Plot
from imgcollapse.figures.study_differences import plot_differences
from imgcollapse.figures.study_distance import plot_distance
from imgcollapse.figures.study_gaps import gaps_words
from imgcollapse.figures.study_knob import plot_knob
from imgcollapse.figures.study_path import plot_path
from imgcollapse.figures.study_phase import plot_phase
from imgcollapse.figures.study_policies import plot_policies
from imgcollapse.figures.study_selection import plot_selection
from imgcollapse.figures.study_shares import plot_shares
from imgcollapse.figures.study_survival import plot_survival
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.scores import FLOOR

FIGURES: dict[str, Callable[[StudyTables], Plot]] = {
    "policies": plot_policies,
    "differences": plot_differences,
    "shares": plot_shares,
    "fd": plot_distance,
    "path": plot_path,
    "survival": plot_survival,
    "selection": plot_selection,
    "knob": plot_knob,
    "phase": plot_phase,
}
"""In the order in which they are drawn; a figure may raise NotDrawnError."""


def plot_of(name: str, tables: StudyTables) -> Plot:
    """A figure with what all of a study have: gaps in its caption, n, and the tables behind it."""
    read = tables.unused()
    plot = FIGURES[name](read)
    scores = [one for found in read.scores.values() for one in found if one.generation != FLOOR]
    most = max((one.n for one in scores), default=0)
    chains = {arm: sum(other == arm for other, _ in read.scores) for arm in read.arms}
    gaps = gaps_words(read)
    return replace(
        plot,
        caption=f"{plot.caption} {gaps}" if gaps else plot.caption,
        n={
            "images scored of each generation": most,
            **{f"chains of {arm}": num for arm, num in chains.items()},
            **plot.n,
        },
        generations=tuple(sorted({one.generation for one in scores})),
        sources=tuple(sorted(read.used)),
    )
