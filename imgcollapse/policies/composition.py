"""The next pool from real images and a window of samples: one record, no branches by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policy_config import (
    PolicyConfig,
    part_of_real,
    remembered,
    size_of_cap,
    takes_part,
)
from imgcollapse.seeds import random_for
from imgcollapse.thinning import thin

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
    cap, num_real = size_of_cap(policy, size), part_of_real(policy, size)
    if cap is None:
        return _join([*kept, *synthetic])
    stratified = policy.subsample == "class-stratified"

    def thinned(images: ImageSet, size: int, purpose: str) -> ImageSet:
        if size >= len(images):
            return images
        random = random_for(seed, "pool", purpose)
        if stratified:
            return images[_stratified(strata(images), size, random)]
        return images[np.sort(random.choice(len(images), size, replace=False))]

    if num_real is None or real is None:
        return thinned(_join([*kept, *synthetic]), cap, "union")
    return _join(
        [
            thinned(real, num_real, "real"),
            thinned(_join(synthetic), cap - num_real, "synthetic"),
        ]
    )


def pool_size(policy: PolicyConfig, generation: int, *, first: int, released: int) -> int:
    """Images of the pool of a generation above 0 before any filter.

    ``first`` counts those of the first pool, ``released`` those that each generation releases.
    """
    real = first if takes_part(policy, generation) else 0
    synthetic = len(remembered(policy, range(generation))) * released
    cap, num_real = size_of_cap(policy, first), part_of_real(policy, first)
    if cap is None:
        return real + synthetic
    if num_real is None or not real:
        return min(cap, real + synthetic)
    return min(num_real, real) + min(cap - num_real, synthetic)


def synthetic_needed(policy: PolicyConfig, num_images: int | str, pool_size: int) -> int:
    """Images that a generation releases for later pools; 0 where the policy uses none."""
    if policy.window == "none":
        return 0
    return pool_size if num_images == "pool" else int(num_images)


def _stratified(
    strata: NDArray[np.int64], size: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Positions of ``size`` images, as many of each stratum as its share of all says."""
    names, counts = np.unique(strata, return_counts=True)
    wanted = thin(random, counts[:, None], size, stratified=True)[:, 0]
    chosen = [
        random.choice(np.flatnonzero(strata == name), num, replace=False)
        for name, num in zip(names, wanted, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _join(sets: Sequence[ImageSet]) -> ImageSet:
    return sets[0] if len(sets) == 1 else sets[0].concat(*sets[1:])
