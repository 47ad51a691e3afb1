"""All figures of a study."""

from __future__ import annotations

from collections.abc import Callable

from imgcollapse.figures.plot import Plot
from imgcollapse.figures.study_differences import plot_differences
from imgcollapse.figures.study_distance import plot_distance
from imgcollapse.figures.study_knob import plot_knob
from imgcollapse.figures.study_path import plot_path
from imgcollapse.figures.study_phase import plot_phase
from imgcollapse.figures.study_policies import plot_policies
from imgcollapse.figures.study_selection import plot_selection
from imgcollapse.figures.study_shares import plot_shares
from imgcollapse.figures.study_survival import plot_survival
from imgcollapse.figures.study_tables import StudyTables

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
