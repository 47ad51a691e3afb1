"""How far the latents of each generation's samples spread under the first generation's encoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from imgcollapse.data.splits import make_splits
from imgcollapse.errors import ConfigError
from imgcollapse.figures.curves import Point
from imgcollapse.generators.vae import VAE
from imgcollapse.images import ImageSet
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.experiments.experiment import point_over

NUM_IMAGES = 2000
REAL = -1
EACH, MEAN = "latent deviation of a chain", "latent deviation"


def latent_points(runs: Sequence[tuple[str, int, Path]]) -> list[Point]:
    """The curves ``latent deviation of a chain`` and their mean, by generation x.

    ``runs`` are arm, seed and place of whole chains. The real pool is at x = -1. Limits of the
    mean are over chains.
    """
    points = []
    over: dict[tuple[str, int], list[float]] = defaultdict(list)
    for arm, seed, path in runs:
        for generation, value in deviations(RunDirectory(path)).items():
            points.append(Point(EACH, f"{arm} seed {seed}", generation, value))
            over[arm, generation].append(value)
    for (arm, generation), values in over.items():
        if len(values) > 1:
            points.append(point_over(MEAN, arm, generation, values))
    return points


def deviations(run: RunDirectory) -> dict[int, float]:
    """Standard deviation of the encoder's means over images and latent dimensions together.

    Of the real pool (-1) and of every generation's samples, at most ``NUM_IMAGES`` of each, under
    the encoder of generation 0, as Shumailov et al. 2024 look at their VAEs. ConfigError where the
    run is of no VAE.
    """
    config = run.config()
    if config.generator.kind != "vae":
        raise ConfigError(f"only a vae has latents, not {config.generator.kind} ({run.path})")
    real = make_splits(config).pool
    vae = VAE(config, real.image_shape, real.classes, torch.device("cpu"))
    folders = run.generations()
    vae.load(folders[0] / "model")

    def deviation(images: ImageSet) -> float:
        return float(vae.latents(images).std())

    stride = max(1, len(real) // NUM_IMAGES)
    found = {REAL: deviation(real[slice(None, None, stride)])}
    for generation in range(len(folders)):
        found[generation] = deviation(run.samples(generation, real.classes, NUM_IMAGES))
    return found
