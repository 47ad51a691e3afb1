"""The next pool from real images and a window of samples: one record, no branches by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import random_for

T = TypeVar("T")
StrataOf = Callable[[ImageSet], NDArray[np.int64]]
"""Images -> the stratum of each (N), any whole numbers."""


def compose_pool(
    policy: PolicyConfig,
    real: ImageSet | None,
    samples: Sequence[ImageSet],
    *,
    size: int,
    seed: int,
    strata: StrataOf = lambda images: images.labels,
) -> ImageSet:
    """The pool of the next generation.

    ``real`` are the real images that take part, None where none do, and ``samples`` holds what
    earlier generations released, the last one last, as far back as the window reaches; ``size``
    is that of the first pool. With a cap, the union is thinned to it without replacement,
    uniformly or with the shares of the strata kept, or, with ``real_fraction``, real and synthetic
    images each to their part of it; a source that is too small for its part is taken whole.
    """
    synthetic = remembered(policy, samples)
    kept = [] if real is None else [real]
    if policy.cap == "none" or policy.cap is None:
        return _join([*kept, *synthetic])
    size = size if policy.cap == "pool" else policy.cap
    stratified = policy.subsample == "class-stratified"

    def thin(images: ImageSet, size: int, purpose: str) -> ImageSet:
        if size >= len(images):
            return images
        random = random_for(seed, "pool", purpose)
        if stratified:
            return images[_stratified(strata(images), size, random)]
        return images[np.sort(random.choice(len(images), size, replace=False))]

    if policy.real_fraction is None or real is None:
        return thin(_join([*kept, *synthetic]), size, "union")
    num_real = round(policy.real_fraction * size)
    return _join(
        [
            thin(real, num_real, "real"),
            thin(_join(synthetic), size - num_real, "synthetic"),
        ]
    )


def takes_part(policy: PolicyConfig, generation: int) -> bool:
    """Whether real images are in the pool of a generation above 0."""
    if policy.real == "hoarded":
        return generation < (policy.hoarded_until or 0)
    return policy.real != "none"


def remembered(policy: PolicyConfig, samples: Sequence[T]) -> list[T]:
    """Those of the samples so far, oldest first, that the policy's window still reaches."""
    words = {"none": 0, "last": 1, "all": len(samples)}
    window = policy.window if isinstance(policy.window, int) else words[policy.window or "none"]
    return list(samples[max(0, len(samples) - window) :])


def synthetic_needed(policy: PolicyConfig, num_images: int | str, pool_size: int) -> int:
    """Images that a generation releases for later pools; 0 where the policy uses none."""
    if policy.window == "none":
        return 0
    return pool_size if num_images == "pool" else int(num_images)


def _stratified(
    strata: NDArray[np.int64], size: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Positions of ``size`` images, as many of each stratum as its share of all says.

    What is left over from rounding down goes to strata drawn by their remainders.
    """
    names, counts = np.unique(strata, return_counts=True)
    quotas = counts * (size / len(strata))
    wanted = np.floor(quotas).astype(np.int64)
    rest = size - int(wanted.sum())
    if rest:
        remainders = quotas - wanted
        extra = random.choice(len(names), rest, replace=False, p=remainders / remainders.sum())
        wanted[extra] += 1
    chosen = [
        random.choice(np.flatnonzero(strata == name), num, replace=False)
        for name, num in zip(names, wanted, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _join(sets: Sequence[ImageSet]) -> ImageSet:
    return sets[0] if len(sets) == 1 else sets[0].concat(*sets[1:])
