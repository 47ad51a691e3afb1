"""What carries out the cells of a study, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from imgcollapse.study.study_folder import Cell

Outcome = Literal["complete", "failed", "stopped", "locked"]


@dataclass(frozen=True)
class Order:
    """A cell to be carried out, and a run that began alike, if there is one."""

    cell: Cell
    sibling: Path | None


@dataclass(frozen=True)
class Committed:
    """A cell has one more generation."""

    path: Path
    generation: int
    seconds: float


@dataclass(frozen=True)
class Ended:
    """A cell is not worked on any more; of one that failed the reason is in its study.

    ``here`` is whether anything was left to do, which another command may have done meanwhile.
    """

    path: Path
    outcome: Outcome
    message: str = ""
    exit_code: int = 0
    here: bool = True


Event = Committed | Ended


class Runner(Protocol):
    """A place where cells are carried out, so many packs of them at once.

    The cells of a pack are carried out together, their networks as one stack where that is
    possible. Every cell of a pack that was begun ends, whatever happens to it.
    """

    slots: int

    def begin(self, pack: Sequence[Order]) -> None:
        """Takes a slot that is free."""

    def free(self) -> int:
        """Slots that are free."""

    def events(self, seconds: float) -> list[Event]:
        """What happened since the last call; waits so long for something to happen."""

    def close(self) -> None:
        """Lets go of all slots."""
