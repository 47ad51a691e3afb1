"""Generators: what learns from a pool and draws new images."""

from __future__ import annotations

from collections.abc import Callable

import torch

from imgcollapse.config import STEPWISE, Config, GeneratorConfig, is_convolutional_vae
from imgcollapse.errors import ConfigError
from imgcollapse.generators.base import Fit, Generator, Surroundings, draw_labels
from imgcollapse.generators.bootstrap import Bootstrap

Shape = tuple[int, int, int]
Maker = Callable[[Config, Shape, tuple[str, ...], torch.device], Generator]


def _bootstrap(
    config: Config, shape: Shape, classes: tuple[str, ...], device: torch.device
) -> Generator:
    return Bootstrap()


def _gaussian(
    config: Config, shape: Shape, classes: tuple[str, ...], device: torch.device
) -> Generator:
    from imgcollapse.generators.gaussian import GaussianMixture

    return GaussianMixture(config.generator, config.sampling, shape, classes)


def _vae(config: Config, shape: Shape, classes: tuple[str, ...], device: torch.device) -> Generator:
    from imgcollapse.generators.vae import VAE

    return VAE(config, shape, classes, device)


def _diffusion(
    config: Config, shape: Shape, classes: tuple[str, ...], device: torch.device
) -> Generator:
    from imgcollapse.generators.diffusion import Diffusion

    return Diffusion(config, shape, classes, device)


GENERATORS: dict[str, Maker] = {
    "bootstrap": _bootstrap,
    "gaussian": _gaussian,
    "vae": _vae,
    "diffusion": _diffusion,
}


def make_generator(
    config: Config, image_shape: Shape, classes: tuple[str, ...], device: torch.device
) -> Generator:
    """The generator that a config describes; ConfigError where it cannot take the images."""
    if config.generator.kind in STEPWISE and image_shape[1] != image_shape[2]:
        raise ConfigError(
            f"{config.generator.kind} takes square images, not {image_shape[1]}×{image_shape[2]}",
            "set data.image_size",
        )
    if is_convolutional_vae(config.generator) and image_shape[1] % 4:
        raise ConfigError(
            f"the vae takes sides that are a multiple of 4, not {image_shape[1]}",
            "set data.image_size, and data.resize=pad to keep the pixels",
        )
    make = GENERATORS[config.generator.kind]
    negative = config.generator.negative
    if negative is None:
        return make(config, image_shape, classes, device)
    from imgcollapse.generators.negative import Neon, Sims

    kind = Neon if negative.kind == "neon" else Sims
    return kind(config, negative, lambda one: make(one, image_shape, classes, device))


def fewest_images(config: Config, image_shape: Shape) -> int:
    """Images that a pool must hold: for the generator to learn, and for each to have another."""
    return max(2, _needed_to_learn(config.generator, image_shape))


def _needed_to_learn(generator: GeneratorConfig, image_shape: Shape) -> int:
    if generator.kind == "gaussian":
        from imgcollapse.generators.gaussian import num_components

        return max(generator.components, num_components(generator, image_shape))
    if generator.kind == "diffusion" and generator.first_stage is not None:
        return generator.first_stage.dim
    return 1


__all__ = [
    "GENERATORS", "Fit", "Generator", "Surroundings", "draw_labels", "fewest_images",
    "make_generator",
]  # fmt: skip
