"""The next pool from real images and a window of samples: one record, no branches by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory, is_mapped, row_blocks
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
Part = tuple[ImageSet, NDArray[np.int64]]
"""Images, and which rows of them are taken."""


def compose_pool(
    policy: PolicyConfig,
    real: ImageSet | None,
    samples: Sequence[ImageSet],
    *,
    size: int,
    seed: int,
    strata: StrataOf = lambda images: images.labels,
    keep: Keep = in_memory,
) -> ImageSet:
    """The pool of the next generation, its images where ``keep`` puts them.

    ``real`` are the real images that take part, None where none do, and ``samples`` holds what
    earlier generations released, the last one last, as far back as the window reaches; ``size``
    is that of the first pool. With a cap, the union is thinned to it without replacement,
    uniformly or with the shares of the strata kept, or, with ``real_fraction``, real and synthetic
    images each to their part of it; a source that is too small for its part is taken whole.
    """
    synthetic = remembered(policy, samples)
    kept = [] if real is None else [real]
    cap, num_real = size_of_cap(policy, size), part_of_real(policy, size)

    def thinned(sets: Sequence[ImageSet], size: int | None, purpose: str) -> list[Part]:
        """The rows of a draw from the union of the sets, in order; all where it is smaller."""
        edges = np.cumsum([0, *map(len, sets)])
        if size is None or size >= edges[-1]:
            return [(one, np.arange(len(one))) for one in sets]
        random = random_for(seed, "pool", purpose)
        if policy.subsample == "class-stratified":
            chosen = _stratified(np.concatenate([strata(one) for one in sets]), size, random)
        else:
            chosen = np.sort(random.choice(edges[-1], size, replace=False))
        places = np.searchsorted(chosen, edges)
        return [
            (one, chosen[first:last] - start)
            for one, start, first, last in zip(sets, edges, places, places[1:], strict=False)
        ]

    if cap is None or num_real is None or real is None:
        return joined(thinned([*kept, *synthetic], cap, "union"), keep)
    parts = thinned([real], num_real, "real")
    return joined(parts + thinned(synthetic, cap - num_real, "synthetic"), keep)


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
    return 0 if policy.window == "none" else released_each(num_images, pool_size)


def released_each(num_images: int | str, pool_size: int) -> int:
    """As ``synthetic_needed`` of a lab, whose samples others use where its own policy does not."""
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


def joined(parts: Sequence[Part], keep: Keep) -> ImageSet:
    """One set of all parts, its images where ``keep`` puts them.

    A set in memory that is the whole of it is not copied.
    """
    first, rows = parts[0]
    if len(parts) == 1 and len(rows) == len(first) and not is_mapped(first.images):
        return first
    if any(one.classes != first.classes for one, _ in parts):
        raise ValueError("image sets with different classes cannot be joined")
    values = math.prod(first.image_shape)

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for one, rows in parts:
            for where in row_blocks(len(rows), values):
                yield one.images[rows[where]]

    num = sum(len(rows) for _, rows in parts)
    return ImageSet(
        keep((num, *first.image_shape), np.uint8, blocks()),
        np.concatenate([one.labels[rows] for one, rows in parts]),
        np.concatenate([one.origin[rows] for one, rows in parts]),
        first.classes,
    )
