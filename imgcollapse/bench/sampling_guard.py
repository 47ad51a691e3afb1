"""Whether ``sampling.preset: fast`` draws the classes and images that ``exact`` does in fp32."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.bench.results import Result, within
from imgcollapse.bench.setting import Setting
from imgcollapse.config import Config
from imgcollapse.config_file import load_config, parse_config
from imgcollapse.config_layers import find_config
from imgcollapse.data.splits import make_splits
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.metrics.distances import Seen
from imgcollapse.metrics.frechet import BlockMoments, FrechetTo, Moments, fd_with_error
from imgcollapse.metrics.judge import train_judge
from imgcollapse.metrics.shares import outcome_counts, total_variation
from imgcollapse.seeds import random_for

RESAMPLES = 1000


def sampling_guard(setting: Setting) -> Iterator[Result]:
    name, num = ("smoke", 2000) if setting.quick else ("goldens", 10_000)
    yield from presets_agree(load_config(find_config(name)), num, setting.device, f"{name}.yaml")


def presets_agree(config: Config, num: int, device: torch.device, name: str) -> Iterator[Result]:
    """Trains the model of a config once, and draws from it by both presets with equal noise.

    ``fast`` in the precision of ``auto``, ``exact`` in fp32. Shares, rejects among them, may differ
    in total variation by what 95 % of bootstraps of the exact images do; the Fréchet distance to
    the first pool by half its 95 % interval. As the noise is the same, chance does much less.
    """
    splits = make_splits(config)
    judge = train_judge(splits.judge, seed=1, device=device, steps=config.judge.steps)
    shape, classes = splits.pool.image_shape, splits.pool.classes
    trained = make_generator(config, shape, classes, device)
    trained.fit(splits.pool, seed=1, surroundings=Surroundings())
    drawn = []
    with tempfile.TemporaryDirectory() as folder:
        trained.save(Path(folder))
        for preset, precision in (("fast", "auto"), ("exact", "fp32")):
            values = config.model_dump(by_alias=True)
            values["sampling"] = {"preset": preset}
            values["training"]["precision"] = precision
            generator = make_generator(parse_config(values), shape, classes, device)
            generator.load(Path(folder))
            drawn.append(Seen.by(judge, generator.sample(num, seed=1)))
    fast, exact = drawn
    says = f"{name}, {num:,} images of each preset from equal noise, those of exact in fp32"
    counts, others = (outcome_counts(one.verdicts, len(classes)) for one in (exact, fast))
    yield within(
        "sample/guard-shares",
        total_variation(others / num, counts / num),
        _chance(counts),
        "total variation",
        f"{says}: how far shares are apart, against 95 % of {RESAMPLES:,} bootstraps",
    )
    distance = FrechetTo(Moments.of(Seen.by(judge, splits.pool).features))
    estimate = fd_with_error(BlockMoments(exact.features, 1), distance, 1)
    yield within(
        "sample/guard-fd",
        abs(distance(Moments.of(fast.features)) - estimate.value),
        estimate.interval()[1] - estimate.value,
        "fd_judge",
        f"{says}: how far distances to the first pool are apart, against half a 95 % interval",
    )


def _chance(counts: NDArray[np.int64]) -> float:
    """How far 95 % of bootstraps of the images are from them, in total variation."""
    num = counts.sum()
    resampled = random_for(1, "guard").multinomial(num, counts / num, RESAMPLES) / num
    apart = [total_variation(one, counts / num) for one in resampled]
    return max(float(np.quantile(apart, 0.95)), 1 / int(num))
