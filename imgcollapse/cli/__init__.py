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
    run,
    selection,
    warn,
    watch,
    watermark,
)
from imgcollapse.errors import EnvironmentalError, LabError

app = typer.Typer(
    help="The laboratory for model collapse in image generators.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(run.run)
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
app.command()(bench.bench)
app.add_typer(watermark.app, name="watermark")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.command()(doctor.doctor)

TORCH_OUT_OF_MEMORY = ("OutOfMemoryError", "DefaultCPUAllocator")


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
    except LabError as error:
        _fail(error, debug)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(EnvironmentalError(f"{error.strerror or error}{where}"), debug)
    except Exception as error:
        says = str(error).partition("\n")[0] or type(error).__name__
        if _is_out_of_memory(error):
            _fail(
                EnvironmentalError(
                    f"out of memory: {says}",
                    "lower training.batch_size, sampling.batch_size or the numbers of images "
                    "(sampling.num_images, scores.num_images, profile.num_max)",
                ),
                debug,
            )
        if doctor.is_torchvision_mismatch(error):
            _fail(
                EnvironmentalError("torch and torchvision do not match", "imgcollapse doctor"),
                debug,
            )
        kind = type(error).__name__
        _fail(LabError(f"{kind}: {error}", "a fault of the lab; --debug shows where"), debug)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python, NumPy or torch, which may not be imported here, found no memory."""
    words = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or any(sign in words for sign in TORCH_OUT_OF_MEMORY)


def _fail(error: LabError, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    sys.exit(error.exit_code)
