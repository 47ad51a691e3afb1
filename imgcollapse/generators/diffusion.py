"""Diffusion and flow matching, on pixels or on the coordinates of a linear first stage."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.arrays import Keep
from imgcollapse.config import Config, check_unet_side
from imgcollapse.errors import ConfigError
from imgcollapse.generators.base import (
    Fit,
    Surroundings,
    refuse_unlabelled,
    settled,
    to_bytes,
    to_floats,
)
from imgcollapse.generators.class_balance import class_balancing_loss, other_labels
from imgcollapse.generators.denoising import denoiser_for, rows_at_once
from imgcollapse.generators.first_stage import FirstStage
from imgcollapse.generators.guidance import guided, hide_some
from imgcollapse.generators.networks import MLPDenoiser, UNetDenoiser, make_denoiser
from imgcollapse.generators.noise import noise_batches
from imgcollapse.generators.samplers import (
    TRAIN_STEPS,
    alphas_cumprod,
    make_pipeline_scheduler,
    make_scheduler,
    run_sampler,
)
from imgcollapse.generators.vae import padded_labels
from imgcollapse.generators.weights import load_weights, refuse_other_settings, save_module
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.seeds import seed_for
from imgcollapse.training import Items, Loss, Task
from imgcollapse.training.batches import placed

LOSS_TIMES = 8


class Diffusion:
    """Learns to take noise away; samples are drawn from a separate moving average.

    ``objective`` eps: Ho et al. 2020, equation 14; v: Salimans and Ho 2022, appendix D; flow:
    Lipman et al. 2023 with the straight path of Liu et al. 2023.
    """

    def __init__(
        self,
        config: Config,
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
        device: torch.device,
    ) -> None:
        if config.generator.network == "unet":
            try:
                check_unet_side(image_shape[1], config.generator.depth)
            except ValueError as error:
                raise ConfigError(str(error)) from None
        config = settled(config, device)
        self.whole_config = config
        self.config = config.generator
        self.training = config.training
        self.sampling = config.sampling
        self.image_shape = image_shape
        self.classes = classes
        self.device = device
        self.no_class = len(classes)
        self.num_labels = 0
        if self.config.labels != "none":
            self.num_labels = len(classes) + bool(self.config.label_dropout)
        stage = self.config.first_stage
        self.first_stage = FirstStage(stage.dim, image_shape, device) if stage else None
        self.item_shape = (stage.dim,) if stage else image_shape
        self.average: nn.Module | None = None
        tau = self.config.class_balance
        self.loss_of: Loss = (
            functools.partial(class_balancing_loss, tau=tau) if tau else _denoising_loss
        )

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        if self.num_labels and not self.config.label_dropout:
            refuse_unlabelled(pool)
        warm = self.average if self.config.init == "warm" else None
        if self.first_stage is not None and warm is None:
            # Warm weights speak in the axes that they were trained in.
            self.first_stage.fit(pool, seed=seed)
        items_of = functools.partial(self._items, surroundings.keep)
        network = copy.deepcopy(warm) if warm else self.fresh_network(seed_for(seed, "init"))
        average = copy.deepcopy(network).eval()
        signal = alphas_cumprod().to(self.device)
        is_pixels = self.first_stage is None

        def prepare(items: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
            x0 = to_floats(items) if is_pixels else items
            noise = torch.randn(x0.shape, generator=random, device=x0.device)
            part = _drawn_time(self.config.objective, len(x0), random, x0.device)
            if self.config.label_dropout:
                labels = hide_some(labels, self.config.label_dropout, self.no_class, random)
            prepared = *noised(self.config.objective, x0, noise, signal, part), labels
            if not self.config.class_balance:
                return prepared
            return *prepared, other_labels(labels, self.no_class, random)

        task = Task(
            network,
            average,
            prepare,
            self.loss_of,
            *items_of(pool),
            self.training,
            seed=seed,
            watcher=surroundings.watcher,
            checkpoint=surroundings.checkpoint,
            where="diffusion",
            rows_at_once=rows_at_once(self.whole_config, self.device),
            renewed=surroundings.renewed(items_of),
            fits=surroundings.fits,
        )
        trained = surroundings.train(task)
        self.average = average
        return Fit(trained.loss, trained.images_per_second)

    @torch.inference_mode()
    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        if self.average is None:
            raise ValueError("fit or load comes before sample")
        denoise = denoiser_for(self.whole_config, self.average)
        images = np.empty((num_images, *self.image_shape), np.uint8)
        scheduler = make_scheduler(
            self.sampling, self.config.objective, clip=self.first_stage is None
        )
        batch, steps = self.sampling.batch_size, self.sampling.steps
        for where, noise in noise_batches(num_images, batch, seed, self.device):
            wanted = padded_labels(labels, where, len(noise), self.device)
            x = run_sampler(
                scheduler,
                steps,
                guided(denoise, wanted, self.sampling.guidance, self.no_class),
                noise,
                self.item_shape,
                self.sampling.noise_scale,
                self.sampling.truncation,
            )
            if self.first_stage is not None:
                x = self.first_stage.decode(x)
            images[where] = to_bytes(x)[: where.stop - where.start].cpu().numpy()
        return ImageSet.of(images, labels, self.classes)

    @torch.inference_mode()
    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        """Denoising loss of each image, over times spread evenly and the same noise for all."""
        if self.average is None:
            raise ValueError("fit or load comes before losses")
        denoise = denoiser_for(self.whole_config, self.average)
        signal = alphas_cumprod().to(self.device)
        random = torch.Generator(self.device).manual_seed(0)
        shape = (LOSS_TIMES, *self.item_shape)
        noises = torch.randn(shape, generator=random, device=self.device)
        losses = np.zeros(len(images))
        for start in range(0, len(images), self.sampling.batch_size):
            where = slice(start, start + self.sampling.batch_size)
            pixels = torch.from_numpy(images.images[where]).to(self.device)
            stage = self.first_stage
            x0 = to_floats(pixels) if stage is None else stage.encode(pixels)
            labels = self._labels(images.labels[where])
            for number, noise in enumerate(noises):
                part = torch.full((len(x0),), (number + 0.5) / LOSS_TIMES, device=self.device)
                xt, t, target = noised(self.config.objective, x0, noise, signal, part)
                error = (denoise(xt, t, labels=labels) - target).square().flatten(1).mean(1)
                losses[where] += error.cpu().numpy() / LOSS_TIMES
        return losses

    def save(self, folder: Path) -> None:
        """UNets as a folder that ``DDPMPipeline.from_pretrained`` loads; MLPs beside a scheduler.

        The pipeline can be called where the UNet is unconditional.
        """
        objective = self.config.objective
        if isinstance(self.average, UNetDenoiser):
            from diffusers import DDPMPipeline

            scheduler = make_pipeline_scheduler(self.sampling, objective)
            DDPMPipeline(self.average.unet, scheduler).save_pretrained(folder)
        elif isinstance(self.average, MLPDenoiser):
            save_module(self.average, folder / "denoiser", self.average.settings)
            scheduler = make_scheduler(self.sampling, objective, clip=self.first_stage is None)
            scheduler.save_pretrained(folder / "scheduler")
        else:
            raise ValueError("fit or load comes before save")
        if self.first_stage is not None:
            self.first_stage.save(folder)

    def load(self, folder: Path) -> None:
        network = self.fresh_network(0)
        if isinstance(network, UNetDenoiser):
            refuse_other_settings(folder / "unet", network.unet.config)
            load_weights(network.unet, folder / "unet")
        else:
            load_weights(network, folder / "denoiser")
        if self.first_stage is not None:
            self.first_stage.load(folder)
        self.average = network.eval()

    def fresh_network(self, seed: int) -> MLPDenoiser | UNetDenoiser:
        return make_denoiser(self.config, self.item_shape, self.num_labels, seed).to(self.device)

    def _items(self, keep: Keep, pool: ImageSet) -> Items:
        """What a pool is to the network: images or their coordinates, and labels."""
        items: NDArray[Any] = pool.images
        if self.first_stage is not None:
            shape = len(pool), self.first_stage.dim
            items = keep(shape, np.float32, self.first_stage.encoded(pool))
        return placed(items, self.device, self.training.pool), self._labels(pool.labels)

    def _labels(self, labels: NDArray[np.int64]) -> Tensor:
        """With the one for no class where there is none; a network without it sees class 0."""
        known = torch.from_numpy(labels).to(self.device)
        return known.masked_fill(
            known == UNLABELLED, self.no_class if self.config.label_dropout else 0
        )


def _denoising_loss(
    network: nn.Module, xt: Tensor, t: Tensor, target: Tensor, labels: Tensor
) -> Tensor:
    return (network(xt, t, labels).float() - target).square().mean()


def noised(
    objective: str, x0: Tensor, noise: Tensor, signal: Tensor, part: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """xt, t in [0, 1000] and what the network is to predict, at times ``part`` in [0, 1) (N)."""
    spread = (-1, *(1,) * (x0.dim() - 1))
    if objective == "flow":
        sigma = part.view(spread)
        return (1 - sigma) * x0 + sigma * noise, part * TRAIN_STEPS, noise - x0
    t = (part * TRAIN_STEPS).long()
    keep = signal[t].sqrt().view(spread)
    lose = (1 - signal[t]).sqrt().view(spread)
    target = noise if objective == "eps" else keep * noise - lose * x0
    return keep * x0 + lose * noise, t, target


def _drawn_time(objective: str, num: int, random: torch.Generator, device: torch.device) -> Tensor:
    """Uniform times in [0, 1): of the thousand steps of diffusion, the middles."""
    if objective == "flow":
        return torch.rand(num, generator=random, device=device)
    steps = torch.randint(TRAIN_STEPS, (num,), generator=random, device=device)
    return (steps + 0.5) / TRAIN_STEPS
