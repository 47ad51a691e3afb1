"""The kernel distance: squared maximum mean discrepancy of features, without bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.metrics.estimates import Estimate
from imgcollapse.metrics.features import finite

Array = NDArray[np.float64]

ROWS = 512


class KernelTo:
    """Kernel distances to one reference, whose own kernel mean is computed once.

    k(x, y) = (x·y / d + 1)³ (Binkowski et al. 2018), over all pairs rather than over random
    subsets: the same expectation, less variance, no seed. Below zero where the sets are as near
    as chance allows.
    """

    def __init__(self, reference: NDArray[np.floating]) -> None:
        self.reference = finite(reference)
        if len(self.reference) < 2:
            raise ValueError("a kernel distance needs at least two feature vectors")
        self.within = _means_to_others(self.reference).mean()

    def __call__(self, features: NDArray[np.floating]) -> Estimate:
        """MMD² of N×d features, with its error over them.

        The error is that of the first-order projections (the jackknife's, with the reference
        held), somewhat too large close to the reference, where these are mostly noise.
        """
        features = finite(features)
        if len(features) < 2:
            raise ValueError("a kernel distance needs at least two feature vectors")
        own = _means_to_others(features)
        across = _kernel_sums(features, self.reference) / len(self.reference)
        value = own.mean() + self.within - 2 * across.mean()
        error = 2 * np.std(own - across, ddof=1) / np.sqrt(len(features))
        return Estimate(float(value), float(error))


def _means_to_others(features: Array) -> Array:
    """For each of N feature vectors, the mean kernel to the others."""
    itself = ((features**2).sum(1) / features.shape[1] + 1) ** 3
    means: Array = (_kernel_sums(features, features) - itself) / (len(features) - 1)
    return means


def _kernel_sums(x: Array, y: Array) -> Array:
    """For each row of x, the sum of its kernels to the rows of y."""
    sums = np.empty(len(x))
    scaled = y.T / y.shape[1]
    for start in range(0, len(x), ROWS):
        kernel = x[start : start + ROWS] @ scaled
        kernel += 1
        cubed = kernel * kernel
        cubed *= kernel
        sums[start : start + ROWS] = cubed.sum(1)
    return sums
