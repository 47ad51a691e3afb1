"""A linear first stage: images to a few whitened principal components and back."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from imgcollapse.errors import ConfigError
from imgcollapse.generators.base import to_floats
from imgcollapse.generators.weights import load_tensors, save_tensors
from imgcollapse.images import ImageSet
from imgcollapse.seeds import seed_for

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
        flat = to_floats(torch.from_numpy(pool.images)).flatten(1).numpy()
        state = seed_for(seed, "pca") % 2**32
        pca = PCA(self.dim, svd_solver="randomized", random_state=state).fit(flat)
        scale = torch.from_numpy(pca.explained_variance_).sqrt().clamp_min(1e-6)
        fitted = {
            "mean": torch.from_numpy(pca.mean_),
            "axes": torch.from_numpy(pca.components_),
            "scale": scale,
            "explained": torch.tensor(float(pca.explained_variance_ratio_.sum())),
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

    def decode(self, coordinates: Tensor) -> Tensor:
        """float32 N×dim to float32 N×C×H×W, unclipped."""
        flat = coordinates * self.tensors["scale"] @ self.tensors["axes"] + self.tensors["mean"]
        return flat.unflatten(1, self.image_shape)

    def save(self, folder: Path) -> None:
        save_tensors(self.tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        tensors = load_tensors(folder / FILE)
        self.tensors = {name: value.to(self.device) for name, value in tensors.items()}
