"""Cells on this machine: processes that stay, each with its part of the cores or of a GPU."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from imgcollapse.errors import EnvironmentalError
from imgcollapse.study.cell_worker import Stop, serve
from imgcollapse.study.processes import SIGNALS, SPAWN, in_environment, sharing_cores
from imgcollapse.study.runner import Ended, Event, Order
from imgcollapse.study.study_folder import write_failure

VISIBLE = "CUDA_VISIBLE_DEVICES"
END_SECONDS = 10.0


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    left: set[Path] = field(default_factory=set)


class LocalRunner:
    """Worker processes that import once and carry out one pack after the other.

    ``slots`` of them share the cores; with ``gpus``, the names of devices as in
    CUDA_VISIBLE_DEVICES, each sees one of these, in turn. They hear no signals, only ``stop``.
    """

    def __init__(self, slots: int, stop: Stop, gpus: Sequence[str] = ()) -> None:
        self.slots, self.stop, self.gpus = slots, stop, gpus
        self.workers: list[_Worker | None] = [None] * slots

    def free(self) -> int:
        return sum(worker is None or not worker.left for worker in self.workers)

    def begin(self, pack: Sequence[Order]) -> None:
        place = next(i for i, one in enumerate(self.workers) if one is None or not one.left)
        worker = self.workers[place] or self._start(place)
        worker.left = {order.cell.path for order in pack}
        self.workers[place] = worker
        with contextlib.suppress(OSError):  # a process that just ended is met in ``events``
            worker.connection.send(list(pack))

    def warm_up(self, num: int) -> None:
        """Starts so many processes ahead of their work."""
        for place in range(min(num, self.slots)):
            self.workers[place] = self.workers[place] or self._start(place)

    def events(self, seconds: float) -> list[Event]:
        found: list[Event] = []
        places = {one.connection: i for i, one in enumerate(self.workers) if one is not None}
        if not places:
            time.sleep(seconds)
        for connection in wait(list(places), seconds):
            worker = self.workers[places[connection]]  # type: ignore[index]
            assert worker is not None
            try:
                event: Event = worker.connection.recv()
            except (EOFError, OSError):
                found += self._ended(worker)
                self.workers[places[connection]] = None  # type: ignore[index]
                continue
            if isinstance(event, Ended):
                worker.left.discard(event.path)
            found.append(event)
        return found

    def close(self) -> None:
        workers = [one for one in self.workers if one is not None]
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.process.join(END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
        self.workers = [None] * self.slots

    def _ended(self, worker: _Worker) -> list[Event]:
        """What is to be said of the cells of a process that ended under them."""
        worker.process.join()
        found: list[Event] = []
        for path in sorted(worker.left):
            error = EnvironmentalError(
                f"the process of the cell ended with exit code {worker.process.exitcode} ({path})",
                "if memory was short, ask for fewer --workers; the same command goes on",
            )
            write_failure(path, error)
            found.append(Ended(path, "failed", error.message, error.exit_code))
        return found

    def _start(self, place: int) -> _Worker:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=serve, args=(theirs, self.stop), daemon=True)
        resource_tracker.ensure_running()  # its own start would let the signals through again
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # which the process inherits
        try:
            with sharing_cores(self.slots), self._seeing(place):
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return _Worker(process, ours)

    def _seeing(self, place: int) -> AbstractContextManager[None]:
        """Processes that are started meanwhile see one GPU."""
        if not self.gpus:
            return contextlib.nullcontext()
        return in_environment(VISIBLE, self.gpus[place % len(self.gpus)])


def visible_gpus(count: Callable[[], int]) -> list[str]:
    """The names of the GPUs that this process may use; ``count`` says how many there are."""
    named = os.environ.get(VISIBLE)
    names = named.split(",") if named else [str(number) for number in range(count())]
    return [name.strip() for name in names[: count()]]
