"""All figures of one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgcollapse.figures.distance_over_time import draw_distance
from imgcollapse.figures.shares_against_chance import draw_against_chance
from imgcollapse.figures.shares_over_time import draw_shares
from imgcollapse.figures.strip import draw_strip
from imgcollapse.figures.tables import RunTables
from imgcollapse.store.files import write_bytes
from imgcollapse.store.run_directory import RunDirectory

FIGURES: dict[str, Callable[[RunTables], bytes]] = {
    "strip": draw_strip,
    "shares": draw_shares,
    "chance": draw_against_chance,
    "fd": draw_distance,
}


def draw_run(run: RunDirectory) -> list[Path]:
    """Draws every figure of a run into its ``figures/``; returns the files."""
    tables = RunTables.read(run)
    paths = []
    for name, draw in FIGURES.items():
        path = run.path / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, draw(tables))
        paths.append(path)
    return paths
