"""The process that carries out cells: what it is told, and what it tells."""

from __future__ import annotations

import functools
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgcollapse.errors import CorruptError, LockedError, Stopped, as_lab_error
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.processes import end_with_parent
from imgcollapse.study.runner import Committed, Ended, Event, Order
from imgcollapse.study.study_folder import Cell, write_failure

if TYPE_CHECKING:
    from imgcollapse.chain import Generation
    from imgcollapse.metrics.ruler import Ruler
    from imgcollapse.scores import Score

LOGS = "logs"


class Interrupts(Protocol):
    """Whether somebody asked to stop; heard in every process that was given it at its start."""

    @property
    def came(self) -> bool: ...


@dataclass(frozen=True)
class Stop:
    """When to stop: when asked to, or at ``deadline`` (of ``time.monotonic``)."""

    interrupts: Interrupts
    deadline: float | None

    def due(self) -> bool:
        late = self.deadline is not None and time.monotonic() >= self.deadline
        return self.interrupts.came or late


class CellReporter:
    """Tells of generations, and keeps messages in the study's ``volatile/logs``."""

    def __init__(self, cell: Cell, stop: Stop, tell: Callable[[Event], None]) -> None:
        self.cell, self.stop, self.tell = cell, stop, tell
        self.works = False
        arm = cell.path.parent
        self.log = arm.parent / "volatile" / LOGS / arm.name / f"{cell.path.name}.log"

    def message(self, text: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def stage(self, name: str) -> None: ...

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def prepared(self, ruler: Ruler) -> None:
        self.works = True

    def should_stop(self) -> bool:
        return self.stop.due()

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None:
        self.tell(Committed(self.cell.path, generation.number, seconds))


def serve(connection: Connection, stop: Stop) -> None:
    """Carries out packs that come through ``connection`` until it closes."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    import imgcollapse.study.run  # noqa: F401  (torch is there before the first pack is)

    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            connection.send(event)

    while True:
        try:
            pack = connection.recv()
        except EOFError:
            return
        carry_out(pack, stop, tell)


def carry_out(pack: Sequence[Order], stop: Stop, tell: Callable[[Event], None]) -> None:
    """Makes or goes on with the cells of a pack, and tells how each ended.

    Several are chains of one process that train their networks as one stack.
    """
    from imgcollapse.study.company import Company
    from imgcollapse.study.run import run_to_disk

    if len(pack) == 1:
        _follow(pack[0], stop, tell, run_to_disk)
        return
    company = Company(len(pack))
    together = functools.partial(run_to_disk, train=company.train)
    company.run([functools.partial(_follow, order, stop, tell, together) for order in pack])


def _follow(
    order: Order, stop: Stop, tell: Callable[[Event], None], run_to_disk: Callable[..., object]
) -> None:
    cell = order.cell
    reporter = CellReporter(cell, stop, tell)
    try:
        run_to_disk(cell.config, cell.path, reporter, _sound(order.sibling))
    except LockedError as error:
        tell(Ended(cell.path, "locked", error.message, error.exit_code))
    except Stopped as error:
        cell.failure.unlink(missing_ok=True)
        tell(Ended(cell.path, "stopped", error.message, error.exit_code))
    except Exception as raised:
        known = as_lab_error(raised)
        write_failure(cell.path, known, traceback.format_exc())
        tell(Ended(cell.path, "failed", known.message, known.exit_code))
    else:
        cell.failure.unlink(missing_ok=True)
        tell(Ended(cell.path, "complete", here=reporter.works))


def _sound(sibling: Path | None) -> RunDirectory | None:
    """A run to begin with, unless it is broken: that is its own failure and not that of others."""
    if sibling is None:
        return None
    run = RunDirectory(sibling)
    try:
        run.check_begun()
    except CorruptError:
        return None
    return run
