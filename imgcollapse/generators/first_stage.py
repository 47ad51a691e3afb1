"""A linear first stage: images to a few whitened principal components and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.arrays import row_blocks
from imgcollapse.errors import ConfigError
from imgcollapse.generators.base import to_floats
from imgcollapse.generators.principal_components import principal_components
from imgcollapse.generators.weights import load_tensors, save_tensors
from imgcollapse.images import ImageSet

FILE = "first_stage.safetensors"


class FirstStage:
    """z = (x - mean) V / s with V the leading principal axes and s their standard deviations.

    x is an image in [-1, 1]. ``explained`` is the fraction of the variance that z keeps. Raises
    ConfigError where an image has fewer values than z.
    """

    def __init__(self, dim: int, image_shape: tuple[int, int, int], device: torch.device) -> None:
        pixels = math.prod(image_shape)
        if dim > pixels:
            raise ConfigError(
                f"{dim} principal components need as many values in an image, which has {pixels}",
                "lower the number of components (generator.first_stage.dim)",
            )
        self.dim = dim
        self.image_shape = image_shape
        self.device = device
        self.tensors: dict[str, Tensor] = {}

    def fit(self, pool: ImageSet, *, seed: int) -> None:
        """Fits mean, axes and scales on the pool; ConfigError if it holds too few images."""
        if self.dim > len(pool):
            raise ConfigError(
                f"{self.dim} principal components need as many images (pool of {len(pool)})",
                "lower the number of components (generator.first_stage.dim)",
            )
        found = principal_components(pool.images, self.dim, seed=seed)
        fitted = {
            "mean": torch.from_numpy(found.mean),
            "axes": torch.from_numpy(found.axes),
            "scale": torch.from_numpy(found.variances).sqrt().clamp_min(1e-6),
            "explained": torch.tensor(found.explained),
        }
        self.tensors = {
            name: value.float().contiguous().to(self.device) for name, value in fitted.items()
        }

    @property
    def explained(self) -> float:
        return float(self.tensors["explained"])

    def encode(self, images: Tensor) -> Tensor:
        """uint8 N×C×H×W to float32 N×dim."""
        centred = to_floats(images).flatten(1) - self.tensors["mean"]
        return centred @ self.tensors["axes"].T / self.tensors["scale"]

    def encoded(self, pool: ImageSet) -> Iterator[NDArray[np.float32]]:
        """The coordinates of a pool, block by block."""
        for where in row_blocks(len(pool), math.prod(self.image_shape)):
            images = torch.tensor(pool.images[where], device=self.device)
            yield self.encode(images).cpu().numpy()

    def decode(self, coordinates: Tensor) -> Tensor:
        """float32 N×dim to float32 N×C×H×W, unclipped."""
        flat = coordinates * self.tensors["scale"] @ self.tensors["axes"] + self.tensors["mean"]
        return flat.unflatten(1, self.image_shape)

    def save(self, folder: Path) -> None:
        save_tensors(self.tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        tensors = load_tensors(folder / FILE)
        self.tensors = {name: value.to(self.device) for name, value in tensors.items()}
