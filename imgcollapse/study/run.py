"""One run: a chain in a directory, committed generation by generation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from imgcollapse.chain import Generation, run_chain
from imgcollapse.config import Config
from imgcollapse.data.splits import make_splits
from imgcollapse.device import describe, pick_device, set_up
from imgcollapse.drawing.generation import draw_grid, draw_histogram
from imgcollapse.errors import Stopped
from imgcollapse.figures.run_figures import FIGURES, draw_run
from imgcollapse.figures.tables import RunTables, class_shares
from imgcollapse.generators import Generator, Surroundings, draw_labels, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.policies import PoolMaker, changes_samples, remembered
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import write_bytes, write_json
from imgcollapse.store.lock import LOCK, RunLock
from imgcollapse.store.run_directory import (
    RunDirectory,
    counts_by_origin,
    write_npz,
    write_samples,
    write_scores,
)
from imgcollapse.study.beginning import share_beginning
from imgcollapse.study.preparation import prepare
from imgcollapse.study.requirements import (
    differences,
    refuse_small_pools,
    refuse_unknown_classes,
    refuse_unwritable,
)
from imgcollapse.study.selection_scores import selection_scores
from imgcollapse.training import Task, Trained, Watcher, train


class Reporter(Watcher, Protocol):
    """Who hears of a run, and may ask it to stop at the next good moment."""

    def message(self, text: str) -> None: ...

    def stage(self, name: str) -> None: ...

    def prepared(self, ruler: Ruler) -> None: ...

    def committed(self, run: RunDirectory, generation: Generation, seconds: float) -> None: ...


def run_to_disk(
    config: Config,
    out: Path,
    reporter: Reporter,
    sibling: RunDirectory | None = None,
    train: Callable[[Task], Trained] = train,
) -> RunDirectory:
    """Makes or goes on with the run in ``out``; does nothing where it is complete.

    From a ``sibling`` that began alike, the beginning is copied. ``train`` carries out the
    generators' trainings. Wrong configs, data and devices are refused before anything is written.
    """
    run = RunDirectory(out)
    run.refuse_unless_same(config)
    if run.exists and len(run.generations()) == config.generations and _last_figure(run).is_file():
        run.check()
        return run
    refuse_unwritable(out)
    if (out / LOCK).exists():
        with RunLock(out):  # who writes here already is met before the data are read
            pass
    device = pick_device(config.device)
    set_up(device, config.deterministic)
    reporter.stage("real images")
    splits = make_splits(config)
    for note in splits.notes:
        reporter.message(note)
    generator = make_generator(config, splits.pool.image_shape, splits.pool.classes, device)
    refuse_small_pools(config, splits.pool)
    refuse_unknown_classes(config, splits.pool.classes)
    out.mkdir(parents=True, exist_ok=True)
    with RunLock(out):
        run.refuse_unless_same(config)
        if run.exists:
            run.check_begun()
        environment = describe(device)
        run.create(config, environment)
        changed = differences(run.environment(), environment)
        if changed:
            reporter.message(
                f"warning: not as when the run was started: {', '.join(changed)}; its bytes may "
                "differ from those of a run that was not interrupted"
            )
            run.log_volatile({"environment_changed": changed})
        if sibling is not None and share_beginning(run, config, sibling):
            reporter.message(f"judge, reference and generation 0 are those of {sibling.path}")
        reporter.stage("judge")
        ruler = prepare(run, config, splits, device, reporter)
        for name in run.trim():
            reporter.message(f"{name} does not follow from what is left, and is made anew")
        reporter.prepared(ruler)
        audited = run.audit()
        reporter.message(("" if audited["passes"] else "warning: ") + audited["sentence"])
        _last_figure(run).unlink(missing_ok=True)
        _go_on(run, config, splits.pool, generator, ruler, reporter, train)
        run.clear_state()
        draw_run(run)
    return run


def _last_figure(run: RunDirectory) -> Path:
    return run.path / "figures" / f"{list(FIGURES)[-1]}.png"


def _go_on(
    run: RunDirectory,
    config: Config,
    real: ImageSet,
    generator: Generator,
    ruler: Ruler,
    reporter: Reporter,
    train: Callable[[Task], Trained],
) -> None:
    done = run.generations()
    if len(done) == config.generations:
        return
    if done and config.generator.init == "warm":
        generator.load(done[-1] / "model")
    maker = PoolMaker(config, real, look=ruler.judge.look)
    numbers = remembered(config.policy, list(range(len(done))))
    past = [run.released(number, real.classes, maker.released) for number in numbers]

    def score(samples: ImageSet, pool: ImageSet, number: int) -> list[Score]:
        scores = ruler.score(samples, pool, number)
        return scores + selection_scores(config, ruler, [*run.scores(), *scores])

    surroundings = Surroundings(reporter, run.training_state(), train)
    started = time.perf_counter()
    reporter.stage(f"generation {len(done)}")
    for generation in run_chain(
        config,
        real,
        generator,
        maker=maker,
        first=len(done),
        past=past,
        score=score,
        surroundings=surroundings,
    ):
        _commit(run, config, generation, generator, ruler)
        seconds, started = time.perf_counter() - started, time.perf_counter()
        run.log_volatile(
            {
                "generation": generation.number,
                "seconds": round(seconds, 3),
                "training_images_per_second": generation.fit.images_per_second,
            }
        )
        reporter.committed(run, generation, seconds)
        last = generation.number + 1 == config.generations
        if not last and reporter.should_stop():
            raise Stopped(
                f"stopped after generation {generation.number} ({run.path})",
                "give the same command again to go on",
            )
        if not last:
            reporter.stage(f"generation {generation.number + 1}")


def _commit(
    run: RunDirectory,
    config: Config,
    generation: Generation,
    generator: Generator,
    ruler: Ruler,
) -> None:
    number = generation.number
    labels = draw_labels(
        config.generator.labels,
        generation.pool,
        config.scores.grid_images,
        seed=seed_for(config.seed, "grid labels"),
    )
    grid = generator.sample(
        config.scores.grid_images, seed=seed_for(config.seed, "grid"), labels=labels
    )
    verdicts = ruler.judge.look(grid.images).classes
    tables = RunTables.read(run)
    shares = class_shares(generation.scores, tables.classes, tables.order)
    with run.commit(f"gen_{number:03d}") as folder:
        generator.save(folder / "model")
        write_json(
            folder / "pool.json",
            {
                "size": len(generation.pool),
                "loss": generation.fit.loss,
                "counts": counts_by_origin(generation.pool),
                "repairs": [repaired.as_dict() for repaired in generation.repaired],
            },
        )
        write_samples(folder / "samples.npz", generation.samples)
        if changes_samples(config.policy):
            write_samples(folder / "released.npz", generation.released)
        write_scores(folder / "scores.json", generation.scores)
        write_npz(folder / "grid.npz", arr_0=grid.images.transpose(0, 2, 3, 1), arr_1=verdicts)
        write_bytes(
            folder / "grid.png",
            draw_grid(grid.images, verdicts, tables.order, shares, f"generation {number}"),
        )
        earlier = [("real images", tables.initial_shares())]
        if number:
            earlier.append(("generation 0", tables.shares(0)))
        write_bytes(
            folder / "histogram.png", draw_histogram(shares, earlier, f"generation {number}")
        )
    run.write_tables()
