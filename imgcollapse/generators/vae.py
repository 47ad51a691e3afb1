"""A convolutional VAE whose decoder is a distribution over pixel values."""

from __future__ import annotations

import copy
import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.config import GeneratorConfig, SamplingConfig, TrainingConfig
from imgcollapse.generators.base import Fit, Surroundings, to_bytes, to_floats
from imgcollapse.generators.noise import noise_batches
from imgcollapse.generators.weights import load_weights, save_module
from imgcollapse.images import ImageSet
from imgcollapse.seeds import seed_for
from imgcollapse.training import train

HIDDEN = 512
MIN_NOISE = 1 / 127.5
"""Least standard deviation of the pixels: one grey level."""


class VAENetwork(nn.Module):
    """Encoder to a diagonal Gaussian over z, decoder to a Gaussian of one width per channel.

    Images are N×C×H×W in [-1, 1], sides a multiple of 4; with ``num_classes`` > 0 both halves
    also see the class. ``max_noise`` is the largest width that the decoder may learn.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int,
        latent: int,
        num_classes: int,
        max_noise: float,
    ) -> None:
        super().__init__()
        channels, height, side = image_shape
        self.small = (2 * width, height // 4, side // 4)
        flat = math.prod(self.small)
        self.num_classes = num_classes
        self.log_noise_range = (math.log(MIN_NOISE), math.log(max_noise))
        self.down = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            *_norm(width),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            *_norm(2 * width),
            nn.Flatten(),
        )
        self.to_z = nn.Sequential(
            nn.Linear(flat + num_classes, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 2 * latent)
        )
        # Between the places of two classes in z lie crosses of both: depth makes that gap narrow.
        self.from_z = nn.Sequential(
            *_dense(latent + num_classes, HIDDEN),
            *_dense(HIDDEN, HIDDEN),
            *_dense(HIDDEN, HIDDEN),
            nn.Linear(HIDDEN, flat),
        )
        # The last layer works at half the resolution, which is a quarter of the arithmetic.
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            *_norm(width),
            nn.Conv2d(width, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.free_noise = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each N×latent."""
        mean, log_variance = self.to_z(self._with_class(self.down(x), labels)).chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Mean of p(x | z), N×C×H×W."""
        return self.up(self.from_z(self._with_class(z, labels)).unflatten(1, self.small))

    def log_noise(self) -> Tensor:
        """Log standard deviation of p(x | z), C×1×1, between that of one grey level and the cap."""
        low, high = self.log_noise_range
        # One number for millions of weights: it moves four times as fast as they do.
        return low + (high - low) * (4 * self.free_noise.float()).sigmoid()

    def _with_class(self, x: Tensor, labels: Tensor) -> Tensor:
        if not self.num_classes:
            return x
        return torch.cat([x, F.one_hot(labels, self.num_classes).to(x.dtype)], 1)


def _dense(enter: int, leave: int) -> tuple[nn.Module, ...]:
    return nn.Linear(enter, leave), nn.LayerNorm(leave), nn.SiLU()


def _norm(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(math.gcd(8, width), width), nn.SiLU()


def kl_to_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of diagonal Gaussians, each N×latent, to the standard normal: nats, N."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def negative_elbo(
    network: VAENetwork, x: Tensor, labels: Tensor, noise: Tensor, kl_weight: float
) -> Tensor:
    """-ELBO in nats per pixel value, but for the constant log(2π)/2; ``noise`` is N×latent.

    Kingma and Welling 2014, equation 10; the width of the Gaussian likelihood is learned as in
    Rybkin, Daniilidis and Levine 2021 (sigma-VAE), up to a cap. ``kl_weight`` 1 is the bound
    itself (Higgins et al. 2017 for others). With the width at its cap c, a weight w trains the
    same encoder and decoder means as the bound of a Gaussian c·√w wide.
    """
    mean, log_variance = network.encode(x, labels)
    mean, log_variance = mean.float(), log_variance.float()
    z = mean + (0.5 * log_variance).exp() * noise
    log_noise = network.log_noise()
    error = (x - network.decode(z, labels).float()) / log_noise.exp()
    reconstruction = (0.5 * error.square() + log_noise).flatten(1).sum(1)
    kl = kl_to_prior(mean, log_variance)
    return (reconstruction + kl_weight * kl).mean() / x[0].numel()


class VAE:
    """Draws z from the prior scaled by ``sampling.lambda``, then pixels or their mean.

    Samples look like the data only where z is near some image's posterior. An average KL far above
    the log of the number of training images leaves most of the prior empty (Hoffman and Johnson
    2016), hence KL weights above 1 for the small pools of this lab.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        training: TrainingConfig,
        sampling: SamplingConfig,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
        device: torch.device,
    ) -> None:
        self.config = config
        self.training = training
        self.sampling = sampling
        self.image_shape = image_shape
        self.classes = classes
        self.device = device
        self.settings: dict[str, Any] = {
            "image_shape": list(image_shape),
            "width": config.width,
            "latent": config.latent,
            "num_classes": len(classes) if config.labels != "none" else 0,
            "max_noise": config.max_noise,
        }
        self.average: VAENetwork | None = None

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        if self.config.init == "warm" and self.average is not None:
            network = copy.deepcopy(self.average)
        else:
            network = self._network(seed_for(seed, "init"))
        average = copy.deepcopy(network)

        def prepare(images: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
            shape = len(images), self.config.latent
            noise = torch.randn(shape, generator=random, device=images.device)
            return to_floats(images), labels, noise

        trained = train(
            network,
            average,
            prepare,
            functools.partial(negative_elbo, kl_weight=self.config.kl_weight),
            torch.from_numpy(pool.images).to(self.device),
            torch.from_numpy(pool.labels).to(self.device),
            self.training,
            seed=seed,
            watcher=surroundings.watcher,
            checkpoint=surroundings.checkpoint,
            where="vae",
        )
        self.average = average.eval()
        return Fit(trained.loss, trained.images_per_second)

    @torch.inference_mode()
    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        if self.average is None:
            raise ValueError("fit or load comes before sample")
        images = np.empty((num_images, *self.image_shape), np.uint8)
        deviation = self.average.log_noise().exp()
        batch = self.sampling.batch_size
        for where, noise in noise_batches(num_images, batch, seed, self.device):
            z = self.sampling.lambda_ * noise.normal(self.config.latent)
            wanted = padded_labels(labels, where, len(noise), self.device)
            x = self.average.decode(z, wanted)
            if self.config.decode == "sample":
                x = x + deviation * noise.normal(*self.image_shape)
            images[where] = to_bytes(x)[: where.stop - where.start].cpu().numpy()
        return ImageSet.of(images, labels, self.classes)

    def save(self, folder: Path) -> None:
        if self.average is None:
            raise ValueError("fit or load comes before save")
        save_module(self.average, folder / "vae", self.settings)

    def load(self, folder: Path) -> None:
        network = self._network(0)
        load_weights(network, folder / "vae")
        self.average = network.eval()

    def _network(self, seed: int) -> VAENetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = VAENetwork(**self.settings)
        return network.to(self.device)


def padded_labels(
    labels: NDArray[np.int64] | None, where: slice, num: int, device: torch.device
) -> Tensor:
    """The labels of one batch, filled up with class 0; all 0 where none are asked for."""
    padded = torch.zeros(num, dtype=torch.int64)
    if labels is not None:
        padded[: where.stop - where.start] = torch.from_numpy(labels[where])
    return padded.to(device)
