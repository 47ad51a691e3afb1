"""All figures of a folder, whether it is a run, a study or an experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from imgcollapse.drawing.canvas import Format
from imgcollapse.errors import ConfigError
from imgcollapse.figures import run_figures, study_figures
from imgcollapse.figures.curve_figure import plot_curves
from imgcollapse.figures.curve_words import STEPS, words_of
from imgcollapse.figures.curves import FILE as CURVES
from imgcollapse.figures.curves import read_points
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.saving import drawn_files
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR
from imgcollapse.store.files import write_bytes


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
    """Draws these figures of a folder into another; writes when all are drawn.

    ConfigError where ``source`` is no run, study or experiment, or nothing of it can be drawn.
    """
    figures = _figures(source)
    left_out: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for name in names:
        try:
            plot = figures[name]()
        except NotDrawnError as reason:
            left_out[name] = str(reason)
            continue
        files |= drawn_files(plot, name, source, formats, style, theme)
    if not files:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ConfigError(f"nothing can be drawn: {reasons} ({source})")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            write_bytes(folder / file, content)
    except OSError as error:
        raise ConfigError(
            f"the figures cannot be written: {error.strerror} ({folder})", "give another --out"
        ) from error
    pictures = [folder / file for file in files if not file.endswith((".csv", ".json"))]
    return Drawn(pictures, left_out)


def is_study(source: Path) -> bool:
    """Whether a folder is a study, or a copy of its tables."""
    return (source / "study.yaml").is_file()


def _figures(source: Path) -> dict[str, Callable[[], Plot]]:
    """By name; the tables of the folder are read when the first is drawn."""
    figures: dict[str, Callable[[], Plot]] = {}
    if is_study(source):
        study = cache(lambda: StudyTables.read(source))
        figures = {
            name: _late(partial(study_figures.plot_of, name), study)
            for name in study_figures.FIGURES
        }
    elif (source / "scores.csv").is_file():
        run = cache(lambda: RunTables.of_folder(source))
        figures = {name: _late(one, run) for name, one in run_figures.FIGURES.items()}
    if (source / CURVES).is_file():
        figures["curves"] = lambda: _curves(source)
    if not figures:
        raise ConfigError(
            f"neither a run nor a study ({source})",
            "imgcollapse run CONFIG --out DIR, or imgcollapse study STUDY, makes one",
        )
    return figures


def _curves(source: Path) -> Plot:
    points = read_points(source)
    behind = {f"behind each point of {one.curve}": one.n for one in points if one.n is not None}
    return replace(
        plot_curves(points),
        n={"points": len(points), **behind},
        generations=tuple(
            sorted({int(one.x) for one in points if words_of(one.curve).across != STEPS} - {FLOOR})
        ),
        sources=(CURVES,),
    )


def _late(figure_of: Callable[[Any], Plot], tables: Callable[[], Any]) -> Callable[[], Plot]:
    return lambda: figure_of(tables())
