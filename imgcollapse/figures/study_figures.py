"""All figures of a study."""

from __future__ import annotations

from collections.abc import Callable

from imgcollapse.figures.plot import Plot
from imgcollapse.figures.study_tables import StudyTables

FIGURES: dict[str, Callable[[StudyTables], Plot]] = {}
"""In the order in which they are drawn; a figure may raise NotDrawnError."""
