"""Principal components and a Gaussian mixture: Shumailov's toy on images, seconds on a CPU."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.config import GeneratorConfig
from imgcollapse.errors import ConfigError
from imgcollapse.generators.base import Fit, Surroundings, to_bytes
from imgcollapse.generators.first_stage import FirstStage
from imgcollapse.generators.mixture_fit import fit_mixture
from imgcollapse.generators.noise import noise_batches
from imgcollapse.generators.weights import load_tensors, save_tensors
from imgcollapse.images import ImageSet
from imgcollapse.sampling_config import SamplingConfig
from imgcollapse.seeds import seed_for

FILE = "mixture.safetensors"


def num_components(config: GeneratorConfig, image_shape: tuple[int, int, int]) -> int:
    """Principal components that the mixture lives on: those asked for, else 64 at most."""
    return config.first_stage.dim if config.first_stage else min(64, math.prod(image_shape))


class GaussianMixture:
    """A mixture of full-covariance Gaussians on whitened principal components.

    ``sampling.lambda`` scales the noise within components. Computed on the CPU in float64.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        sampling: SamplingConfig,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
    ) -> None:
        dim = num_components(config, image_shape)
        self.components = config.components
        self.sampling = sampling
        self.classes = classes
        self.first_stage = FirstStage(dim, image_shape, torch.device("cpu"))
        self.tensors: dict[str, torch.Tensor] = {}

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        if self.components > len(pool):
            raise ConfigError(
                f"a mixture of {self.components} components needs as many images "
                f"(pool of {len(pool)})",
                "lower generator.components",
            )
        self.first_stage.fit(pool, seed=seed)
        shape = len(pool), self.first_stage.dim
        coordinates = surroundings.keep(shape, np.float64, self.first_stage.encoded(pool))
        mixture = fit_mixture(coordinates, self.components, seed=seed_for(seed, "mixture"))
        self.tensors = {
            "weights": torch.from_numpy(mixture.weights),
            "means": torch.from_numpy(mixture.means),
            "factors": torch.from_numpy(mixture.factors),
        }
        return Fit(loss=-mixture.log_likelihood)

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        dim = self.first_stage.dim
        images = np.empty((num_images, *self.first_stage.image_shape), np.uint8)
        edges = self.tensors["weights"].cumsum(0)[:-1]
        batch = self.sampling.batch_size
        for where, noise in noise_batches(num_images, batch, seed, torch.device("cpu")):
            component = torch.searchsorted(edges, noise.uniform().double(), right=True)
            step = torch.einsum(
                "nij,nj->ni", self.tensors["factors"][component], noise.normal(dim).double()
            )
            drawn = self.tensors["means"][component] + self.sampling.noise_scale * step
            decoded = to_bytes(self.first_stage.decode(drawn.float()))
            images[where] = decoded[: where.stop - where.start].numpy()
        return ImageSet.of(images, None, self.classes)

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        """Minus the log density of the coordinates, in nats."""
        at = self.first_stage.encode(torch.from_numpy(images.images)).double()
        means, factors = self.tensors["means"], self.tensors["factors"]
        parts = torch.distributions.MultivariateNormal(means, scale_tril=factors)
        mixing = torch.distributions.Categorical(self.tensors["weights"])
        density = torch.distributions.MixtureSameFamily(mixing, parts)
        blocks = [-density.log_prob(block) for block in at.split(1024)]
        found: NDArray[np.float64] = torch.cat(blocks).numpy()
        return found

    def save(self, folder: Path) -> None:
        self.first_stage.save(folder)
        save_tensors(self.tensors, folder / FILE)

    def load(self, folder: Path) -> None:
        self.first_stage.load(folder)
        self.tensors = load_tensors(folder / FILE)
