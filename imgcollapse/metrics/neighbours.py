"""Scores from nearest neighbours: fidelity, diversity, and whether images are copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.estimates import Estimate, subsample_errors
from imgcollapse.metrics.features import finite
from imgcollapse.seeds import random_for, some_of

Array = NDArray[np.float64]

NEAREST = 5
ROWS = 256
SAME = 1e-12
SUBSET = 1000
SUBSETS = 20
RESAMPLES = 200
FEWEST_OF_CLASS = 20
"""Real images of a class below which its coverage would be told by too few of them."""


@dataclass(frozen=True)
class Manifold:
    """N×d features and the squared distance of each to its k-th nearest neighbour."""

    features: Array
    radii: Array

    @classmethod
    def of(cls, features: NDArray[np.floating], nearest: int = NEAREST) -> Manifold:
        features = finite(features)
        if len(features) <= nearest:
            raise ValueError(f"{nearest} neighbours need more images than {len(features)}")
        blocks = [
            np.partition(block, nearest, axis=1)[:, nearest].copy()
            for _, block in _squared_distances(features, features)
        ]
        return cls(features, np.concatenate(blocks))


@dataclass(frozen=True)
class Overlap:
    """Whether and how often each sample and each real image lies in the other's manifold.

    ``balls`` counts the real balls around each sample; ``reached`` says which real images lie in
    a ball of a sample, and ``covered`` which have a sample in their own.
    """

    balls: NDArray[np.int64]
    reached: NDArray[np.bool_]
    covered: NDArray[np.bool_]

    @classmethod
    def between(cls, real: Manifold, samples: Manifold) -> Overlap:
        slack = _slack(real.features, samples.features)
        balls = np.zeros(len(samples.features), np.int64)
        reached = np.empty(len(real.features), bool)
        covered = np.empty(len(real.features), bool)
        for rows, block in _squared_distances(real.features, samples.features):
            inside = block < (real.radii[rows] - slack)[:, None]
            balls += inside.sum(0)
            covered[rows] = inside.any(1)
            reached[rows] = (block < samples.radii - slack).any(1)
        return cls(balls, reached, covered)


def neighbour_scores(
    samples: NDArray[np.floating],
    real: NDArray[np.floating],
    *,
    seed: int,
    nearest: int = NEAREST,
) -> dict[str, Estimate]:
    """``precision``, ``recall``, ``density`` and ``coverage`` of N×d samples against real features.

    Kynkäänniemi et al. 2019; Naeem et al. 2020. Equally many images of both sides are compared:
    the larger set is thinned by a seeded draw. Errors of precision and density are those of
    independent samples; those of recall and coverage come from subsets of at most 1,000.
    A ball of radius zero, around an image with five copies, holds nothing.
    """
    unlabelled = np.full(len(real), UNLABELLED)
    return neighbour_scores_of_classes(samples, real, unlabelled, seed=seed, nearest=nearest)[0]


def neighbour_scores_of_classes(
    samples: NDArray[np.floating],
    real: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    seed: int,
    nearest: int = NEAREST,
) -> tuple[dict[str, Estimate], dict[int, Estimate]]:
    """``neighbour_scores``, and by label the ``coverage`` of the real images of each class.

    Any sample may cover an image of a class: it need not be taken for that class. Classes of fewer
    than 20 real images are left out. Limits are over samples while the real images stay.
    """
    num = min(len(samples), len(real))
    random = random_for(seed, "neighbours")
    ours = Manifold.of(_thinned(finite(samples), num, random), nearest)
    chosen_real = some_of(len(real), num, random)
    theirs = Manifold.of(finite(real)[chosen_real], nearest)
    labels = labels[chosen_real]
    counts = np.bincount(labels[labels != UNLABELLED])
    classes = np.flatnonzero(counts >= FEWEST_OF_CLASS)
    overlap = Overlap.between(theirs, ours)
    size = min(SUBSET, num // 2)
    errors = np.zeros(2 + len(classes))
    if size > nearest:
        kept = some_of(num, size, random)
        fixed = Manifold.of(theirs.features[kept], nearest)

        def recall_and_coverage(chosen: NDArray[np.int64]) -> Array:
            part = Overlap.between(fixed, Manifold.of(ours.features[chosen], nearest))
            by_class = _means(part.covered, labels[kept], classes)
            return np.array([part.reached.mean(), part.covered.mean(), *by_class])

        errors = subsample_errors(recall_and_coverage, num, size, repeats=SUBSETS, random=random)
    densities = overlap.balls / nearest
    recall, coverage = float(overlap.reached.mean()), float(overlap.covered.mean())
    scores = {
        "precision": Estimate.share(float((overlap.balls > 0).mean()), num),
        "recall": Estimate.share_with_error(recall, float(errors[0]), num),
        "density": Estimate(
            float(densities.mean()), float(densities.std(ddof=1) / np.sqrt(num)), least=0.0
        ),
        "coverage": Estimate.share_with_error(coverage, float(errors[1]), num),
    }
    each = zip(classes, _means(overlap.covered, labels, classes), errors[2:], strict=True)
    return scores, {
        int(label): Estimate.share_with_error(float(part), float(error), int(counts[label]))
        for label, part, error in each
    }


def _means(
    covered: NDArray[np.bool_], labels: NDArray[np.int64], classes: NDArray[np.int64]
) -> list[float]:
    """The covered part of the images of each class, 0 of a class without any."""
    return [
        float(covered[labels == label].sum()) / max(1, (labels == label).sum()) for label in classes
    ]


def nn_ratio(
    samples: NDArray[np.floating],
    pool: NDArray[np.floating],
    held_out: NDArray[np.floating],
    *,
    seed: int,
) -> Estimate | None:
    """Median distance of samples to the nearest pool image over that to the nearest held-out one.

    About 1 where the pool is no nearer than real images that the generator never saw, 0 where
    samples are copies. Pool and held-out are thinned to equal numbers and must have like shares
    of classes. None where samples lie on held-out images, which leaves no scale.
    """
    num = min(len(pool), len(held_out))
    random = random_for(seed, "memorisation")
    to_pool = nearest_distances(samples, _thinned(finite(pool), num, random))
    to_held_out = nearest_distances(samples, _thinned(finite(held_out), num, random))
    if np.median(to_held_out) == 0:
        return None

    def ratio(chosen: NDArray[np.int64]) -> float:
        scale = np.median(to_held_out[chosen])
        return float(np.median(to_pool[chosen]) / scale) if scale > 0 else 0.0

    half = len(samples) // 2
    error = subsample_errors(ratio, len(samples), half, repeats=RESAMPLES, random=random)
    return Estimate(ratio(np.arange(len(samples))), float(error), least=0.0)


def nearest_distances(samples: NDArray[np.floating], others: NDArray[np.floating]) -> Array:
    """The distance of each sample to the nearest of the others."""
    blocks = [block.min(1) for _, block in _squared_distances(finite(samples), finite(others))]
    distances: Array = np.sqrt(np.concatenate(blocks))
    return distances


def duplicate_rate(hashes: list[bytes], seen: frozenset[bytes] | None = None) -> Estimate:
    """The share of images that are exact copies of an earlier one; of one in ``seen``, if given."""
    if seen is None:
        return Estimate.share(1 - len(set(hashes)) / len(hashes), len(hashes))
    return Estimate.share(sum(one in seen for one in hashes) / len(hashes), len(hashes))


def _thinned(features: Array, num: int, random: np.random.Generator) -> Array:
    return features[some_of(len(features), num, random)]


def _slack(x: Array, y: Array) -> float:
    """Squared distances that rounding of the features cannot tell from none."""
    centre = y.mean(0)
    return SAME * float(((x - centre) ** 2).sum(1).max() + ((y - centre) ** 2).sum(1).max())


def _squared_distances(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Squared Euclidean distances, some rows at a time; what rounding leaves of zero is zero."""
    slack, centre = _slack(x, y), y.mean(0)
    x, y = x - centre, y - centre
    lengths, columns = (y**2).sum(1), -2 * y.T
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        block = x[rows] @ columns
        block += (x[rows] ** 2).sum(1)[:, None]
        block += lengths
        block[block < slack] = 0
        yield rows, block
