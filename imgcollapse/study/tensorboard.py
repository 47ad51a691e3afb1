"""What TensorBoard shows of a run: scores with their limits, pictures, and training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imgcollapse.chain import Generation
from imgcollapse.errors import EnvironmentalError
from imgcollapse.figures.tables import RunTables
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.scores import FLOOR, Score
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.reporters import Silent

FOLDER = Path("volatile") / "tensorboard"
SCORES, LOW, HIGH, REAL, TRAINING = "scores", "low", "high", "real", "training"
PARTS = 1000
"""Training is told by thousandths of a generation, so that its steps never meet twice."""


class TensorBoard(Silent):
    """Writes events below ``volatile/tensorboard`` of a run, one folder for each line of a chart.

    ``scores``, ``low``, ``high`` and ``real`` (the floor) go by generation and are made anew from
    what is committed whenever the run is gone on with; ``training`` goes by thousandths of a
    generation and is continued. EnvironmentalError where TensorBoard is not installed.
    """

    def __init__(self, run: Path) -> None:
        refuse_without_tensorboard()
        self.run = RunDirectory(run)
        self.writers: dict[str, Any] = {}
        self.generation: int | None = None
        self.place = -1

    def stage(self, name: str) -> None:
        word, _, number = name.partition(" ")
        self.generation = int(number) if word == "generation" else None

    def prepared(self, ruler: Ruler) -> None:
        self._begin()

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        if self.generation is None:
            return
        place = self.generation * PARTS + PARTS * step // steps
        if place <= self.place:
            return
        writer = self._writer(TRAINING, purge_step=place)
        writer.add_scalar("training/loss", loss, place)
        writer.add_scalar("training/images_per_second", images_per_second, place)
        writer.flush()
        self.place = place

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None:
        self._add(RunTables.read(run), generation.number)

    def finish(self) -> None:
        """Writes what is committed, of a run that was complete already."""
        if not self.writers:
            self._begin()

    def _begin(self) -> None:
        for name in (SCORES, LOW, HIGH, REAL):
            shutil.rmtree(self.run.path / FOLDER / name, ignore_errors=True)
        if self.run.generations():
            tables = RunTables.read(self.run)
            for number in tables.generations:
                self._add(tables, number)

    def _add(self, tables: RunTables, number: int) -> None:
        for score in tables.scores:
            tag = "/".join(part for part in (score.metric, score.reference, score.class_) if part)
            if score.generation == number:
                self._writer(SCORES).add_scalar(tag, score.value, number)
                if score.low is not None and score.high is not None:
                    self._writer(LOW).add_scalar(tag, score.low, number)
                    self._writer(HIGH).add_scalar(tag, score.high, number)
            elif score.generation == FLOOR:
                self._writer(REAL).add_scalar(tag, score.value, number)
        folder = self.run.path / f"gen_{number:03d}"
        for name in ("grid", "histogram"):
            picture = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"))
            self._writer(SCORES).add_image(name, picture, number, dataformats="HWC")
        self._add_ranks(tables, number)
        for name in (SCORES, LOW, HIGH, REAL):
            self._writer(name).flush()

    def _add_ranks(self, tables: RunTables, number: int) -> None:
        """How many images were judged to be of the class of each rank, 0 the most common."""
        shares = tables.shares(number)
        counts = np.rint(shares.shares * shares.n)
        ranks = np.arange(len(counts))
        self._writer(SCORES).add_histogram_raw(
            "judged images by initial rank of their class",
            min=0,
            max=len(counts) - 1,
            num=counts.sum(),
            sum=counts @ ranks,
            sum_squares=counts @ ranks**2,
            bucket_limits=(ranks + 0.5).tolist(),
            bucket_counts=counts.tolist(),
            global_step=number,
        )

    def _writer(self, name: str, **options: Any) -> Any:
        if name not in self.writers:
            from torch.utils.tensorboard import SummaryWriter

            folder = self.run.path / FOLDER / name
            self.writers[name] = SummaryWriter(str(folder), **options)
        return self.writers[name]


def refuse_without_tensorboard() -> None:
    """EnvironmentalError with the command that installs TensorBoard, where it is missing."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise EnvironmentalError(
            "TensorBoard is not installed", "pip install 'imgcollapse[tensorboard]'"
        ) from error
