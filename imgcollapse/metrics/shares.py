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
MOST_NUMBERS = 2_000_000
ITERATIONS = 300
TOLERANCE = 1e-8
NEGLIGIBLE = 1e-6
PRIOR_IMAGES = 5.0
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

    def interval(self, of: Callable[[Array], float], most: float) -> tuple[float, float]:
        """95 % limits of a number that depends on the corrected shares and is at most ``most``.

        Near a bound the bootstrap is off to one side by as much as the number itself is: the
        limits reach as far as those of the percentile and of the basic bootstrap, its mirror
        image (Davison and Hinkley 1997, section 5.2), do together.
        """
        low, high = np.quantile([of(one) for one in self.replicates], [0.025, 0.975])
        value = of(self.corrected)
        return (
            float(max(0.0, min(low, value, 2 * value - high))),
            float(min(most, max(high, value, 2 * value - low))),
        )

    def interval_of_distance(self, other: Array) -> tuple[float, float]:
        """95 % limits of the total variation to fixed shares, by the triangle inequality.

        The truth is no nearer and no farther than the estimate by more than the two are apart.
        """
        apart = [total_variation(one, self.corrected) for one in self.replicates]
        value, reach = total_variation(self.corrected, other), float(np.quantile(apart, 0.95))
        return max(0.0, value - reach), min(1.0, value + reach)

    def interval_of_sum(self, members: NDArray[np.bool_]) -> tuple[float, float]:
        """95 % limits of what some classes have together; a lower one below half an image is 0."""
        low, high = self.interval(lambda one: float(one[members].sum()), 1.0)
        return 0.0 if low < 0.5 / self.n else low, min(1.0, max(high, ZERO_OF_N / self.n))


