"""Do images of a class still look like the class? The assumption under corrected shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CRITICAL = 1.731
"""Kolmogorov's limit at level 0.5 %, so that the larger of two stays below it in 99 %."""


@dataclass(frozen=True)
class HeldOut:
    """Class, unsureness and strangeness of the judge's held-out real images, M each."""

    labels: NDArray[np.int64]
    unsureness: Array
    strangeness: Array


def fit_residual(unsureness: Array, strangeness: Array, shares: Array, held: HeldOut) -> float:
    """How far N images are from any mixture of real classes, over the limit for real images.

    The larger Kolmogorov-Smirnov distance, in unsureness or in strangeness, between the images
    and the held-out real images mixed by ``shares`` (C), in units of its 99 % quantile when the
    images are real. Above 1 they do not look like their classes and corrected shares are not to
    be trusted.
    """
    if shares.sum() <= 0:
        shares = np.full(len(shares), 1.0)
    counts = np.bincount(held.labels, minlength=len(shares))
    weights = shares / shares.sum() / counts
    spread = float((counts * weights**2).sum())
    limit = CRITICAL * np.sqrt(1 / len(unsureness) + spread)
    by_image = weights[held.labels]
    distances = [
        _distance(unsureness, held.unsureness, by_image),
        _distance(strangeness, held.strangeness, by_image),
    ]
    return float(max(distances) / limit)


def _distance(sample: Array, held: Array, weights: Array) -> float:
    """The largest gap between the distribution of a sample and that of weighted values."""
    sample, order = np.sort(sample), np.argsort(held)
    held, below = held[order], np.append(0.0, np.cumsum(weights[order]))
    at = np.concatenate([sample, held])
    ours = np.searchsorted(sample, at, side="right") / len(sample)
    theirs = below[np.searchsorted(held, at, side="right")]
    return float(np.abs(ours - theirs).max())
