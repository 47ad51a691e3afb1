"""Keeps the best, the worst or any of the samples.

By the judge's confidence or the generator's own loss as in Qiao et al. 2026, where the top by
likelihood lost minorities and the bottom kept them; by spread as in farthest-point selection
(Gonzalez 1985).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.repair_config import SelectConfig
from imgcollapse.seeds import random_for


def select(config: SelectConfig, samples: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """``num`` of the samples, in the order they were drawn in."""
    random = random_for(evidence.seed, "select")
    if config.keep == "random":
        chosen = random.permutation(len(samples))[:num]
    elif config.by == "spread":
        chosen = _farthest(evidence.look(samples.images).features, num, random)
    else:
        if config.by == "confidence":
            worth = -evidence.look(samples.images).unsureness
        else:
            worth = -evidence.losses(samples)
        ranked = np.lexsort((random.permutation(len(samples)), -worth))
        chosen = ranked[:num] if config.keep == "top" else ranked[-num:]
    return samples[np.sort(chosen)]


def _farthest(
    features: NDArray[np.float32], num: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """One after the other, the image that is farthest from all chosen before it."""
    points = features.astype(np.float64)
    chosen = np.empty(num, np.int64)
    chosen[0] = random.integers(len(points))
    nearest = np.full(len(points), np.inf)
    for place in range(1, num):
        last = points[chosen[place - 1]]
        nearest = np.minimum(nearest, ((points - last) ** 2).sum(1))
        chosen[place] = nearest.argmax()
    return chosen
