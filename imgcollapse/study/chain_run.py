"""A run that is open: one generation after the other is made, scored and committed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgcollapse.chain import Generation, run_generation
from imgcollapse.config import Config
from imgcollapse.data.splits import Splits
from imgcollapse.device import beside
from imgcollapse.drawing.generation import draw_grid, draw_histogram
from imgcollapse.errors import Stopped
from imgcollapse.figures.tables import RunTables, class_shares
from imgcollapse.generators import Generator, Surroundings, draw_labels
from imgcollapse.images import ImageSet
from imgcollapse.metrics.memorisation import find_neighbours
from imgcollapse.metrics.ruler import Measured, Ruler
from imgcollapse.policies import PoolMaker, changes_samples, remembered
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import write_bytes, write_json
from imgcollapse.store.mapping import allow_open_files
from imgcollapse.store.run_directory import (
    RunDirectory,
    write_npz,
    write_samples,
    write_scores,
)
from imgcollapse.study.placement import keep_of
from imgcollapse.study.pool_report import pool_report
from imgcollapse.study.radioactivity import radioactivity_scores
from imgcollapse.study.selection_scores import selection_scores
from imgcollapse.study.web import web_samples
from imgcollapse.training import Task, Trained, Watcher


class Reporter(Watcher, Protocol):
    """Who hears of a run, and may ask it to stop at the next good moment."""

    def message(self, text: str) -> None: ...

    def stage(self, name: str) -> None: ...

    def prepared(self, ruler: Ruler) -> None: ...

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None: ...


class ChainRun:
    """Goes on with the chain of a run directory that is locked and prepared.

    With ``overlap`` a generation is scored and committed while the next one trains; the bytes are
    the same. Use it as a context: nothing is left to be committed when it ends.
    """

    def __init__(
        self,
        run: RunDirectory,
        config: Config,
        splits: Splits,
        generator: Generator,
        ruler: Ruler,
        reporter: Reporter,
        train: Callable[[Task], Trained],
        overlap: bool,
    ) -> None:
        self.run = run
        self.config = config
        self.generator = generator
        self.ruler = ruler
        self.reporter = reporter
        self.done = len(run.generations())
        keep = keep_of(config, run.path / "state")
        self.classes = splits.pool.classes
        self.maker = PoolMaker(
            config, splits.pool, fresh=splits.fresh, look=ruler.judge.look, keep=keep
        )
        self.surroundings = Surroundings(reporter, run.training_state(), train, keep)
        self.worker = ThreadPoolExecutor(1) if overlap else None
        self.pending: Future[list[Score]] | None = None
        self.latest: Generation | None = None
        self.started = time.perf_counter()
        allow_open_files(config.generations)
        if self.done:  # whatever the next generation needs of it: a chain is of one architecture
            generator.load(run.generations()[-1] / "model")

    def __enter__(self) -> ChainRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.worker is not None:
            self.worker.shutdown(wait=True)
        if kind is None:
            self.finish()

    def go_on(self) -> None:
        """Makes the generations that are missing; Stopped where the reporter asks for it."""
        while self.done < self.config.generations:
            self.advance()
            self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Stopped where the reporter asks for it and there is more to do."""
        if self.done < self.config.generations and self.reporter.should_stop():
            self.finish()
            raise Stopped(
                f"stopped before generation {self.config.starts + self.done} ({self.run.path})",
                "give the same command again to go on",
            )

    def advance(self) -> None:
        """Makes the next generation, and sees to it that it is scored and committed."""
        self.reporter.stage(f"generation {self.done}")
        if self.pending is None:
            self.started = time.perf_counter()
        generation = run_generation(
            self.config,
            self.generator,
            self.maker,
            self.done,
            self._past(),
            num_scored=self.config.scores.num_images,
            surroundings=self.surroundings,
        )
        self.finish()
        with ExitStack() as stack:
            folder = stack.enter_context(self.run.commit(f"gen_{generation.number:03d}"))
            grid = self._write(folder, generation)
            staged = stack.pop_all()
        self.done += 1
        arguments = staged, folder, generation, grid
        if self.worker is None:
            self._tell(generation, self._score_and_commit(*arguments))
        else:
            self.latest = generation
            self.pending = self.worker.submit(self._score_and_commit, *arguments)

    def finish(self) -> None:
        """Waits until the latest generation is committed; its error, if it had one, is raised."""
        if self.pending is not None and self.latest is not None:
            generation, pending = self.latest, self.pending
            self.latest = self.pending = None
            self._tell(generation, pending.result())

    def _past(self) -> list[ImageSet]:
        """What later pools may get of the generations so far, as far back as the window reaches."""
        if self.config.lab is not None:
            return web_samples(
                self.run, self.config, self.done, self.classes, self.maker.released, self.maker.keep
            )
        numbers = remembered(self.config.policy, list(range(self.done)))
        return [
            self.latest.released
            if self.latest is not None and self.latest.number == number
            else self.run.released(number, self.classes, self.maker.released)
            for number in numbers
        ]

    def _write(self, folder: Path, generation: Generation) -> ImageSet:
        """Writes what needs the generator, or no scores; returns the images of the grid."""
        self.generator.save(folder / "model")
        write_samples(folder / "samples.npz", generation.samples)
        if changes_samples(self.config.policy):
            write_samples(folder / "released.npz", generation.released)
        num, seed = self.config.scores.grid_images, self.config.seed
        labels = draw_labels(
            self.config.generator.labels,
            generation.pool,
            num,
            seed=seed_for(seed, "grid labels"),
        )
        return self.generator.sample(num, seed=seed_for(seed, "grid"), labels=labels)

    def _score_and_commit(
        self, staged: ExitStack, folder: Path, generation: Generation, grid: ImageSet
    ) -> list[Score]:
        number, judge = generation.number, self.ruler.judge
        with staged, beside(judge.device, self.worker is not None):
            samples = generation.samples[: self.config.scores.num_images]
            measured = self.ruler.measure(samples, generation.pool, number)
            self._write_neighbours(folder, measured)
            scores = measured.scores
            scores += radioactivity_scores(self.config, samples, number, judge.extractor)
            scores += selection_scores(self.config, self.ruler, [*self.run.scores(), *scores])
            write_json(folder / "pool.json", pool_report(self.config, generation, judge))
            write_scores(folder / "scores.json", scores)
            verdicts = judge.look(grid.images).classes
            self._draw(folder, number, grid, verdicts, scores)
        self.run.write_tables()
        return scores

    def _write_neighbours(self, folder: Path, measured: Measured) -> None:
        held_out = self.ruler.distances.held_out
        if held_out is not None:
            found = find_neighbours(measured.samples, measured.pool, held_out)
            write_npz(folder / "neighbours.npz", **found.arrays())

    def _draw(
        self,
        folder: Path,
        number: int,
        grid: ImageSet,
        verdicts: NDArray[np.int64],
        scores: list[Score],
    ) -> None:
        tables = RunTables.read(self.run)
        shares = class_shares(scores, tables.classes, tables.order)
        title = f"generation {number}"
        write_npz(folder / "grid.npz", arr_0=grid.images.transpose(0, 2, 3, 1), arr_1=verdicts)
        picture = draw_grid(grid.images, verdicts, tables.order, shares, title)
        write_bytes(folder / "grid.png", picture)
        earlier = [("real images", tables.initial_shares())]
        if number:
            earlier.append(("generation 0", tables.shares(0)))
        write_bytes(folder / "histogram.png", draw_histogram(shares, earlier, title))

    def _tell(self, generation: Generation, scores: list[Score]) -> None:
        seconds, self.started = time.perf_counter() - self.started, time.perf_counter()
        self.run.log_volatile(
            {
                "generation": generation.number,
                "seconds": round(seconds, 3),
                "training_images_per_second": generation.fit.images_per_second,
            }
        )
        self.reporter.committed(self.run, generation, scores, seconds)
