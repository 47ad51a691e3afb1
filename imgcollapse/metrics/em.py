"""Class shares by EM on the judge's calibrated probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.seeds import random_for

Array = NDArray[np.float64]

REPLICATES = 100
ITERATIONS = 100
TOLERANCE = 1e-6
NEGLIGIBLE = 1e-6
TINY = 1e-300


def em_shares(
    probabilities: Array, weights: Array | None = None, start: Array | None = None
) -> Array:
    """Shares by EM on class probabilities (Saerens et al. 2002), R×C.

    ``probabilities`` (N×C) are calibrated for classes that are equally common; ``weights`` (R×N)
    are how often each image counts in each of R replicates, once in one where they are left out.
    EM begins at ``start`` (C), or at equal shares, and is hastened by SQUAREM (Varadhan and Roland
    2008, step length of their equation 9), but for jumps that would leave the simplex.
    """
    num, num_classes = probabilities.shape
    weights = np.ones((1, num)) if weights is None else weights
    totals = weights.sum(1, keepdims=True)

    def step(shares: Array) -> Array:
        expected = np.maximum(shares @ probabilities.T, TINY)
        moved: Array = shares * ((weights / expected) @ probabilities) / totals
        return moved

    start = np.full(num_classes, 1 / num_classes) if start is None else start
    shares = np.tile(start, (len(weights), 1))
    for _ in range(ITERATIONS):
        once = step(shares)
        change = once - shares
        if np.abs(change).max() < TOLERANCE:
            shares = once
            break
        twice = step(once)
        bend = twice - once - change
        norms = (np.square(one).sum(1, keepdims=True) for one in (change, bend))
        length = np.maximum(1.0, np.sqrt(np.divide(*(np.maximum(one, TINY) for one in norms))))
        jumped = shares + 2 * length * change + length**2 * bend
        shares = step(np.where((jumped > 0).all(1, keepdims=True), jumped, twice))
    return np.where(shares < NEGLIGIBLE, 0.0, shares)


def measure_em(probabilities: Array, *, seed: int) -> tuple[Array, Array, Array]:
    """Shares by EM and their 95 % limits, C each, by a bootstrap over the images."""
    value = em_shares(probabilities)[0]
    num = len(probabilities)
    weights = random_for(seed, "em").multinomial(num, np.full(num, 1 / num), REPLICATES)
    start = np.maximum(value, NEGLIGIBLE)
    replicates = em_shares(probabilities, weights.astype(np.float64), start / start.sum())
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return value, np.minimum(low, value), np.maximum(high, value)
