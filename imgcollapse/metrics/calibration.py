"""How sure the judge may be, and how little of a class it can see."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from imgcollapse.metrics.shares import ZERO_OF_N


def lowest_visible_share(
    confusion: NDArray[np.int64], shares: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """For each class, the share of false verdicts for it on real images of the other classes.

    A class below this share is drowned in the judge's mistakes. The upper 95 % limit of the mean
    rate over the other classes at their ``shares`` (C), or equally common; with no mistake, 3.7
    over the number of images that would tell the rate as well.
    """
    counts = confusion.sum(1)
    shares = np.ones(len(confusion)) if shares is None else shares
    floors = np.zeros(len(confusion))
    for label in range(len(confusion)):
        others = np.arange(len(confusion)) != label
        weights = shares[others] / max(shares[others].sum(), 1e-12)
        rates = confusion[others, label] / counts[others]
        variance = (weights**2 * rates / counts[others]).sum()
        limit = (weights * rates).sum() + 2 * np.sqrt(variance)
        floors[label] = max(limit, ZERO_OF_N * (weights**2 / counts[others]).sum())
    return floors


def best_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature that makes held-out log likelihood largest, on a grid from 1/4 to 4.

    Targets are Platt's (1999), (n + 1) / (n + 2) for n images of a class, so that a judge without
    a mistake does not become infinitely sure.
    """
    scaled = torch.from_numpy(logits.astype(np.float64))
    num_classes = logits.shape[1]
    counts = np.bincount(labels, minlength=num_classes)[labels]
    right = torch.from_numpy((counts + 1) / (counts + 2))[:, None]
    truth = F.one_hot(torch.from_numpy(labels), num_classes)
    targets = truth * right + (1 - truth) * (1 - right) / (num_classes - 1)
    grid = np.geomspace(0.25, 4, 81)
    losses = [float(F.cross_entropy(scaled / temperature, targets)) for temperature in grid]
    return float(grid[int(np.argmin(losses))])


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Class probabilities N×C at a temperature (Guo et al. 2017)."""
    scaled = logits.astype(np.float64) / temperature
    parts = np.exp(scaled - scaled.max(1, keepdims=True))
    probabilities: NDArray[np.float64] = parts / parts.sum(1, keepdims=True)
    return probabilities


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of confidence."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(confidence[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    ]
    return float(sum(gaps))
