"""One run: a chain in a directory, committed generation by generation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from imgcollapse.config import Config
from imgcollapse.data.splits import Splits, make_splits
from imgcollapse.device import describe, pick_device, set_up
from imgcollapse.figures.run_figures import AT_THE_END, draw_run
from imgcollapse.generators import Generator, make_generator
from imgcollapse.policies import refuse_unfit
from imgcollapse.store.lock import LOCK, RunLock
from imgcollapse.store.places import refuse_unwritable
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.store.volatile import clear_progress
from imgcollapse.study.beginning import share_beginning, share_judge
from imgcollapse.study.chain_run import ChainRun, Reporter
from imgcollapse.study.chance import why_no_selection
from imgcollapse.study.preparation import prepare
from imgcollapse.study.reporters import ProgressFile, Reporters
from imgcollapse.study.requirements import differences, refuse_small_pools
from imgcollapse.training import Task, Trained, train


def run_to_disk(
    config: Config,
    out: Path,
    reporter: Reporter,
    sibling: RunDirectory | None = None,
    train: Callable[[Task], Trained] = train,
    overlap: bool | None = None,
) -> RunDirectory:
    """Makes or goes on with the run in ``out``; does nothing where it is complete.

    From a ``sibling`` that began alike, the beginning is copied. ``train`` carries out the
    generators' trainings. ``overlap`` is whether a generation is scored while the next one trains,
    by default on CUDA. Wrong configs, data and devices are refused before anything is written.
    """
    if is_complete(config, out):
        RunDirectory(out).check()
    else:
        with opened(config, out, reporter, sibling, train, overlap) as chain:
            chain.go_on()
    return RunDirectory(out)


def is_complete(config: Config, out: Path) -> bool:
    """Whether all generations and figures are there; ConfigError where ``out`` is another run."""
    run = RunDirectory(out)
    run.refuse_unless_same(config)
    return run.exists and has_all(run, config.generations)


def has_all(run: RunDirectory, generations: int) -> bool:
    """Whether a run has so many generations, and its figures."""
    return len(run.generations()) == generations and _last_figure(run).is_file()


@dataclass(frozen=True)
class Start:
    """What a run goes out from, found to fit together."""

    splits: Splits
    generator: Generator
    device: torch.device


def start_of(config: Config, out: Path, reporter: Reporter, splits: Splits | None = None) -> Start:
    """Refuses what does not fit, before anything is written; ``splits`` are read where not given.

    ConfigError, DataError, EnvironmentalError, or LockedError where another process writes there.
    """
    refuse_unwritable(out, "run")
    if (out / LOCK).exists():
        with RunLock(out):  # who writes here already is met before the data are read
            pass
    device = pick_device(config.device)
    set_up(device, config.deterministic)
    reporter.stage("real images")
    splits = splits or make_splits(config)
    for note in splits.notes:
        reporter.message(note)
    if reason := why_no_selection(config):
        reporter.message(f"no rows of selection and crowding: {reason}")
    generator = make_generator(config, splits.pool.image_shape, splits.pool.classes, device)
    refuse_small_pools(config, splits.pool)
    refuse_unfit(config.policy, splits.pool)
    return Start(splits, generator, device)


@contextmanager
def opened(
    config: Config,
    out: Path,
    reporter: Reporter,
    sibling: RunDirectory | None = None,
    train: Callable[[Task], Trained] = train,
    overlap: bool | None = None,
    start: Start | None = None,
) -> Iterator[ChainRun]:
    """The run in ``out``, locked and prepared, to be gone on with; figures are drawn at its end.

    Arguments are those of ``run_to_disk``; of the lab of an ecosystem a sibling is another one.
    ``start`` is what the run goes out from, where that is known.
    """
    run = RunDirectory(out)
    start = start or start_of(config, out, reporter)
    splits, generator, device = start.splits, start.generator, start.device
    if overlap is None:
        overlap = device.type == "cuda" and not config.training.cuda_graphs
    out.mkdir(parents=True, exist_ok=True)
    with RunLock(out):
        run.refuse_unless_same(config)
        if run.exists:
            run.check_begun()
        environment = describe(device)
        run.create(config, environment)
        reporter = Reporters((reporter, ProgressFile(run.path)))
        changed = differences(run.environment(), environment)
        if changed:
            reporter.message(
                f"warning: not as when the run was started: {', '.join(changed)}; its bytes may "
                "differ from those of a run that was not interrupted"
            )
            run.log_volatile({"environment_changed": changed})
        if sibling is not None and config.lab is not None:
            share_judge(run, sibling)
        elif sibling is not None and share_beginning(run, config, sibling):
            reporter.message(f"judge, reference and generation 0 are those of {sibling.path}")
        reporter.stage("judge")
        started = time.perf_counter()
        ruler = prepare(run, config, splits, device, reporter)
        run.log_volatile({"preparation_seconds": round(time.perf_counter() - started, 3)})
        for name in run.trim():
            reporter.message(f"{name} does not follow from what is left, and is made anew")
        reporter.prepared(ruler)
        audited = run.audit()
        reporter.message(("" if audited["passes"] else "warning: ") + audited["sentence"])
        _last_figure(run).unlink(missing_ok=True)
        with ChainRun(run, config, splits, generator, ruler, reporter, train, overlap) as chain:
            yield chain
        if chain.done == config.generations:
            run.clear_state()
            draw_run(run)
            clear_progress(run.path)


def _last_figure(run: RunDirectory) -> Path:
    return run.path / "figures" / f"{AT_THE_END[-1]}.png"
