"""``imgcollapse watch``: a dashboard in the terminal while runs go on."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Annotated

import typer


def watch(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run, or a study or folder of runs.")
    ],
    interval: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Time between two looks.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and leave.")] = False,
) -> None:
    """Draw shares, scores and progress again and again until the runs are complete.

    Ctrl-C leaves; the runs do not notice. Where the output is no terminal, one frame is printed.
    """
    from rich.console import Console
    from rich.live import Live

    from imgcollapse.cli.dashboard import frame
    from imgcollapse.cli.watching import COMPLETE, Watching

    console = Console(highlight=False)
    watching = Watching(directory)
    runs = watching.look()
    if once or not sys.stdout.isatty():
        console.print(frame(runs, console.width, console.height))
        return
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=console, auto_refresh=False) as live,
    ):
        while True:
            live.update(frame(runs, console.width, console.height), refresh=True)
            if all(run.state == COMPLETE for run in runs):
                return
            time.sleep(interval)
            runs = watching.look()
