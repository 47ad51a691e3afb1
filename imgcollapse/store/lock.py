"""One writer for a run directory."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from imgcollapse.errors import EnvironmentalError, LockedError

LOCK = "run.lock"
TRIES = 10
PAUSE_SECONDS = 0.02


class RunLock:
    """Holds ``run.lock`` while a process writes; the kernel lets go when the process ends.

    Raises LockedError, naming the holder, where another process has it, and EnvironmentalError
    where the file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self.descriptor = -1

    def __enter__(self) -> RunLock:
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire()
        except BaseException:
            os.close(self.descriptor)
            raise
        os.ftruncate(self.descriptor, 0)
        content = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
        os.write(self.descriptor, content.encode())
        return self

    def _acquire(self) -> None:
        """Tries for a moment: somebody who only looks holds a shared lock for less than that."""
        for tries_left in reversed(range(TRIES)):
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if tries_left:
                    time.sleep(PAUSE_SECONDS)
            except OSError as error:
                raise EnvironmentalError(
                    f"this file system gives no locks: {error.strerror} ({self.path})",
                    "give an --out on a local disk",
                ) from error
        raise LockedError(
            f"another process is writing this run: {holder(self.path)} ({self.path.parent})",
            "wait for it, or give another --out",
        )

    def __exit__(self, *_: object) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def holder(path: Path) -> str:
    """Who wrote a lock file, in words."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return f"process {content['pid']} on {content['host']}"
    except (OSError, ValueError, KeyError):
        return "a process that left no name"


def is_locked(folder: Path) -> bool:
    """Whether some process holds the lock of a run directory now."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
