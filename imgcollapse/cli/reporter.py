"""What a person at a terminal, or the reader of a batch log, hears of a run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from imgcollapse.cli.words import MISFIT, duration, generation_row, header_row, is_misfit
from imgcollapse.scores import percent

if TYPE_CHECKING:
    from imgcollapse.chain import Generation
    from imgcollapse.config import Config
    from imgcollapse.metrics.ruler import Ruler
    from imgcollapse.scores import Score
    from imgcollapse.store.run_directory import RunDirectory

REDRAW_SECONDS = 0.2
LOG_EVERY_PART = 0.2
CLEAR = "\r\033[K"
STOPPING = "\nstopping at the next good moment; interrupt again to end at once\n"


class Interrupts:
    """Whether the process was asked to stop; the second interrupt ends it.

    Processes that are given it when they start hear of it too.
    """

    def __init__(self) -> None:
        self._came = multiprocessing.RawValue("b", False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    @property
    def came(self) -> bool:
        return bool(self._came.value)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.came and number == signal.SIGINT:
            os._exit(130)
        self._came.value = True
        with contextlib.suppress(OSError):  # print is not reentrant
            os.write(2, STOPPING.encode())


class ConsoleReporter:
    """One line on stdout for each generation, progress and messages on stderr.

    Where several chains report side by side, each line opens with the ``name`` of its own.
    The first interrupt asks the run, and all that share its ``interrupts``, to stop at a good
    moment.
    """

    def __init__(
        self,
        config: Config,
        max_time: float | None,
        to_stderr: bool = False,
        name: str = "",
        interrupts: Interrupts | None = None,
    ) -> None:
        self.interrupts = interrupts or Interrupts()
        self.prefix = f"{name}: " if name else ""
        self.generations = config.generations
        self.num_scored = config.scores.num_images
        self.deadline = time.monotonic() + max_time if max_time is not None else None
        self.to_stderr = to_stderr
        self.live = sys.stderr.isatty()
        self.name = ""
        self.drawn_at = 0.0
        self.logged = 0.0
        self.seconds: list[float] = []
        self.head, self.tail = "", [""]
        self.misfit_explained = False

    def message(self, text: str) -> None:
        self._print(text, sys.stderr)

    def stage(self, name: str) -> None:
        self.name, self.logged, self.drawn_at = name, 0.0, 0.0
        if self.live:
            self._draw(f"{name} …")

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        done = step / steps
        text = f"{self.name}: step {step:,} of {steps:,}, loss {loss:.4f}, "
        text += f"{images_per_second:,.0f} images/s"
        if self.live:
            if time.monotonic() - self.drawn_at >= REDRAW_SECONDS:
                self._draw(text)
        elif done - self.logged >= LOG_EVERY_PART and step < steps:
            self.logged = done
            self._print(text, sys.stderr)

    def should_stop(self) -> bool:
        late = self.deadline is not None and time.monotonic() >= self.deadline
        return self.interrupts.came or late

    def prepared(self, ruler: Ruler) -> None:
        facts = ruler.judge.facts
        self.message(
            f"judge: {100 * facts['accuracy']:.1f} % right on {facts['num_held_out']:,} held-out "
            f"real images, rejects {100 * facts['false_reject']:.1f} % of them, sees shares from "
            f"{percent(ruler.lowest_visible_share)}"
        )
        if rare := ruler.too_rare(self.num_scored):
            self.message(
                f"{', '.join(rare)}: too rare for {self.num_scored:,} images to show their loss"
            )

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None:
        from imgcollapse.figures.tables import RunTables

        rows = sys.stderr if self.to_stderr else sys.stdout
        self.seconds.append(seconds)
        left = (self.generations - generation.number - 1) * sum(self.seconds) / len(self.seconds)
        if not self.head:
            tables = RunTables.read(run)
            self.head, self.tail = tables.head, tables.tail
            self._print(header_row(), rows)
        row = generation_row(
            scores,
            self.head,
            self.tail,
            generation.number,
            loss=generation.fit.loss,
            images_per_second=generation.fit.images_per_second,
            left=duration(left),
        )
        self._print(row, rows)
        if is_misfit(scores) and not self.misfit_explained:
            self.misfit_explained = True
            self.message(MISFIT)

    def _draw(self, text: str) -> None:
        self.drawn_at = time.monotonic()
        print(f"{CLEAR}{self.prefix}{text}", end="", file=sys.stderr, flush=True)

    def _print(self, text: str, stream: TextIO) -> None:
        """A line in one piece, because other processes may write beside this one."""
        clear = CLEAR if stream.isatty() else ""
        print(f"{clear}{self.prefix}{text}\n", end="", file=stream, flush=True)
