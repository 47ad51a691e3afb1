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
from imgcollapse.figures.saving import drawn_files
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.figures.tables import RunTables
from imgcollapse.store.files import write_bytes


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
    """Draws these figures of a run or a study into ``folder``; writes when all are drawn.

    ConfigError where ``source`` is neither, or nothing of it can be drawn.
    """
    tables = StudyTables.read(source) if _is_study(source) else RunTables.of_folder(source)
    figures = _figures(source)
    left_out: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for name in names:
        try:
            plot = figures[name](tables)
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
