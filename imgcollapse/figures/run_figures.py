"""All figures of one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgcollapse.figures.distance_over_time import plot_distance
from imgcollapse.figures.histograms import plot_histograms
from imgcollapse.figures.nearest_neighbours import plot_neighbours
from imgcollapse.figures.plot import Plot
from imgcollapse.figures.precision_recall import plot_path
from imgcollapse.figures.sampler_audit import plot_audit
from imgcollapse.figures.saving import write_plot
from imgcollapse.figures.selection_by_share import plot_selection
from imgcollapse.figures.share_lines import plot_lines
from imgcollapse.figures.shares_against_chance import plot_against_chance
from imgcollapse.figures.shares_over_time import plot_shares
from imgcollapse.figures.strip import plot_strip
from imgcollapse.figures.tables import RunTables
from imgcollapse.figures.tail_quality import plot_tail
from imgcollapse.store.run_directory import RunDirectory

FIGURES: dict[str, Callable[[RunTables], Plot]] = {
    "strip": plot_strip,
    "histograms": plot_histograms,
    "shares": plot_shares,
    "lines": plot_lines,
    "chance": plot_against_chance,
    "fd": plot_distance,
    "path": plot_path,
    "selection": plot_selection,
    "audit": plot_audit,
    "neighbours": plot_neighbours,
    "tail": plot_tail,
}
"""In the order in which they are drawn; a figure may raise NotDrawnError."""
AT_THE_END = ("strip", "shares", "chance", "fd")
"""What a run draws when it is complete."""


def draw_run(run: RunDirectory) -> list[Path]:
    """Draws into ``figures/`` what a complete run shows; returns the pictures."""
    tables = RunTables.of_folder(run.path)
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    return [
        path
        for name in AT_THE_END
        for path in write_plot(FIGURES[name](tables), name, folder, run.path, ("png",))
    ]
