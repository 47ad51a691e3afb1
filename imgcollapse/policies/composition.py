"""The next pool from real images and a window of samples: one record, no branches by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from imgcollapse.config import PolicyConfig
from imgcollapse.images import ImageSet
from imgcollapse.seeds import random_for

T = TypeVar("T")


def compose_pool(
    policy: PolicyConfig, real: ImageSet, samples: Sequence[ImageSet], *, seed: int
) -> ImageSet:
    """The pool of the next generation.

    ``real`` is the chain's real pool and ``samples`` holds what earlier generations drew, the
    last one last, as far back as the window reaches. With a cap, the union is thinned to it by a
    uniform draw without replacement, or, with ``real_fraction``, real and synthetic images each
    to their part of it; a source that is too small for its part is taken whole.
    """
    synthetic = remembered(policy, samples)
    kept = [real] if policy.real == "fixed" else []
    if policy.cap == "none" or policy.cap is None:
        return _join([*kept, *synthetic])
    size = len(real) if policy.cap == "pool" else policy.cap
    if policy.real_fraction is None:
        return _thin(_join([*kept, *synthetic]), size, seed, "union")
    num_real = round(policy.real_fraction * size)
    return _join(
        [
            _thin(real, num_real, seed, "real"),
            _thin(_join(synthetic), size - num_real, seed, "synthetic"),
        ]
    )


def remembered(policy: PolicyConfig, samples: Sequence[T]) -> list[T]:
    """Those of the samples so far, oldest first, that the policy's window still reaches."""
    window = {"none": 0, "last": 1, "all": len(samples)}[policy.window or "none"]
    return list(samples[len(samples) - window :])


def synthetic_needed(policy: PolicyConfig, num_images: int | str, pool_size: int) -> int:
    """Images that a generation samples for later pools; 0 where the policy uses none."""
    if policy.window == "none":
        return 0
    return pool_size if num_images == "pool" else int(num_images)


def _thin(images: ImageSet, size: int, seed: int, purpose: str) -> ImageSet:
    if size >= len(images):
        return images
    chosen = random_for(seed, "pool", purpose).choice(len(images), size, replace=False)
    return images[np.sort(chosen)]


def _join(sets: Sequence[ImageSet]) -> ImageSet:
    return sets[0] if len(sets) == 1 else sets[0].concat(*sets[1:])
