"""``imgcollapse figures``: the figures of a run or a study, for a paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError

FORMATS = ("pdf", "svg", "png")


def figures(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run or a study.")],
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="pdf, svg or png; may be given again. [default: pdf, png]"),
    ] = None,
    style: Annotated[
        str, typer.Option(help="Sizes and letters: plain, neurips, icml, iclr, cvpr or nature.")
    ] = "plain",
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This figure; may be given again.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="[default: DIR/figures]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the figures of a run or a study, each with its numbers as CSV and what they are of.

    The same command gives the same bytes. A figure whose scores are not there is left out.
    """
    from imgcollapse.drawing.look import THEMES, VENUES
    from imgcollapse.figures.drawing_all import draw_all, names_of

    formats: Any = tuple(dict.fromkeys(format_ or ("pdf", "png")))
    for one in formats:
        _refuse_unknown("--format", one, FORMATS)
    _refuse_unknown("--style", style, tuple(VENUES))
    _refuse_unknown("--theme", theme, tuple(THEMES))
    known = names_of(directory)
    for one in only or ():
        _refuse_unknown("--only", one, known)
    made = draw_all(
        directory,
        out or directory / "figures",
        tuple(dict.fromkeys(only or known)),
        formats,
        style,
        theme,
    )
    if as_json:
        pictures = [str(path) for path in made.pictures]
        print_json({"figures": pictures, "left_out": made.left_out})
        return
    for name, reason in made.left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    for path in made.pictures:
        print(path)


def _refuse_unknown(option: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ConfigError(f"{option}: {given!r} is not one of {', '.join(known)}")
