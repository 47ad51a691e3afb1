"""A mixture of Gaussians fitted block by block: memory does not grow with the points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn.cluster import KMeans

from imgcollapse.arrays import row_blocks
from imgcollapse.seeds import random_for, some_of

Array = NDArray[np.float64]
LEAST_VARIANCE = 1e-4
MOST_ROUNDS = 100
ENOUGH = 1e-3
"""Gain of the mean log-likelihood below which the fit ends."""
START_POINTS = 20_000
"""Points among which k-means finds the components to begin with."""


@dataclass(frozen=True)
class FittedMixture:
    """K Gaussians in d dimensions: weights (K), means (K×d), lower Cholesky factors of covariances.

    ``log_likelihood`` is the mean over the points, in nats, before the last improvement.
    """

    weights: Array
    means: Array
    factors: Array
    log_likelihood: float = -math.inf


class _Sums:
    """What the parameters are made of: how much of the points each component has, and moments."""

    def __init__(self, components: int, dim: int) -> None:
        self.amounts = np.zeros(components)
        self.first = np.zeros((components, dim))
        self.second = np.zeros((components, dim, dim))

    def add(self, points: Array, parts: Array) -> None:
        """Adds points N×d of which each component has the parts N×K."""
        self.amounts += parts.sum(0)
        self.first += parts.T @ points
        for component, part in enumerate(parts.T):
            self.second[component] += (part[:, None] * points).T @ points

    def mixture(self, log_likelihood: float) -> FittedMixture:
        amounts = self.amounts + 10 * np.finfo(float).eps
        means = self.first / amounts[:, None]
        covariances = self.second / amounts[:, None, None] - means[:, :, None] * means[:, None]
        covariances += LEAST_VARIANCE * np.eye(means.shape[1])
        factors = np.linalg.cholesky(covariances).astype(np.float64)
        return FittedMixture(amounts / amounts.sum(), means, factors, log_likelihood)


def fit_mixture(points: Array, components: int, *, seed: int) -> FittedMixture:
    """Expectation maximisation (Dempster, Laird and Rubin 1977) on points N×d, N >= components.

    It begins with the clusters that k-means finds among at most ``START_POINTS`` of them. Up to
    that many it is what scikit-learn's ``GaussianMixture`` does, to rounding.
    """
    some = points[some_of(len(points), START_POINTS, random_for(seed, "start"))]
    clusters = KMeans(components, n_init=1, random_state=seed % 2**32).fit(some).labels_
    sums = _Sums(components, points.shape[1])
    sums.add(some, np.eye(components)[clusters])
    mixture = sums.mixture(-math.inf)
    for _ in range(MOST_ROUNDS):
        before = mixture.log_likelihood
        mixture = _improved(mixture, points)
        if abs(mixture.log_likelihood - before) < ENOUGH:
            break
    return mixture


def _improved(mixture: FittedMixture, points: Array) -> FittedMixture:
    sums, total = _Sums(*mixture.means.shape), 0.0
    for where in row_blocks(*points.shape):
        block = np.asarray(points[where])
        each = _log_densities(mixture, block)
        whole = logsumexp(each, axis=1)
        sums.add(block, np.exp(each - whole[:, None]))
        total += float(whole.sum())
    return sums.mixture(total / len(points))


def _log_densities(mixture: FittedMixture, points: Array) -> Array:
    """log(weight × density) of each component at each point, N×K."""
    dim = points.shape[1]
    found = np.empty((len(points), len(mixture.weights)))
    for component, (mean, factor) in enumerate(zip(mixture.means, mixture.factors, strict=True)):
        turn = solve_triangular(factor, np.eye(dim), lower=True).T
        distances = np.square(points @ turn - mean @ turn).sum(1)
        log_volume = np.log(np.diagonal(factor)).sum()
        found[:, component] = -0.5 * (dim * math.log(2 * math.pi) + distances) - log_volume
    found += np.log(mixture.weights)
    return found
