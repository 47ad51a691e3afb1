"""``imgcollapse study``: arms times seeds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.cli.reporter import Interrupts
from imgcollapse.cli.words import duration
from imgcollapse.errors import LabError, Stopped

if TYPE_CHECKING:
    from imgcollapse.study.runner import Event
    from imgcollapse.study.study_file import Study
    from imgcollapse.study.study_folder import Cell, StudyFolder
    from imgcollapse.study.study_run import Done


def study(
    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="A YAML file, or the name of a shipped one.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The study's folder [default: studies/STUDY].")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="As its section quick says: fewer seeds, shorter.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the cells and what they cost, and exit.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at once, which share the cores [default: one a core]."),
    ] = None,
    per_gpu: Annotated[int, typer.Option(min=1, help="Processes on each GPU.")] = 1,
    max_time: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop in good order after so long."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key of a config, such as generations=2, in every arm; or one of the "
            "study, such as seeds=3 or arms.mix.policy.real_fraction=0.2.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run every arm with every seed, or go on: give the same command again to resume.

    A cell that failed is tried again, and never stops the others; several commands on one folder,
    also of other machines, share its cells. In the end the tables of the study are made.
    """
    started = time.monotonic()
    from imgcollapse.config_layers import find_study
    from imgcollapse.study.study_file import read_study
    from imgcollapse.study.study_folder import StudyFolder

    resolved = read_study(find_study(study), set_ or [], quick)
    folder = StudyFolder(out or Path("studies") / resolved.name)
    folder.refuse_unless_same(resolved)
    cells = list(folder.cells(resolved))
    deadline = started + max_time if max_time is not None else None
    interrupts = Interrupts()
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.study.cell_worker import Stop
    from imgcollapse.study.slots import slots_for

    stop = Stop(interrupts, deadline)
    from imgcollapse.study.local_runner import LocalRunner

    slots, gpus = slots_for(cells, workers, per_gpu)
    runner = LocalRunner(slots, stop, gpus)
    from imgcollapse.study.study_run import StudyRun

    folder.create(resolved)
    reporter = StudyReporter(cells)
    try:
        done = StudyRun(cells, runner, reporter).carry_out(stop.due)
    finally:
        runner.close()
    print({k: len(v) for k, v in done.__dict__.items()})


class StudyReporter:
    """A line for each cell that ends."""

    def __init__(self, cells: list[Cell]) -> None:
        self.num = len(cells)

    def event(self, cell: Cell, event: Event) -> None:
        print(cell.name, event)
