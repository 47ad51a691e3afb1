"""A figure on disk: its pictures, the plotted numbers, and what they are of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

from imgcollapse import __version__
from imgcollapse.drawing.canvas import Format
from imgcollapse.drawing.look import look_of
from imgcollapse.figures.plot import Plot
from imgcollapse.scores import FLOOR
from imgcollapse.store.files import json_text, sha256_of, write_bytes


def write_plot(
    plot: Plot,
    name: str,
    folder: Path,
    source: Path,
    formats: Sequence[Format],
    style: str = "plain",
    theme: str = "light",
) -> list[Path]:
    """Writes ``name`` in each format, ``name.csv`` and ``name.json`` into a folder that exists.

    ``source`` is the run or the study that was drawn. Returns the pictures. Bytes are the same
    every time, but for another version of matplotlib. Nothing is written before all is drawn.
    """
    files = drawn_files(plot, name, source, formats, style, theme)
    for file, content in files.items():
        write_bytes(folder / file, content)
    return [folder / f"{name}.{format}" for format in formats]


def drawn_files(
    plot: Plot,
    name: str,
    source: Path,
    formats: Sequence[Format],
    style: str = "plain",
    theme: str = "light",
) -> dict[str, bytes]:
    """The files of a figure by their names: pictures, the plotted numbers, what they are of."""
    look = look_of(style, theme)
    files = {f"{name}.{format}": plot.render(format, look) for format in formats}
    options = "".join(f" --format {format}" for format in formats)
    options += f" --style {style}" if style != "plain" else ""
    options += f" --theme {theme}" if theme != "light" else ""
    sidecar: dict[str, Any] = {
        "figure": name,
        "caption": plot.caption,
        "n": dict(plot.n),
        "generations": _generations(plot),
        "command": f"imgcollapse figures DIR --only {name}{options}",
        "of": {
            file: sha256_of(source / file) for file in plot.sources if (source / file).is_file()
        },
        "versions": {"imgcollapse": __version__, "matplotlib": matplotlib.__version__},
    }
    files[f"{name}.csv"] = plot.table().encode()
    files[f"{name}.json"] = json_text(sidecar).encode()
    return files


def _generations(plot: Plot) -> list[int]:
    """The generations that are drawn, without the floor; none where it is not over them."""
    if "generation" not in plot.columns:
        return list(plot.generations)
    place = plot.columns.index("generation")
    found = {row[place] for row in plot.rows}
    return sorted(one for one in found if isinstance(one, int) and one != FLOOR)
