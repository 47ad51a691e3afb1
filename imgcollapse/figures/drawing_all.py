"""All figures of a folder, whether it is a run, a study or an experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imgcollapse.drawing.canvas import Format
from imgcollapse.errors import ConfigError
from imgcollapse.figures import run_figures, study_figures
from imgcollapse.figures.curve_figure import plot_curves
from imgcollapse.figures.curves import FILE as CURVES
from imgcollapse.figures.curves import read_points
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
    """The figures that a run, a study or an experiment has."""
    return tuple(_figures(source))


def draw_all(
    source: Path,
    folder: Path,
    names: Sequence[str],
    formats: Sequence[Format],
    style: str = "plain",
    theme: str = "light",
) -> Drawn:
    """Draws these figures of a run, a study or an experiment into ``folder``.

    ConfigError where ``source`` is none of them.
    """
    figures = _figures(source)
    drawn = Drawn([], {})
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            plot = figures[name]()
        except NotDrawnError as reason:
            drawn.left_out[name] = str(reason)
            continue
        drawn.pictures.extend(write_plot(plot, name, folder, source, formats, style, theme))
    return drawn


def is_study(source: Path) -> bool:
    """Whether a folder is a study, or a copy of its tables."""
    return (source / "study.yaml").is_file()


def _figures(source: Path) -> dict[str, Callable[[], Plot]]:
    figures: dict[str, Callable[[], Plot]] = {}
    if (source / CURVES).is_file():
        figures["curves"] = lambda: plot_curves(read_points(source))
    if is_study(source):
        study = StudyTables.read(source)
        figures |= {name: partial(one, study) for name, one in study_figures.FIGURES.items()}
    elif (source / "scores.csv").is_file():
        run = RunTables.of_folder(source)
        figures |= {name: partial(one, run) for name, one in run_figures.FIGURES.items()}
    if not figures:
        raise ConfigError(
            f"neither a run nor a study ({source})",
            "imgcollapse run CONFIG --out DIR, or imgcollapse study STUDY, makes one",
        )
    return figures
