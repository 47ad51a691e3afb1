"""Several runs at once, each in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from imgcollapse.config import Config
from imgcollapse.device import threads_of_each, usable_cores
from imgcollapse.errors import EnvironmentalError, Stopped

if TYPE_CHECKING:
    from imgcollapse.study.chain_run import Reporter

SPAWN = multiprocessing.get_context("spawn")
THREADS = "OMP_NUM_THREADS"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def sharing_cores(num: int) -> Iterator[None]:
    """Processes that are started meanwhile have threads for ``num`` of them at once."""
    with in_environment(THREADS, str(threads_of_each(num))):
        yield


@contextlib.contextmanager
def in_environment(name: str, value: str) -> Iterator[None]:
    """Processes that are started meanwhile find a variable with this value."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class Processes:
    """Carries out runs in processes, as many at once as there are cores for them.

    A process is what it would be if the run were started by itself with its number of threads. It
    hears no signals, only its reporter, a copy, and it ends when this process ends.
    """

    def __init__(self, num: int) -> None:
        self.at_once = min(num, usable_cores())
        self.free = threading.Semaphore(self.at_once)

    def run(self, config: Config, out: Path, reporter: Reporter) -> None:
        """Waits for a core and for the end of the run in ``out``; raises what the run raised.

        Stopped where a stop was asked for while it waited for a core, EnvironmentalError where the
        process was killed.
        """
        waits = not self.free.acquire(blocking=False)
        if waits:
            self.free.acquire()
        try:
            if waits and reporter.should_stop():
                raise Stopped(f"stopped before its turn ({out})", "run it again")
            _run_in_process(config, out, reporter)
        finally:
            self.free.release()


def _run_in_process(config: Config, out: Path, reporter: Reporter) -> None:
    receiver, sender = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_run, args=(config, out, reporter, sender))
    resource_tracker.ensure_running()  # its own start would let the signals through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # which the process inherits
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    sender.close()
    error: Exception | None = None
    with contextlib.suppress(EOFError):
        error = receiver.recv()
    process.join()
    if error is not None:
        raise error
    if process.exitcode:
        raise EnvironmentalError(
            f"the process of a run ended with exit code {process.exitcode} ({out})",
            "if memory was short, ask for fewer replicas; the same command goes on",
        )


def _run(config: Config, out: Path, reporter: Reporter, sender: Connection) -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    from imgcollapse.study.run import run_to_disk

    try:
        run_to_disk(config, out, reporter)
    except Exception as error:
        error.add_note(traceback.format_exc())
        sender.send(error)


def end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(130)
