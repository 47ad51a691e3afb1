"""Class shares from the judge's verdicts: counted, and corrected for its confusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED
from imgcollapse.seeds import random_for

Array = NDArray[np.float64]

REPLICATES = 400
ITERATIONS = 1000
NEGLIGIBLE = 1e-9
LOST_BELOW = 0.1
ZERO_OF_N = 3.7
"""Upper 95 % limit (two-sided Clopper-Pearson) of a count of zero: 3.7 / n."""


@dataclass(frozen=True)
class Shares:
    """Shares of each class in n images; ``low`` and ``high`` are 95 % limits.

    ``raw`` counts verdicts and with ``reject`` sums to 1; ``corrected`` with ``nothing``, the
    part that shows no class, sums to 1. ``replicates`` (R×C) are bootstraps of ``corrected``.
    """

    raw: Array
    raw_low: Array
    raw_high: Array
    reject: float
    reject_low: float
    reject_high: float
    corrected: Array
    low: Array
    high: Array
    replicates: Array
    nothing: float
    n: int

    def interval(self, of: Callable[[Array], float]) -> tuple[float, float]:
        """95 % limits, by bootstrap, of a number that depends on the corrected shares.

        They hold the number itself, which the bootstrap of a bounded one may miss.
        """
        low, high = np.quantile([of(one) for one in self.replicates], [0.025, 0.975])
        value = of(self.corrected)
        return float(min(low, value)), float(max(high, value))


def outcome_counts(verdicts: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Images of each verdict: the classes, then the rejects (``UNLABELLED``) last."""
    moved = np.where(verdicts == UNLABELLED, num_classes, verdicts)
    return np.bincount(moved, minlength=num_classes + 1)


def invert_confusion(outcomes: Array, confusion: Array) -> Array:
    """The mixture over true classes that explains outcome frequencies best (R×(C+1) -> R×(C+1)).

    ``confusion`` (R×C×(C+1) or C×(C+1)) holds P(outcome | true class), rejects last. A further
    component, an image of no class, is always rejected. Maximum likelihood on the simplex by EM
    (Saerens et al. 2002, on verdicts); the result's last column is the part of no class.
    """
    num_outcomes = outcomes.shape[-1]
    nothing = np.zeros(num_outcomes)
    nothing[-1] = 1.0
    shape = (*confusion.shape[:-2], 1, num_outcomes)
    likelihood = np.concatenate([confusion, np.broadcast_to(nothing, shape)], -2)
    frequencies = outcomes / outcomes.sum(-1, keepdims=True)
    mixture = np.full(frequencies.shape, 1.0 / num_outcomes)
    for _ in range(ITERATIONS):
        expected = np.maximum((mixture[..., None, :] @ likelihood)[..., 0, :], 1e-300)
        update = (likelihood @ (frequencies / expected)[..., None])[..., 0]
        moved = mixture * update
        if np.abs(moved - mixture).max() < 1e-9:
            break
        mixture = moved
    mixture = np.where(mixture < NEGLIGIBLE, 0.0, mixture).astype(np.float64)
    scaled: Array = mixture / mixture.sum(-1, keepdims=True)
    return scaled


def measure_shares(
    verdicts: NDArray[np.int64], confusion: NDArray[np.int64], *, seed: int
) -> Shares:
    """Shares with intervals; ``confusion`` counts (C×(C+1)) real images by class and verdict.

    Limits of ``raw`` and ``reject`` are Wilson's, those of ``corrected`` a bootstrap over both
    the confusion matrix and the sample, whose upper limit is never below that of zero of n.
    """
    num_classes, n = len(confusion), len(verdicts)
    counts = outcome_counts(verdicts, num_classes)
    raw_low, raw_high = wilson(counts, n)
    rates = confusion / confusion.sum(1, keepdims=True)
    corrected = invert_confusion(counts[None].astype(np.float64), rates)[0]

    random = random_for(seed, "shares")
    sampled = random.multinomial(n, counts / n, REPLICATES).astype(np.float64)
    confused = np.stack(
        [random.dirichlet(row + 1 / len(row), REPLICATES) for row in confusion.astype(float)], 1
    )
    replicates = invert_confusion(sampled, confused)[:, :num_classes]
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    return Shares(
        raw=counts[:num_classes] / n,
        raw_low=raw_low[:num_classes],
        raw_high=raw_high[:num_classes],
        reject=counts[-1] / n,
        reject_low=float(raw_low[-1]),
        reject_high=float(raw_high[-1]),
        corrected=corrected[:num_classes],
        low=np.minimum(low, corrected[:num_classes]),
        high=np.minimum(1.0, np.maximum(np.maximum(high, corrected[:num_classes]), ZERO_OF_N / n)),
        replicates=replicates,
        nothing=float(corrected[-1]),
        n=n,
    )


def wilson(counts: NDArray[np.int64], n: int) -> tuple[Array, Array]:
    """Wilson's 95 % limits of binomial proportions."""
    z = 1.959964
    part = counts / n
    centre = (part + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(part * (1 - part) / n + z**2 / (4 * n**2))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def hill_number(shares: Array, order: int) -> float:
    """Effective number of classes: 0 counts those present, 1 exp(entropy), 2 inverse Simpson.

    Hill 1973; 0 where no image shows a class.
    """
    if shares.sum() <= 0:
        return 0.0
    part = shares[shares > 0] / shares.sum()
    if order == 0:
        return float(len(part))
    if order == 1:
        return float(np.exp(-(part * np.log(part)).sum()))
    return float(1 / (part**2).sum())


def alive(shares: Shares, initial: Array) -> NDArray[np.bool_]:
    """Classes that started and are not lost.

    A class is lost when its upper limit is below a tenth of its initial share; with fewer than
    37 / p0 images that cannot be seen, and the class counts as alive.
    """
    return (initial > 0) & (shares.high >= LOST_BELOW * initial)


def total_variation(shares: Array, other: Array) -> float:
    """Half the absolute difference of two share vectors, with what they lack to 1 as a class."""
    gaps = np.abs(shares - other).sum() + abs(shares.sum() - other.sum())
    return float(0.5 * gaps)
