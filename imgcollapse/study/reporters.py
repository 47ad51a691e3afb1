"""Those who hear of a run side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from imgcollapse.chain import Generation
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.scores import Score
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.store.volatile import Progress, write_progress
from imgcollapse.study.chain_run import Reporter

WRITE_EVERY_SECONDS = 1.0


class Silent:
    """Hears everything, says nothing, never asks for a stop."""

    def message(self, text: str) -> None: ...

    def stage(self, name: str) -> None: ...

    def prepared(self, ruler: Ruler) -> None: ...

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool:
        return False

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None: ...


class Reporters:
    """Several reporters as one, told in their order; any of them may ask for a stop."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self.reporters = reporters

    def message(self, text: str) -> None:
        for one in self.reporters:
            one.message(text)

    def stage(self, name: str) -> None:
        for one in self.reporters:
            one.stage(name)

    def prepared(self, ruler: Ruler) -> None:
        for one in self.reporters:
            one.prepared(ruler)

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        for one in self.reporters:
            one.progress(step, steps, loss, images_per_second)

    def should_stop(self) -> bool:
        return any(one.should_stop() for one in self.reporters)

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None:
        for one in self.reporters:
            one.committed(run, generation, scores, seconds)


class ProgressFile(Silent):
    """Leaves where the run is in ``volatile/``, for whoever watches, at most once a second."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.name = ""
        self.written_at = -math.inf

    def stage(self, name: str) -> None:
        self.name = name
        self._write(Progress(name))

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        if step == steps or time.monotonic() - self.written_at >= WRITE_EVERY_SECONDS:
            self._write(Progress(self.name, step, steps, loss, images_per_second))

    def _write(self, progress: Progress) -> None:
        write_progress(self.run, progress)
        self.written_at = time.monotonic()
