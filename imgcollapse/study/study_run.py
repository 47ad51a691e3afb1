"""Carries out the cells of a study that are missing, side by side with others who do so."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from imgcollapse.errors import CorruptError
from imgcollapse.store.lock import is_locked
from imgcollapse.study.beginning import beginning_of
from imgcollapse.study.replicas import are_stacked
from imgcollapse.study.run import has_all
from imgcollapse.study.runner import Committed, Ended, Event, Order, Runner
from imgcollapse.study.study_folder import Cell, read_failure, write_failure

LOOK_AGAIN_SECONDS = 0.5
LARGEST_PACK = 16


class Heard(Protocol):
    """Who hears of a study."""

    def skipped(self, cell: Cell) -> None: ...

    def event(self, cell: Cell, event: Event) -> None: ...


@dataclass
class Done:
    """What became of the cells: by their paths how each ended here, or ``elsewhere``."""

    complete: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, Ended]] = field(default_factory=list)
    stopped: list[Cell] = field(default_factory=list)
    elsewhere: list[Cell] = field(default_factory=list)


class StudyRun:
    """One ``study`` command at work; other commands may be at work on the same cells.

    A cell is begun when a slot is free and no other cell that begins alike is just at its
    beginning, so that judge and generation 0 are made once. Who writes a cell holds its lock: a
    cell that is locked is let be, and looked at again in the end.
    """

    def __init__(self, cells: Sequence[Cell], runner: Runner, heard: Heard) -> None:
        self.cells = {cell.path: cell for cell in cells}
        self.runner, self.heard = runner, heard
        self.began_at = time.time()
        self.done = Done()
        self.queue: deque[list[Cell]] = deque()
        self.locked: dict[Path, Cell] = {}
        self.working: set[Path] = set()
        self.alike = _alike(cells)

    def carry_out(self, should_stop: Callable[[], bool]) -> Done:
        """Does what is missing, until nothing is left but what others do."""
        self._sort(self.cells.values())
        while self.queue or self.working:
            if should_stop():
                self.done.stopped += [cell for pack in self.queue for cell in pack]
                self.queue.clear()
            self._begin()
            for event in self.runner.events(LOOK_AGAIN_SECONDS):
                self._hear(event)
            if not self.queue and not self.working and not should_stop():
                again, self.locked = self.locked, {}
                self._sort(again.values())
        self.done.elsewhere += self.locked.values()
        return self.done

    def _sort(self, cells: Iterable[Cell]) -> None:
        """Puts cells where they belong: complete, locked, failed elsewhere, or to be done."""
        missing = []
        for cell in cells:
            try:
                if cell.is_begun() and has_all(cell.run, cell.config.generations):
                    cell.run.check()
                    cell.failure.unlink(missing_ok=True)
                    self.done.complete.append(cell)
                    self.heard.skipped(cell)
                elif is_locked(cell.path):
                    self.locked[cell.path] = cell
                elif self._failed_meanwhile(cell):
                    reason = read_failure(cell.path) or {}
                    ended = Ended(cell.path, "failed", reason["message"], reason["exit_code"])
                    self.done.failed.append((cell, ended))
                else:
                    missing.append(cell)
            except CorruptError as error:
                write_failure(cell.path, error)
                self._hear(Ended(cell.path, "failed", error.message, error.exit_code))
        self.queue.extend(packs_of(missing, self.runner))

    def _failed_meanwhile(self, cell: Cell) -> bool:
        """Whether another command has tried the cell since this one began, and failed."""
        return cell.failure.is_file() and cell.failure.stat().st_mtime >= self.began_at

    def _begin(self) -> None:
        """Begins the first packs that can be, as long as slots are free."""
        for _ in range(len(self.queue)):
            if not self.runner.free():
                return
            pack = self.queue.popleft()
            orders = [self._order(cell) for cell in pack]
            ready = [order for order in orders if order is not None]
            if len(ready) < len(pack):
                self.queue.append(pack)
                continue
            self.working |= {cell.path for cell in pack}
            self.runner.begin(ready)

    def _order(self, cell: Cell) -> Order | None:
        """The cell with one to begin from; None where one that begins alike is about to be one."""
        if (cell.path / "judge").is_dir():
            return Order(cell, None)
        others = [one for one in self.alike[cell.path] if one != cell]
        for other in others:
            if other.run.generations():
                return Order(cell, other.path)
        at_it = any(one.path in self.working or is_locked(one.path) for one in others)
        return None if at_it else Order(cell, None)

    def _hear(self, event: Event) -> None:
        cell = self.cells[event.path]
        if isinstance(event, Committed):
            self.heard.event(cell, event)
            return
        self.working.discard(event.path)
        if event.outcome == "locked":
            self.locked[event.path] = cell
            return
        if event.outcome == "complete":
            self.done.complete.append(cell)
            if not event.here:
                self.heard.skipped(cell)
                return
        elif event.outcome == "stopped":
            self.done.stopped.append(cell)
        else:
            self.done.failed.append((cell, event))
        self.heard.event(cell, event)


def _alike(cells: Sequence[Cell]) -> dict[Path, list[Cell]]:
    """For each cell those that begin as it does, itself included."""
    kinds: list[tuple[Any, int]] = []
    of_arm: dict[str, int] = {}
    groups: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        if cell.arm not in of_arm:
            kind = beginning_of(cell.config.model_copy(update={"seed": 0}))
            known = [number for one, number in kinds if one == kind]
            of_arm[cell.arm] = known[0] if known else len(kinds)
            kinds.append((kind, of_arm[cell.arm]))
        groups.setdefault((of_arm[cell.arm], cell.seed), []).append(cell)
    return {cell.path: group for group in groups.values() for cell in group}


def packs_of(cells: Sequence[Cell], runner: Runner) -> list[list[Cell]]:
    """Cells that are carried out together: chains of one arm, where their networks are stacked."""
    packs: list[list[Cell]] = []
    most = min(LARGEST_PACK, -(-len(cells) // runner.slots))
    for cell in cells:
        last = packs[-1] if packs else []
        joins = last and last[0].arm == cell.arm and len(last) < most
        if joins and are_stacked(cell.config):
            last.append(cell)
        else:
            packs.append([cell])
    return packs
