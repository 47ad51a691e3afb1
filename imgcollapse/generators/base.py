"""What every generator can do, and what it may know of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory
from imgcollapse.config import Config
from imgcollapse.device import has_bf16
from imgcollapse.errors import ConfigError, NumericalError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.precision import settled_precision
from imgcollapse.seeds import random_for
from imgcollapse.training import Checkpoint, Items, Task, Trained, Watcher, train


@dataclass(frozen=True)
class Fit:
    """How a fit went: ``loss`` is None where nothing is optimised step by step."""

    loss: float | None = None
    images_per_second: float | None = None


@dataclass(frozen=True)
class Surroundings:
    """Who watches, who saves and who carries out a training, and where its images come from.

    ``keep`` says where large arrays are kept. ``pool_of`` gives the pool of each pass after the
    first, 1, 2 and so on, as large as the one that is fitted; None where every pass goes over that
    one. ``fits`` counts the fits that the chain has to come, this one with them.
    """

    watcher: Watcher | None = None
    checkpoint: Checkpoint | None = None
    train: Callable[[Task], Trained] = train
    keep: Keep = in_memory
    pool_of: Callable[[int], ImageSet] | None = None
    fits: int = 1

    def renewed(self, items: Callable[[ImageSet], Items]) -> Callable[[int], Items] | None:
        """``Task.renewed``, where ``items`` makes of a pool what a task trains on."""
        pool_of = self.pool_of
        return None if pool_of is None else lambda number: items(pool_of(number))


class Generator(Protocol):
    """Learns to draw images like those of a pool.

    ``fit`` depends only on the pool, the seed and, with ``init: warm``, on the state that the
    last fit or load left; ``sample`` only on the state, the seed and the labels. Loading what was
    saved gives the same samples to the bit.
    """

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit: ...

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        """New images of origin 0; the chain stamps the generation on them."""
        ...

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        """The loss of each image (N) under the state of the last fit or load; low is good."""
        ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


def settled(config: Config, device: torch.device) -> Config:
    """The config with ``training.precision`` as a generator takes it on a device."""
    precision = settled_precision(config.training, has_bf16(device))
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def draw_labels(
    process: str, pool: ImageSet, num_images: int, *, seed: int
) -> NDArray[np.int64] | None:
    """The classes that a conditional generator is asked for.

    ``none``: not asked; ``from-pool``: drawn from the shares among the pool's images that have a
    class, NumericalError where none has; ``balanced``: equally many of each class, in turn.
    """
    num_classes = len(pool.classes)
    if process == "none":
        return None
    if process == "balanced":
        return np.arange(num_images) % num_classes
    counts = pool.counts()
    if not counts.any():
        raise NumericalError(
            "no image of the pool has a class that could be asked for",
            "use generator.labels: balanced, or a policy that keeps labelled images",
        )
    return random_for(seed, "labels").choice(num_classes, num_images, p=counts / counts.sum())


def refuse_unlabelled(pool: ImageSet) -> None:
    """ConfigError where an image has no class, of which a conditional generator cannot learn."""
    without = int((pool.labels == UNLABELLED).sum())
    if without:
        raise ConfigError(
            f"{without:,} of the pool's {len(pool):,} images have no class, which generator.labels "
            "other than none needs",
            "diffusion with generator.label_dropout above 0 learns from them without a class",
        )


def to_floats(images: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] to float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


def to_bytes(floats: torch.Tensor) -> torch.Tensor:
    """Floats in [-1, 1] to the nearest uint8, clipped; NumericalError if one is not finite."""
    if not torch.isfinite(floats).all():
        raise NumericalError(
            "samples are not finite: the model diverged",
            "lower training.learning_rate or bring sampling.lambda nearer to 1",
        )
    return ((floats.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
