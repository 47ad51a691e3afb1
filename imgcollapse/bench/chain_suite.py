"""Part of ``generation``: a chain of a GPU's config on disk, and what its time goes into."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from imgcollapse.bench.results import Result, result, within
from imgcollapse.bench.setting import Setting, synthetic_pool
from imgcollapse.bench.timing import seconds_of
from imgcollapse.chain import Generation
from imgcollapse.config import Config
from imgcollapse.config_file import load_config, parse_config
from imgcollapse.config_layers import find_config
from imgcollapse.generators import make_generator
from imgcollapse.scores import Score
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.reporters import Silent
from imgcollapse.study.run import run_to_disk
from imgcollapse.training import Task, Trained, train

CONFIG = "mnist-lt-diffusion.yaml"
SHAPE = (1, 28, 28)
NUM_REAL = 60_000
NUM_SAMPLES = 60_000
MOST_SECONDS = 75.0
MOST_OUTSIDE = 0.03
GENERATIONS = 3
STEADY = 1
"""The generation that is timed: neither the first, nor the last, which nothing overlaps."""


def chain_of_unets(setting: Setting) -> Iterator[Result]:
    """Nothing where there is no CUDA: it would take days."""
    if setting.device.type == "cuda":
        config = load_config(find_config(CONFIG)).model_dump(by_alias=True)
        config["scores"]["num_images"] = NUM_SAMPLES
        yield from timed_chain(config, SHAPE, NUM_REAL, setting.device)


def timed_chain(
    config: dict[str, Any], shape: tuple[int, int, int], num_real: int, device: torch.device
) -> Iterator[Result]:
    """Two results of a run of the config's sizes on ``num_real`` synthetic images of a shape."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "real.npz"
        pool = synthetic_pool(num_real, shape)
        np.savez(root, arr_0=pool.images.transpose(0, 2, 3, 1), arr_1=pool.labels)
        parsed = parse_config(
            config
            | {"generations": GENERATIONS, "device": device.type}
            | {"data": config["data"] | {"source": "files", "root": str(root)}}
        )
        clock = _Clock(device)
        run = run_to_disk(parsed, Path(folder) / "run", clock, train=clock.train)
        sampling = _seconds_of_sampling(parsed, run, pool.classes, shape, device)
    seconds, training = clock.generations[STEADY], float(np.mean(clock.trainings[STEADY:]))
    num = parsed.scores.num_images
    yield result(
        "generation/mnist-lt-diffusion",
        [1 / seconds],
        [1 / MOST_SECONDS],
        unit="generations/s",
        target=1.0,
        says=f"generation {STEADY} of {GENERATIONS} on synthetic images, trained, {num:,} samples, "
        f"all scores, on disk: {seconds:.1f} s ({training:.1f} s training, {sampling:.1f} s "
        f"sampling; at most {MOST_SECONDS:.0f} s)",
    )
    yield within(
        "generation/outside",
        max(0.0, 1 - (training + sampling) / seconds),
        MOST_OUTSIDE,
        "of the time",
        "what of that generation is neither training nor sampling",
    )


def _seconds_of_sampling(
    config: Config,
    run: RunDirectory,
    classes: tuple[str, ...],
    shape: tuple[int, int, int],
    device: torch.device,
) -> float:
    generator = make_generator(config, shape, classes, device)
    generator.load(run.generations()[-1] / "model")
    return seconds_of(lambda: generator.sample(config.scores.num_images, seed=1), device)


class _Clock(Silent):
    """Seconds of each generation, from one to the next, and of each training."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.generations: list[float] = []
        self.trainings: list[float] = []

    def committed(
        self, run: RunDirectory, generation: Generation, scores: list[Score], seconds: float
    ) -> None:
        self.generations.append(seconds)

    def train(self, task: Task) -> Trained:
        started = time.perf_counter()
        trained = train(task)
        if self.device.type == "cuda":  # not the stream on which a generation is scored meanwhile
            torch.cuda.current_stream(self.device).synchronize()
        self.trainings.append(time.perf_counter() - started)
        return trained
