"""The next pool from real images and a window of samples: one record, no branches by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory, is_mapped, row_blocks
from imgcollapse.config import PolicyConfig
from imgcollapse.images import ImageSet
from imgcollapse.seeds import random_for

T = TypeVar("T")
Part = tuple[ImageSet, NDArray[np.int64]]
"""Images, and which rows of them are taken."""


def compose_pool(
    policy: PolicyConfig,
    real: ImageSet,
    samples: Sequence[ImageSet],
    *,
    seed: int,
    keep: Keep = in_memory,
) -> ImageSet:
    """The pool of the next generation, its images where ``keep`` puts them.

    ``real`` is the chain's real pool and ``samples`` holds what earlier generations drew, the
    last one last, as far back as the window reaches. With a cap, the union is thinned to it by a
    uniform draw without replacement, or, with ``real_fraction``, real and synthetic images each
    to their part of it; a source that is too small for its part is taken whole.
    """
    synthetic = remembered(policy, samples)
    kept = [real] if policy.real == "fixed" else []
    if policy.cap == "none" or policy.cap is None:
        return _join(_thin([*kept, *synthetic], math.inf, seed, "union"), keep)
    size = len(real) if policy.cap == "pool" else policy.cap
    if policy.real_fraction is None:
        return _join(_thin([*kept, *synthetic], size, seed, "union"), keep)
    num_real = round(policy.real_fraction * size)
    part_real = _thin([real], num_real, seed, "real")
    return _join(part_real + _thin(synthetic, size - num_real, seed, "synthetic"), keep)


def remembered(policy: PolicyConfig, samples: Sequence[T]) -> list[T]:
    """Those of the samples so far, oldest first, that the policy's window still reaches."""
    window = {"none": 0, "last": 1, "all": len(samples)}[policy.window or "none"]
    return list(samples[len(samples) - window :])


def synthetic_needed(policy: PolicyConfig, num_images: int | str, pool_size: int) -> int:
    """Images that a generation samples for later pools; 0 where the policy uses none."""
    if policy.window == "none":
        return 0
    return pool_size if num_images == "pool" else int(num_images)


def _thin(sets: Sequence[ImageSet], size: float, seed: int, purpose: str) -> list[Part]:
    """The rows of a uniform draw from the union of the sets, in order; all where it is smaller."""
    edges = np.cumsum([0, *map(len, sets)])
    if size >= edges[-1]:
        return [(one, np.arange(len(one))) for one in sets]
    chosen = random_for(seed, "pool", purpose).choice(edges[-1], int(size), replace=False)
    chosen.sort()
    places = np.searchsorted(chosen, edges)
    return [
        (one, chosen[first:last] - start)
        for one, start, first, last in zip(sets, edges, places, places[1:], strict=False)
    ]


def _join(parts: Sequence[Part], keep: Keep) -> ImageSet:
    """One set of all parts; a set in memory that is the whole of it is not copied."""
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
