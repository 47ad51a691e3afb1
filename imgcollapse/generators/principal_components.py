"""Principal components of images, block by block: memory does not grow with their number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import row_blocks
from imgcollapse.seeds import random_for

OVERSAMPLING = 10
ROUNDS = 8
TINY = 1e-30


@dataclass(frozen=True)
class PrincipalComponents:
    """Of images of D values in [-1, 1]: the mean (D), k orthonormal axes (k×D, leading first), the
    variance along each (k), and the fraction of the whole variance that these are.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    variances: NDArray[np.float64]
    explained: float


def principal_components(images: NDArray[np.uint8], dim: int, *, seed: int) -> PrincipalComponents:
    """The leading components of N >= 2 uint8 images N×…, by randomized subspace iteration.

    Halko, Martinsson and Tropp 2011, algorithm 4.4, on the covariance: ``ROUNDS`` + 1 passes over
    the images. Each axis points to where its largest entry is positive.
    """
    num, values = len(images), math.prod(images.shape[1:])
    sums, squares = np.zeros((2, values))
    for pixels in _flat_blocks(images):
        sums += pixels.sum(0, dtype=np.int64)
        squares += np.square(pixels, dtype=np.uint32).sum(0, dtype=np.int64)
    centre = sums / num
    narrow_centre = centre.astype(np.float32)
    total = float((squares - num * centre**2).sum()) / (num - 1)

    def centred() -> Iterator[NDArray[np.float32]]:
        for pixels in _flat_blocks(images):
            block = pixels.astype(np.float32)
            block -= narrow_centre
            yield block

    size = min(dim + OVERSAMPLING, values)
    axes = random_for(seed, "pca").standard_normal((values, size))
    for _ in range(ROUNDS):
        found, narrow = np.zeros((values, size)), axes.astype(np.float32)
        for block in centred():
            found += block.T @ (block @ narrow)
        axes = np.linalg.qr(found)[0]
    gram, narrow = np.zeros((size, size)), axes.astype(np.float32)
    for block in centred():
        coordinates = (block @ narrow).astype(np.float64)
        gram += coordinates.T @ coordinates
    spread, turn = np.linalg.eigh(gram / (num - 1))
    leading = slice(None, -dim - 1, -1)
    axes = (axes @ turn[:, leading]).T
    largest = np.abs(axes).argmax(1)
    axes *= np.sign(axes[np.arange(dim), largest])[:, None]
    variances = spread[leading].clip(0)
    return PrincipalComponents(
        mean=centre / 127.5 - 1,
        axes=axes,
        variances=variances / 127.5**2,
        explained=float(variances.sum()) / max(total, TINY),
    )


def _flat_blocks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for where in row_blocks(len(images), math.prod(images.shape[1:])):
        yield images[where].reshape(where.stop - where.start, -1)
