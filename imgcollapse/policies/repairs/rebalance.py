"""Makes judged classes equally common in a pool, at its size.

``star``: draws with replacement by stratum, as the batches of stratified algorithmic reparation
(STAR; Wyllie, Shumailov and Papernot 2024). ``weights``: each image as often as its class is rare,
up to rounding, so that none is taken twice where there are enough. ``stock``: a class with too few
is filled up with real images from the lab's own stock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.repair_config import RebalanceConfig
from imgcollapse.seeds import random_for


def rebalance(config: RebalanceConfig, pool: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """``num`` images, of each class that there is equally many, or one more.

    An image that the judge rejects counts for the class that is nearest.
    """
    random = random_for(evidence.seed, "rebalance")
    judged = evidence.look(pool.images).nearest
    stock = evidence.real.labels
    there = np.union1d(judged, stock) if config.how == "stock" else np.unique(judged)
    chosen: list[NDArray[np.int64]] = []
    added: list[NDArray[np.int64]] = []
    for label, quota in zip(there, _quotas(num, len(there), random), strict=True):
        own = np.flatnonzero(judged == label)
        real = np.flatnonzero(stock == label)
        if config.how == "star":
            chosen.append(random.choice(own, quota))
        elif config.how == "weights" or not len(real):
            chosen.append(_evenly(own, quota, random))
        else:
            chosen.append(_evenly(own, min(quota, len(own)), random))
            added.append(_evenly(real, quota - len(chosen[-1]), random))
    kept = pool[np.sort(np.concatenate(chosen))]
    return kept.concat(evidence.real[np.concatenate(added)]) if added else kept


def _quotas(num: int, parts: int, random: np.random.Generator) -> NDArray[np.int64]:
    quotas = np.full(parts, num // parts)
    quotas[random.permutation(parts)[: num % parts]] += 1
    return quotas


def _evenly(places: NDArray[np.int64], num: int, random: np.random.Generator) -> NDArray[np.int64]:
    """``num`` of the places, none of them more than once oftener than another."""
    if not num:
        return places[:0]
    times, rest = divmod(num, len(places))
    return np.concatenate([np.repeat(places, times), random.permutation(places)[:rest]])
