"""The Fréchet distance between two Gaussians fitted to features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigvalsh, lapack

from imgcollapse.metrics.estimates import Estimate, subsample_errors
from imgcollapse.metrics.features import finite
from imgcollapse.seeds import random_for

Matrix = NDArray[np.float64]

BLOCKS = 64
HALVES = 50
PARTS = (0.5, 0.625, 0.75, 0.875, 1.0)
SUBSETS = 8
FEWEST = 8


@dataclass(frozen=True)
class Moments:
    """Mean (d), covariance (d×d, unbiased) and number of feature vectors."""

    mu: Matrix
    sigma: Matrix
    n: int

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Moments:
        """Moments of N×d features, in float64; NumericalError names the first bad image."""
        features = finite(features)
        if len(features) < 2:
            raise ValueError("moments need at least two feature vectors")
        mu = features.mean(0)
        centred = features - mu
        return cls(mu, centred.T @ centred / (len(features) - 1), len(features))


class FrechetTo:
    """Distances to one reference, whose covariance root is computed once.

    d² = |mu - mu_r|² + tr S + tr R - 2 tr (LᵀSL)^½ with R = LLᵀ (Dowson and Landau 1982; Heusel
    et al. 2017, equation 6), in float64 through symmetric eigenvalues. L is the Cholesky factor,
    or the symmetric root where R has not full rank; S may have any rank.
    """

    def __init__(self, reference: Moments) -> None:
        self.reference = reference
        self._factor: Matrix | None = None
        try:
            self._factor = cholesky(reference.sigma, lower=True)
        except LinAlgError:
            values, vectors = np.linalg.eigh(reference.sigma)
            self._root = (vectors * np.sqrt(values.clip(0))) @ vectors.T

    def __call__(self, moments: Moments) -> float:
        gap = moments.mu - self.reference.mu
        cross = np.sqrt(self._cross_eigenvalues(moments.sigma).clip(0)).sum()
        traces = np.trace(moments.sigma) + np.trace(self.reference.sigma)
        return max(0.0, float(gap @ gap + traces - 2 * cross))

    def _cross_eigenvalues(self, sigma: Matrix) -> Matrix:
        """The eigenvalues of LᵀSL."""
        if self._factor is None:
            product = self._root @ sigma @ self._root
            product = (product + product.T) / 2
        else:
            product, _ = lapack.dsygst(sigma, self._factor, itype=2, lower=1)
        values: Matrix = eigvalsh(
            product, lower=True, driver="ev", overwrite_a=True, check_finite=False
        )
        return values


class BlockMoments:
    """Moments of any union of seeded blocks of images, from sums that are taken once.

    For N×d features with d of some hundreds at most: the sums hold 64 d² numbers.
    """

    def __init__(self, features: NDArray[np.floating], seed: int) -> None:
        features = finite(features)
        if len(features) < FEWEST:
            raise ValueError(f"an interval needs at least {FEWEST} images, not {len(features)}")
        self.all = Moments.of(features)
        order = random_for(seed, "blocks").permutation(len(features))
        parts = np.array_split(order, min(BLOCKS, len(features) // 2))
        centred = features - self.all.mu
        self.counts = np.array([len(part) for part in parts])
        self.sums = np.stack([centred[part].sum(0) for part in parts])
        self.products = np.stack([centred[part].T @ centred[part] for part in parts])

    def __len__(self) -> int:
        return len(self.counts)

    def of(self, blocks: NDArray[np.integer]) -> Moments:
        """The moments of the images in some of the blocks."""
        n = int(self.counts[blocks].sum())
        mean = self.sums[blocks].sum(0) / n
        products = self.products[blocks].sum(0) - n * np.outer(mean, mean)
        return Moments(self.all.mu + mean, products / (n - 1), n)

    def part(self, share: float, random: np.random.Generator) -> Moments:
        """The moments of a random share of the blocks."""
        return self.of(random.permutation(len(self))[: round(share * len(self))])


def fd_with_error(samples: BlockMoments, distance: FrechetTo, seed: int) -> Estimate:
    """The Fréchet distance and its error, from halves of the samples, which do not repeat images.

    A bootstrap would: copies shrink the rank and push the distance up. Halves are further away as
    well, so that only their spread is used. Close to the reference, where the distance is mostly
    bias, the error comes out up to 1.3 times too large.
    """
    errors = subsample_errors(
        lambda blocks: distance(samples.of(blocks)),
        len(samples),
        len(samples) // 2,
        repeats=HALVES,
        random=random_for(seed, "fd halves"),
    )
    return Estimate(distance(samples.all), float(errors), least=0.0)


def fd_infinity(
    samples: BlockMoments, reference: BlockMoments, seed: int, error: float
) -> Estimate:
    """The Fréchet distance at infinitely many images, which has no bias of order 1/n.

    The intercept of a fit against 1/n over seeded subsets (Chong and Forsyth 2020), from a half
    to all of the images, of both sides alike: a finite reference adds bias as well. Below zero
    where the sets are as near as chance allows. ``error`` is that of the distance itself, to
    which the fit adds its own.
    """
    random = random_for(seed, "fd infinity")
    inverses, distances = [], []
    for part in PARTS:
        for _ in range(SUBSETS if part < 1 else 1):
            distance = FrechetTo(reference.part(part, random))
            inverses.append(1 / part)
            distances.append(distance(samples.part(part, random)))
    x, y = np.array(inverses), np.array(distances)
    weight = np.where(x == 1, SUBSETS, 1)
    design = np.stack([np.ones_like(x), x], 1)
    inverse = np.linalg.inv((design.T * weight) @ design)
    fitted = inverse @ (design.T * weight) @ y
    spread = (weight * (y - design @ fitted) ** 2).sum() / (len(x) - 2)
    return Estimate(float(fitted[0]), float(np.hypot(error, np.sqrt(spread * inverse[0, 0]))))
