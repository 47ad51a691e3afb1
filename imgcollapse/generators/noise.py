"""Noise by image index: image i starts from the same noise whatever the batch size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from imgcollapse.seeds import seed_for

BLOCK_IMAGES = 64


class BlockNoise:
    """Random numbers for consecutive blocks of 64 images, one seeded generator for each block."""

    def __init__(self, seed: int, first_block: int, num_blocks: int, device: torch.device) -> None:
        self.device = device
        self.randoms = [
            torch.Generator(device).manual_seed(seed_for(seed, "block", block))
            for block in range(first_block, first_block + num_blocks)
        ]

    def __len__(self) -> int:
        return BLOCK_IMAGES * len(self.randoms)

    def normal(self, *shape: int) -> Tensor:
        """The next standard normal numbers: float32, images × ``shape``."""
        blocks = [
            torch.randn((BLOCK_IMAGES, *shape), generator=random, device=self.device)
            for random in self.randoms
        ]
        return torch.cat(blocks)

    def uniform(self, *shape: int) -> Tensor:
        """The next uniform numbers in [0, 1): float32, images × ``shape``."""
        blocks = [
            torch.rand((BLOCK_IMAGES, *shape), generator=random, device=self.device)
            for random in self.randoms
        ]
        return torch.cat(blocks)

    def truncated(self, limit: float, *shape: int) -> Tensor:
        """The next standard normal numbers within ±``limit``: float32, images × ``shape``.

        By the inverse of the distribution function, so that each takes one uniform number; that is
        drawn in float64, whose steps are finer than the tails.
        """
        below = 0.5 * math.erfc(limit / math.sqrt(2))
        blocks = [
            torch.rand(
                (BLOCK_IMAGES, *shape), generator=random, device=self.device, dtype=torch.float64
            )
            for random in self.randoms
        ]
        part = below + (1 - 2 * below) * torch.cat(blocks)
        return torch.special.ndtri(part).clamp(-limit, limit).float()


def starting_noise(noise: BlockNoise, truncation: float | None, *shape: int) -> Tensor:
    """What a sampler or a decoder starts from: float32, images × ``shape``.

    Standard normal, or truncated at so many standard deviations (Brock, Donahue and Simonyan 2019,
    section 3.1).
    """
    return noise.normal(*shape) if truncation is None else noise.truncated(truncation, *shape)


def noise_batches(
    num_images: int, batch_size: int, seed: int, device: torch.device
) -> Iterator[tuple[slice, BlockNoise]]:
    """Splits images 0 to ``num_images`` into batches of whole blocks.

    Yields the images of the batch and their noise. All batches are equally large, so the noise of
    the last one may reach beyond its slice: compute the whole batch, then cut it.
    """
    all_blocks = -(-num_images // BLOCK_IMAGES)
    blocks = max(1, min(all_blocks, batch_size // BLOCK_IMAGES))
    for first in range(0, all_blocks, blocks):
        start = first * BLOCK_IMAGES
        stop = min(num_images, start + blocks * BLOCK_IMAGES)
        yield slice(start, stop), BlockNoise(seed, first, blocks, device)