def outcome_counts(verdicts: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
    """Images of each verdict: the classes, then the rejects (``UNLABELLED``) last."""
    moved = np.where(verdicts == UNLABELLED, num_classes, verdicts)
    return np.bincount(moved, minlength=num_classes + 1)


def invert_confusion(outcomes: Array, confusion: Array) -> Array:
    """The mixture over true classes that explains outcome frequencies best (R×(C+1) -> R×(C+1)).

    ``confusion`` (R×C×(C+1) or C×(C+1)) holds P(outcome | true class), rejects last. A further
    component, an image of no class, is always rejected. Maximum likelihood on the simplex: the
    linear solution, cut at 0, then EM (Saerens et al. 2002, on verdicts). The result's last
    column is the part of no class.
    """
    num_outcomes = outcomes.shape[-1]
    nothing = np.zeros(num_outcomes)
    nothing[-1] = 1.0
    shape = (*confusion.shape[:-2], 1, num_outcomes)
    likelihood = np.concatenate([confusion, np.broadcast_to(nothing, shape)], -2)
    frequencies = outcomes / outcomes.sum(-1, keepdims=True)
    mixture = _solved(likelihood, frequencies)
    for _ in range(ITERATIONS):
        expected = np.maximum((mixture[..., None, :] @ likelihood)[..., 0, :], 1e-300)
        update = (likelihood @ (frequencies / expected)[..., None])[..., 0]
        moved = mixture * update
        change = np.abs(moved - mixture).max()
        mixture = moved
        if change < TOLERANCE:
            break
    mixture = np.where(mixture < NEGLIGIBLE, 0.0, mixture).astype(np.float64)
    scaled: Array = mixture / mixture.sum(-1, keepdims=True)
    return scaled


def _solved(likelihood: Array, frequencies: Array) -> Array:
    """The linear solution on the simplex, nowhere quite 0; even where there is no unique one."""
    turned = np.swapaxes(likelihood, -1, -2)
    ridge = NEGLIGIBLE * np.eye(turned.shape[-1])
    gram = np.swapaxes(turned, -1, -2) @ turned + ridge
    start = np.linalg.solve(gram, (likelihood @ frequencies[..., None]))[..., 0]
    start = np.maximum(start, NEGLIGIBLE)
    solved: Array = start / start.sum(-1, keepdims=True)
    return solved


def measure_shares(
    verdicts: NDArray[np.int64], confusion: NDArray[np.int64], *, seed: int
) -> Shares:
    """Shares with intervals; ``confusion`` counts (C×(C+1)) real images by class and verdict.

    Limits of ``raw`` and ``reject`` are Wilson's. Those of ``corrected`` are quantiles over
    replicates in which both the confusion matrix and the sample are drawn anew from Dirichlet
    distributions around what was counted (half an image of every outcome added to the sample, at
    most 5 in all; one image spread over each row of the confusion). An upper limit is never
    below that of zero of n, and a lower one below half an image is 0.
    """
    num_classes, n = len(confusion), len(verdicts)
    counts = outcome_counts(verdicts, num_classes)
    raw_low, raw_high = wilson(counts, n)
    rates = confusion / confusion.sum(1, keepdims=True)
    corrected = invert_confusion(counts[None].astype(np.float64), rates[None])[0]

    replicates = _replicates(counts, confusion, random_for(seed, "shares"))
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    # What shows no class is never below nothing: on average that is taken from the head.
    head = int(corrected[:num_classes].argmax())
    high[head] = max(high[head], 2 * corrected[head] - low[head])
    low = np.where(low < 0.5 / n, 0.0, low)
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


def _replicates(
    counts: NDArray[np.int64], confusion: NDArray[np.int64], random: np.random.Generator
) -> Array:
    """Corrected shares (R×C) of samples and confusion matrices drawn anew, some at a time."""
    prior = min(0.5, PRIOR_IMAGES / len(counts))
    sampled = random.dirichlet(counts + prior, REPLICATES)
    confused = [random.dirichlet(row + 1 / len(row), REPLICATES) for row in confusion.astype(float)]
    at_once = max(1, MOST_NUMBERS // confusion.size)
    parts = [
        invert_confusion(
            sampled[start : start + at_once],
            np.stack([row[start : start + at_once] for row in confused], 1),
        )
        for start in range(0, REPLICATES, at_once)
    ]
    return np.concatenate(parts)[:, : len(confusion)]


def wilson(counts: NDArray[np.int64], n: int) -> tuple[Array, Array]:
    """Wilson's 95 % limits of binomial proportions."""
    z = 1.959964
    part = counts / n
    centre = (part + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(part * (1 - part) / n + z**2 / (4 * n**2))
    low = np.where(counts == 0, 0.0, np.maximum(0.0, centre - half))
    return low, np.minimum(1.0, centre + half)


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


def lost(shares: Shares, initial: Array) -> NDArray[np.bool_]:
    """Classes that started and whose upper limit is below a tenth of their initial share."""
    return (initial > 0) & (shares.high < LOST_BELOW * initial)


def surely_alive(shares: Shares, initial: Array) -> NDArray[np.bool_]:
    """Classes that started and whose lower limit is not below a tenth of their initial share."""
    return (initial > 0) & (shares.low >= LOST_BELOW * initial)


def unseeable(initial: Array, n: int) -> NDArray[np.bool_]:
    """Classes so rare that n images without one of them would not show their loss: n < 37 / p0."""
    return (initial > 0) & (ZERO_OF_N / n >= LOST_BELOW * initial)


def tail_classes(initial_counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The rarer half of the classes that the first pool held; of equals, the later ones."""
    common_first = np.argsort(-initial_counts, kind="stable")[: np.count_nonzero(initial_counts)]
    tail = np.zeros(len(initial_counts), bool)
    tail[common_first[(len(common_first) + 1) // 2 :]] = True
    return tail


def total_variation(shares: Array, other: Array) -> float:
    """Half the absolute difference of two share vectors, with what they lack to 1 as a class."""
    gaps = np.abs(shares - other).sum() + abs(shares.sum() - other.sum())
    return float(0.5 * gaps)
