"""What ``volatile/`` tells of a run: how far its training is, and how long generations took."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from imgcollapse.store.files import TEMPORARY

PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """Where a run was at its last pause; numbers are None in a stage without steps."""

    stage: str
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    images_per_second: float | None = None

    @property
    def part(self) -> float:
        """The part of the stage's steps that is done."""
        return self.step / self.steps if self.step and self.steps else 0.0


def write_progress(run: Path, progress: Progress) -> None:
    """Writes ``volatile/progress.json`` whole, but does not wait for the disk.

    What cannot be written is let be: nothing depends on it.
    """
    path = run / "volatile" / PROGRESS
    temporary = path.with_name(path.name + TEMPORARY)
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        os.replace(temporary, path)


def read_progress(run: Path) -> Progress | None:
    """What ``write_progress`` wrote last, None where there is nothing that can be read."""
    try:
        return Progress(**json.loads((run / "volatile" / PROGRESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def clear_progress(run: Path) -> None:
    (run / "volatile" / PROGRESS).unlink(missing_ok=True)


def logged_seconds(run: Path) -> dict[int, float]:
    """Seconds of each generation in ``log.jsonl``, the last of one that was made twice.

    Lines that are not whole, as a killed process leaves them, count as none.
    """
    path = run / "volatile" / "log.jsonl"
    found: dict[int, float] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            event = json.loads(line)
            found[int(event["generation"])] = float(event["seconds"])
    return found
