"""The generator that copies: pure Wright-Fisher drift, and the test double of the chain."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from imgcollapse.errors import CorruptError
from imgcollapse.generators.base import Fit, Surroundings
from imgcollapse.images import REAL, ImageSet
from imgcollapse.seeds import random_for


class Bootstrap:
    """Samples its training images with replacement, labels and all."""

    def __init__(self) -> None:
        self.pool: ImageSet | None = None

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        self.pool = pool
        return Fit()

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        if self.pool is None:
            raise ValueError("fit or load comes before sample")
        chosen = self.pool[random_for(seed, "copies").integers(len(self.pool), size=num_images)]
        return ImageSet.of(chosen.images, chosen.labels, chosen.classes, REAL)

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        """All alike: a copy is as good as its original."""
        return np.zeros(len(images))

    def save(self, folder: Path) -> None:
        if self.pool is None:
            raise ValueError("fit or load comes before save")
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "pool.npz",
            images=self.pool.images,
            labels=self.pool.labels,
            classes=np.array(self.pool.classes),
        )

    def load(self, folder: Path) -> None:
        try:
            with np.load(folder / "pool.npz", allow_pickle=False) as stored:
                self.pool = ImageSet.of(stored["images"], stored["labels"], list(stored["classes"]))
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise CorruptError(f"the model cannot be loaded ({folder}): {error}") from error
