"""A VAE whose decoder is a distribution over pixel values."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.config import Config
from imgcollapse.device import seeded
from imgcollapse.generators.base import (
    Fit,
    Surroundings,
    refuse_unlabelled,
    settled,
    to_bytes,
    to_floats,
)
from imgcollapse.generators.noise import noise_batches, starting_noise
from imgcollapse.generators.vae_networks import ConvolutionalVAE, DenseVAE, VAENetwork
from imgcollapse.generators.weights import load_weights, save_module
from imgcollapse.images import ImageSet
from imgcollapse.seeds import seed_for
from imgcollapse.training import Items, Task
from imgcollapse.training.batches import placed


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
    z = mean + (0.5 * log_variance).exp() * noise
    log_noise = network.log_noise().flatten()
    errors = F.mse_loss(network.decode(z, labels).float(), x, reduction="none").flatten(2)
    nats = 0.5 * errors.sum(2) / (2 * log_noise).exp() + errors.shape[2] * log_noise
    reconstruction = nats.sum(1)
    kl = kl_to_prior(mean, log_variance)
    return (reconstruction + kl_weight * kl).mean() / x[0].numel()


class VAE:
    """Draws z from the prior, scaled by ``sampling.lambda`` and perhaps truncated, then pixels.

    Samples look like the data only where z is near some image's posterior. An average KL far above
    the log of the number of training images leaves most of the prior empty (Hoffman and Johnson
    2016), hence KL weights above 1 for the small pools of this lab.
    """

    def __init__(
        self,
        config: Config,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
        device: torch.device,
    ) -> None:
        config = settled(config, device)
        self.config = config.generator
        self.training = config.training
        self.sampling = config.sampling
        self.image_shape = image_shape
        self.classes = classes
        self.device = device
        self.settings: dict[str, Any] = {
            "image_shape": list(image_shape),
            "width": self.config.width,
            "latent": self.config.latent,
            "num_classes": len(classes) if self.config.labels != "none" else 0,
            "max_noise": self.config.max_noise,
        }
        self.loss_of = functools.partial(negative_elbo, kl_weight=self.config.kl_weight)
        self.average: VAENetwork | None = None

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        if self.config.labels != "none":
            refuse_unlabelled(pool)
        if self.config.init == "warm" and self.average is not None:
            network = copy.deepcopy(self.average)
        else:
            network = self.fresh_network(seed_for(seed, "init"))
        average = copy.deepcopy(network)

        def prepare(images: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
            shape = len(images), self.config.latent
            noise = torch.randn(shape, generator=random, device=images.device)
            return to_floats(images), labels, noise

        task = Task(
            network,
            average,
            prepare,
            self.loss_of,
            *self._items(pool),
            self.training,
            seed=seed,
            watcher=surroundings.watcher,
            checkpoint=surroundings.checkpoint,
            where="vae",
            renewed=surroundings.renewed(self._items),
            fits=surroundings.fits,
        )
        trained = surroundings.train(task)
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
        drawing = self.sampling
        for where, noise in noise_batches(num_images, drawing.batch_size, seed, self.device):
            z = drawing.noise_scale * starting_noise(noise, drawing.truncation, self.config.latent)
            wanted = padded_labels(labels, where, len(noise), self.device)
            x = self.average.decode(z, wanted)
            if self.config.decode == "sample":
                x = x + deviation * noise.normal(*self.image_shape)
            images[where] = to_bytes(x)[: where.stop - where.start].cpu().numpy()
        return ImageSet.of(images, labels, self.classes)

    @torch.inference_mode()
    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        """Squared error of each image after encoding and decoding by their means, per value."""
        if self.average is None:
            raise ValueError("fit or load comes before losses")
        losses = np.empty(len(images))
        for start in range(0, len(images), self.sampling.batch_size):
            where = slice(start, start + self.sampling.batch_size)
            x = to_floats(torch.from_numpy(images.images[where]).to(self.device))
            labels = torch.from_numpy(images.labels[where]).clamp_min(0).to(self.device)
            z, _ = self.average.encode(x, labels)
            errors = (self.average.decode(z, labels) - x).square()
            losses[where] = errors.flatten(1).mean(1).cpu().numpy()
        return losses

    @torch.inference_mode()
    def latents(self, images: ImageSet) -> NDArray[np.float32]:
        """What the encoder takes each image for: the means of its posteriors, N×latent."""
        if self.average is None:
            raise ValueError("fit or load comes before latents")
        means = np.empty((len(images), self.config.latent), np.float32)
        for start in range(0, len(images), self.sampling.batch_size):
            where = slice(start, start + self.sampling.batch_size)
            batch = images[where].in_memory()
            x = to_floats(torch.from_numpy(batch.images).to(self.device))
            labels = torch.from_numpy(batch.labels).clamp_min(0).to(self.device)
            means[where] = self.average.encode(x, labels)[0].cpu().numpy()
        return means

    def save(self, folder: Path) -> None:
        if self.average is None:
            raise ValueError("fit or load comes before save")
        save_module(self.average, folder / "vae", self.settings)

    def load(self, folder: Path) -> None:
        network = self.fresh_network(0)
        load_weights(network, folder / "vae")
        self.average = network.eval()

    def _items(self, pool: ImageSet) -> Items:
        labels = torch.from_numpy(pool.labels).to(self.device)
        return placed(pool.images, self.device, self.training.pool), labels

    def fresh_network(self, seed: int) -> VAENetwork:
        with seeded(seed):
            kind = DenseVAE if self.config.network == "mlp" else ConvolutionalVAE
            return kind(**self.settings).to(self.device)


def padded_labels(
    labels: NDArray[np.int64] | None, where: slice, num: int, device: torch.device
) -> Tensor:
    """The labels of one batch, filled up with class 0; all 0 where none are asked for."""
    padded = torch.zeros(num, dtype=torch.int64, device=device)
    if labels is not None:
        padded[: where.stop - where.start] = torch.from_numpy(labels[where])
    return padded
