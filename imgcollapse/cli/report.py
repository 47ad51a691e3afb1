"""``imgcollapse report``: one HTML page from a run or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError


def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run, a study, or a folder of several runs.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page [default: DIR/report.html].")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page that needs nothing else: samples, shares, scores, methods, sources."""
    path = out or directory / "report.html"
    if path.is_dir() or (out and not path.absolute().parent.is_dir()):
        raise ConfigError(f"no place for a file ({path})", "give a file in an existing folder")
    from imgcollapse.report.page import draw_report
    from imgcollapse.store.files import write_bytes

    page = draw_report(directory)
    write_bytes(path, page)
    if as_json:
        print_json({"report": str(path), "bytes": len(page)})
    else:
        print(f"done: {path} ({len(page) / 1e6:.1f} MB; open it in a browser)")
