"""Encoder and decoder of the VAE, with convolutions or with dense layers only."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgcollapse.generators.dense import Dense
from imgcollapse.generators.layout import lay_out_convolutions

HIDDEN = 512
MIN_NOISE = 1 / 127.5
"""Least standard deviation of the pixels: one grey level."""


class VAENetwork(nn.Module):
    """Encoder to a diagonal Gaussian over z, decoder to a Gaussian of one width per channel.

    Images are N×C×H×W in [-1, 1]; with ``num_classes`` > 0 both halves also see the class.
    ``max_noise`` is the largest width that the decoder may learn. Encoding runs through ``down``
    and ``to_z``, decoding through ``from_z``, whose output takes the shape ``small``, and ``up``.
    """

    down: nn.Module
    to_z: nn.Module
    from_z: nn.Module
    up: nn.Module
    small: tuple[int, int, int]

    def __init__(self, channels: int, num_classes: int, max_noise: float) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.log_noise_range = (math.log(MIN_NOISE), math.log(max_noise))
        self.free_noise = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each float32 N×latent."""
        both = self.to_z(self._with_class(self.down(x), labels)).float()
        mean, log_variance = both.chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Mean of p(x | z), N×C×H×W."""
        mean: Tensor = self.up(self.from_z(self._with_class(z, labels)).unflatten(1, self.small))
        return mean

    def log_noise(self) -> Tensor:
        """Log standard deviation of p(x | z), C×1×1, between that of one grey level and the cap."""
        low, high = self.log_noise_range
        # One number for millions of weights: it moves four times as fast as they do.
        return low + (high - low) * (4 * self.free_noise.float()).sigmoid()

    def _with_class(self, x: Tensor, labels: Tensor) -> Tensor:
        if not self.num_classes:
            return x
        return torch.cat([x, F.one_hot(labels, self.num_classes).to(x.dtype)], 1)


class ConvolutionalVAE(VAENetwork):
    """Sides are a multiple of 4; ``width`` channels at half the resolution, twice at a quarter."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int,
        latent: int,
        num_classes: int,
        max_noise: float,
    ) -> None:
        channels, height, side = image_shape
        super().__init__(channels, num_classes, max_noise)
        self.small = (2 * width, height // 4, side // 4)
        flat = math.prod(self.small)
        self.down = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            *_norm(width),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            *_norm(2 * width),
            nn.Flatten(),
        )
        self.to_z = nn.Sequential(
            Dense(flat + num_classes, HIDDEN), nn.SiLU(), Dense(HIDDEN, 2 * latent)
        )
        # Between the places of two classes in z lie crosses of both: depth makes that gap narrow.
        self.from_z = nn.Sequential(
            *_dense(latent + num_classes, HIDDEN),
            *_dense(HIDDEN, HIDDEN),
            *_dense(HIDDEN, HIDDEN),
            Dense(HIDDEN, flat),
        )
        # The last layer works at half the resolution, which is a quarter of the arithmetic.
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            *_norm(width),
            nn.Conv2d(width, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
        )
        lay_out_convolutions(self)


class DenseVAE(VAENetwork):
    """Two hidden layers on either side, ``width`` next to the pixels and half of it next to z."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int,
        latent: int,
        num_classes: int,
        max_noise: float,
    ) -> None:
        super().__init__(image_shape[0], num_classes, max_noise)
        self.small = image_shape
        values, inner = math.prod(image_shape), width // 2
        self.down = nn.Flatten()
        self.to_z = nn.Sequential(
            Dense(values + num_classes, width),
            nn.ReLU(),
            Dense(width, inner),
            nn.ReLU(),
            Dense(inner, 2 * latent),
        )
        self.from_z = nn.Sequential(
            Dense(latent + num_classes, inner),
            nn.ReLU(),
            Dense(inner, width),
            nn.ReLU(),
            Dense(width, values),
        )
        self.up = nn.Identity()


def _dense(enter: int, leave: int) -> tuple[nn.Module, ...]:
    return Dense(enter, leave), nn.LayerNorm(leave), nn.SiLU()


def _norm(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(math.gcd(8, width), width), nn.SiLU()
