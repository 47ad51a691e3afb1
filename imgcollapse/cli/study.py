"""``imgcollapse study``: arms times seeds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.cli.reporter import CLEAR, Interrupts
from imgcollapse.cli.words import duration
from imgcollapse.errors import LabError, Stopped

if TYPE_CHECKING:
    from imgcollapse.study.runner import Ended, Event
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
    """Run every arm with every seed, and make their tables: again to go on, or to retry.

    A cell that fails stops no other. Several commands on one folder share its cells.
    """
    deadline = time.monotonic() + max_time if max_time is not None else None
    from imgcollapse.config_layers import find_study
    from imgcollapse.study.study_file import read_study
    from imgcollapse.study.study_folder import StudyFolder

    resolved = read_study(find_study(study), set_ or [], quick)
    folder = StudyFolder(out or Path("studies") / resolved.name)
    folder.refuse_unless_same(resolved)
    cells = list(folder.cells(resolved))
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.study.slots import slots_for

    slots, gpus = slots_for(cells, workers, per_gpu)
    if dry_run:
        _print_plan(folder, resolved, cells, slots, as_json)
        return
    done, tables = carry_out(folder, resolved, cells, (slots, gpus), deadline, as_json)
    if as_json:
        print_json(_as_dict(folder, cells, done, tables))
    raise_first(done, len(cells), folder.path)
    if not as_json:
        print(_last_words(folder.path, done, tables))


def carry_out(
    folder: StudyFolder,
    study: Study,
    cells: list[Cell],
    places: tuple[int, list[str]],
    deadline: float | None,
    to_stderr: bool,
) -> tuple[Done, list[Path]]:
    """Does what is missing of a study, and makes its tables; ``places`` are slots and GPUs."""
    from imgcollapse.store.places import refuse_unwritable
    from imgcollapse.study.cell_worker import Stop
    from imgcollapse.study.local_runner import LocalRunner
    from imgcollapse.study.study_run import StudyRun

    refuse_unwritable(folder.path, "study")
    folder.create(study)
    stop = Stop(Interrupts(), deadline)
    runner = LocalRunner(places[0], stop, places[1])
    reporter = StudyReporter(cells, places[0], to_stderr)
    try:
        done = StudyRun(cells, runner, reporter).carry_out(stop.due)
    finally:
        runner.close()
    return done, _write_tables(folder, study, done)


class StudyReporter:
    """A line on stdout for each cell that ends, and on a terminal how far all of them are."""

    def __init__(self, cells: list[Cell], slots: int, to_stderr: bool) -> None:
        self.num, self.slots = len(cells), slots
        self.rows = sys.stderr if to_stderr else sys.stdout
        self.left = {cell.path: cell.config.generations for cell in cells}
        self.started = time.monotonic()
        self.made = 0
        self.ended = 0

    def skipped(self, cell: Cell) -> None:
        """A cell that there is nothing left to do of."""
        self.left[cell.path] = 0
        self.ended += 1

    def event(self, cell: Cell, event: Event) -> None:
        from imgcollapse.study.runner import Committed

        if isinstance(event, Committed):
            self.made += 1
            self.left[cell.path] = cell.config.generations - event.generation - 1
        else:
            self._ended(cell, event)
        self._progress()

    def _ended(self, cell: Cell, event: Ended) -> None:
        self.left[cell.path] = 0
        self.ended += 1
        reason = f": {event.message}" if event.outcome == "failed" else ""
        clear = CLEAR if self.rows.isatty() else ""
        after = duration(time.monotonic() - self.started)
        line = f"{self.ended:>4} of {self.num}  {cell.name}: {event.outcome}{reason} ({after})"
        print(f"{clear}{line}", file=self.rows, flush=True)

    def _progress(self) -> None:
        left = sum(self.left.values())
        if not sys.stderr.isatty() or not left or not self.made:
            return
        seconds = (time.monotonic() - self.started) / self.made * left
        text = f"{self.ended} of {self.num} cells, {left} generations left, {duration(seconds)}"
        print(f"{CLEAR}{text}", end="", file=sys.stderr, flush=True)


def _write_tables(folder: StudyFolder, study: Study, done: Done) -> list[Path]:
    """The tables, unless cells are still to come: their command makes them in the end."""
    if done.stopped or done.elsewhere:
        return []
    from imgcollapse.study.study_tables import write_tables

    return write_tables(folder, study, lambda text: print(text, file=sys.stderr))


def raise_first(done: Done, num: int, out: Path) -> None:
    if done.stopped:
        raise Stopped(
            f"stopped: {len(done.complete)} of {num} cells are complete ({out})",
            "give the same command again to go on",
        )
    if done.failed:
        cell, ended = done.failed[0]
        error = LabError(
            f"{len(done.failed)} of {num} cells failed, the first of them {cell.name}: "
            f"{ended.message}",
            f"imgcollapse status {out}; the same command tries them again",
        )
        error.exit_code = ended.exit_code
        raise error


def _last_words(out: Path, done: Done, tables: list[Path]) -> str:
    if done.elsewhere:
        return (
            f"nothing is left to do here: {len(done.elsewhere)} cells are under way in another "
            f"process, which makes the tables (imgcollapse status {out})"
        )
    return f"done: {len(done.complete)} cells and {len(tables)} tables in {out}"


def _as_dict(
    folder: StudyFolder, cells: list[Cell], done: Done, tables: list[Path]
) -> dict[str, Any]:
    state = {cell.path: "complete" for cell in done.complete}
    state |= {cell.path: "stopped" for cell in done.stopped}
    state |= {cell.path: "elsewhere" for cell in done.elsewhere}
    reasons = {cell.path: ended.message for cell, ended in done.failed}
    rows = []
    for cell in cells:
        row: dict[str, Any] = {"arm": cell.arm, "seed": cell.seed, "run": str(cell.path)}
        row["state"] = state.get(cell.path, "failed")
        row["reason"] = reasons.get(cell.path)
        rows.append(row)
    return {"study": str(folder.path), "cells": rows, "tables": [str(path) for path in tables]}


def _print_plan(
    folder: StudyFolder, study: Study, cells: list[Cell], workers: int, as_json: bool
) -> None:
    from imgcollapse.study.study_cost import study_cost

    costs = study_cost(cells, workers)
    known = all(one.seconds is not None for one in costs)
    seconds = sum(one.seconds or 0.0 for one in costs)
    size = sum(one.disk_bytes or 0 for one in costs)
    longest = max(one.seconds or 0.0 for one in costs)
    hours = max(seconds / workers, longest) / 3600
    if as_json:
        print_json(
            {
                "study": str(folder.path),
                "control": study.control,
                "cells": [one.as_dict() for one in costs],
                "workers": workers,
                "hours": hours if known else None,
                "disk_bytes": size if known else None,
            }
        )
        return
    width = max(len(one.arm) for one in costs)
    print(f"{'arm':<{width}}  {'seed':>6}  {'generations':>11}  {'hours':>8}  {'MB':>8}  from")
    for one in costs:
        cost = f"{'?':>8}  {'?':>8}"
        if one.seconds is not None and one.disk_bytes is not None:
            cost = f"{one.seconds / 3600:>8.2g}  {one.disk_bytes / 1e6:>8,.1f}"
        far = f"{one.done} of {one.generations}"
        print(f"{one.arm:<{width}}  {one.seed:>6}  {far:>11}  {cost}  {one.by}".rstrip())
    total = f"about {hours:.2g} h and {size / 1e6:,.0f} MB" if known else "depends on the data"
    print(f"{len(cells)} cells, {workers} at once: {total}")
    if any(one.by.startswith("a few") for one in costs):
        print("from a few steps on random images: judge and scores come on top")
