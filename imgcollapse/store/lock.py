"""One writer for a run directory."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from imgcollapse.errors import LockedError


class RunLock:
    """Holds ``run.lock`` while a process writes; the kernel lets go when the process ends.

    Raises LockedError, naming the holder, where another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run.lock"
        self.descriptor = -1

    def __enter__(self) -> RunLock:
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise LockedError(
                f"another process is writing this run: {holder(self.path)} ({self.path.parent})",
                "wait for it, or give another --out",
            ) from None
        os.ftruncate(self.descriptor, 0)
        content = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
        os.write(self.descriptor, content.encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        descriptor = os.open(folder / "run.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
