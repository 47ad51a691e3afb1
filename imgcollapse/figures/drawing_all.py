"""All figures of a folder, whether it is a run or a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgcollapse.drawing.canvas import Format
from imgcollapse.errors import ConfigError
from imgcollapse.figures import run_figures, study_figures
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.saving import write_plot
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.figures.tables import RunTables


@dataclass(frozen=True)
class Drawn:
    """The pictures that were written, and why figures were left out."""

    pictures: list[Path]
    left_out: dict[str, str]


def names_of(source: Path) -> tuple[str, ...]:
    """The figures that a run or a study has."""
    return tuple(_figures(source))


def draw_all(
    source: Path,
    folder: Path,
    names: Sequence[str],
    formats: Sequence[Format],
    style: str = "plain",
    theme: str = "light",
) -> Drawn:
    """Draws these figures of a run or a study into ``folder``.

    ConfigError where ``source`` is neither.
    """
    tables = StudyTables.read(source) if _is_study(source) else RunTables.of_folder(source)
    figures = _figures(source)
    drawn = Drawn([], {})
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            plot = figures[name](tables)
        except NotDrawnError as reason:
            drawn.left_out[name] = str(reason)
            continue
        drawn.pictures.extend(write_plot(plot, name, folder, source, formats, style, theme))
    return drawn


def _figures(source: Path) -> dict[str, Callable[[Any], Plot]]:
    if _is_study(source):
        return study_figures.FIGURES
    if not (source / "scores.csv").is_file():
        raise ConfigError(
            f"neither a run nor a study ({source})",
            "imgcollapse run CONFIG --out DIR, or imgcollapse study STUDY, makes one",
        )
    return run_figures.FIGURES


def _is_study(source: Path) -> bool:
    return (source / "study.yaml").is_file()
