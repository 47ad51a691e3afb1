"""The Fréchet distance between two Gaussians fitted to features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.errors import NumericalError

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean (d), covariance (d×d, unbiased) and number of feature vectors."""

    mu: Matrix
    sigma: Matrix
    n: int

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Moments:
        """Moments of N×d features, in float64; NumericalError names the first bad image."""
        features = np.asarray(features, np.float64)
        bad = ~np.isfinite(features).all(1)
        if bad.any():
            raise NumericalError(f"features are not finite (image {int(bad.argmax())})")
        if len(features) < 2:
            raise ValueError("moments need at least two feature vectors")
        mu = features.mean(0)
        centred = features - mu
        return cls(mu, centred.T @ centred / (len(features) - 1), len(features))


class FrechetTo:
    """Distances to one reference, whose covariance root is computed once.

    d² = |mu - mu_r|² + tr S + tr R - 2 tr (R^½ S R^½)^½ (Dowson and Landau 1982; Heusel et al.
    2017, equation 6), in float64 through symmetric eigenvalues, which stand rank-deficient
    covariances.
    """

    def __init__(self, reference: Moments) -> None:
        self.reference = reference
        values, vectors = np.linalg.eigh(reference.sigma)
        self.root = (vectors * np.sqrt(values.clip(0))) @ vectors.T

    def __call__(self, moments: Moments) -> float:
        gap = moments.mu - self.reference.mu
        product = self.root @ moments.sigma @ self.root
        cross = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(0)).sum()
        traces = np.trace(moments.sigma) + np.trace(self.reference.sigma)
        return max(0.0, float(gap @ gap + traces - 2 * cross))
