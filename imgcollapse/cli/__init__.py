"""The command line: thin, and quick to answer ``--help`` because torch is imported late."""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
from typing import Annotated

import typer

from imgcollapse.cli import (
    audit,
    bench,
    card,
    compare,
    config,
    data,
    demo,
    doctor,
    export,
    figures,
    look,
    measure,
    null,
    report,
    reproduce,
    run,
    selection,
    study,
    warn,
    watch,
    watermark,
)
from imgcollapse.errors import EnvironmentalError, LabError, as_lab_error

app = typer.Typer(
    help="The laboratory for model collapse in image generators.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(run.run)
app.command()(study.study)
app.command()(look.status)
app.command()(look.show)
app.command()(watch.watch)
app.command()(look.verify)
app.command()(figures.figures)
app.command()(measure.measure)
app.command()(compare.compare)
app.command()(card.card)
app.command()(report.report)
app.command()(warn.warn)
app.command()(selection.selection)
app.command()(audit.audit_sampler)
app.command()(null.null)
app.command()(export.export)
app.command()(reproduce.reproduce)
app.command()(bench.bench)
app.add_typer(watermark.app, name="watermark")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.command()(doctor.doctor)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """The laboratory for model collapse in image generators."""


def main() -> None:
    """Runs one command; an error is one sentence, a hint and an exit code."""
    debug = "--debug" in sys.argv
    atexit.register(gc.freeze)  # without the last collection, leaving takes 1.3 s less with torch
    try:
        app([word for word in sys.argv[1:] if word != "--debug"])
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if doctor.is_torchvision_mismatch(error):
            _fail(
                EnvironmentalError("torch and torchvision do not match", "imgcollapse doctor"),
                debug,
            )
        _fail(as_lab_error(error), debug)


def _fail(error: LabError, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    sys.exit(error.exit_code)
