"""All scores that compare sets of images through the judge, from one look at each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.metrics.estimates import Estimate
from imgcollapse.metrics.features import finite
from imgcollapse.metrics.frechet import BlockMoments, FrechetTo, Moments, fd_infinity, fd_with_error
from imgcollapse.metrics.judge import Judge
from imgcollapse.metrics.kernel import KernelTo
from imgcollapse.metrics.neighbours import (
    duplicate_rate,
    neighbour_scores_of_classes,
    nn_ratio,
)
from imgcollapse.metrics.share_scores import BALANCED
from imgcollapse.metrics.tstr import tstr_accuracy
from imgcollapse.metrics.vendi import vendi, vendi_of_class
from imgcollapse.seeds import random_for, seed_for

POOL = "pool"


@dataclass(frozen=True)
class Seen:
    """N images with the judge's verdict (``UNLABELLED``: none) and N×d features of each."""

    images: ImageSet
    verdicts: NDArray[np.int64]
    features: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.verdicts) == len(self.features):
            raise ValueError("images, verdicts and features differ in length")
        finite(self.features)

    @classmethod
    def by(cls, judge: Judge, images: ImageSet) -> Seen:
        """The images as a judge sees them; NumericalError names one that it cannot see."""
        found = judge.look(images.images)
        return cls(images, found.classes, found.features)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: NDArray[np.integer]) -> Seen:
        return Seen(self.images[index], self.verdicts[index], self.features[index])


@dataclass(frozen=True)
class Distance:
    """One score: its class (empty for the whole set), its limits and what it compares with."""

    metric: str
    class_: str
    reference: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Distances:
    """Scores of sets of images against real ones that stay the same over a chain.

    ``references`` hold real images by name, and ``held_out`` real images that no generator
    trains on, for ``nn_ratio``. Of the reference ``balanced`` the ``coverage`` of each class is
    measured as well. ``test`` are labelled real images for ``tstr_accuracy``. What is
    left out gives no row.
    """

    references: Mapping[str, Seen]
    held_out: Seen | None = None
    test: ImageSet | None = None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @cached_property
    def _prepared(self) -> dict[str, tuple[FrechetTo, BlockMoments, KernelTo]]:
        prepared = {}
        for name, seen in self.references.items():
            blocks = BlockMoments(seen.features, seed_for(self.seed, "reference", name))
            prepared[name] = (FrechetTo(blocks.all), blocks, KernelTo(seen.features))
        return prepared

    def moments(self, reference: str) -> Moments:
        """Mean and covariance of the features of one reference."""
        return self._prepared[reference][1].all

    def __call__(self, samples: Seen, *, seed: int, pool: Seen | None = None) -> list[Distance]:
        """Every score of a set, with 95 % limits over its images while the references stay.

        ``pool`` is what its generator trained on; without one nothing is compared with a pool.
        """
        return [
            Distance(metric, class_, reference, estimate.value, *estimate.interval())
            for metric, class_, reference, estimate in self._estimates(
                samples, pool, self.held_out, seed
            )
        ]

    def floor(self, real: Seen, *, seed: int, pool: Seen | None = None) -> list[Distance]:
        """Every score of real images that stand in for samples: the floor.

        The limits hold nine in ten further real sets of as many images, at 95 % confidence. For
        ``nn_ratio`` one half of ``real`` is compared with the pool and the other half, whatever
        ``held_out`` is.
        """
        rows = [
            Distance(metric, class_, reference, estimate.value, *estimate.floor_interval())
            for metric, class_, reference, estimate in self._estimates(real, pool, None, seed)
        ]
        if pool is not None:
            order = random_for(seed, "floor halves").permutation(len(real))
            half = len(real) // 2
            samples, held_out = real.features[order[:half]], real.features[order[half:]]
            found = nn_ratio(samples, pool.features, held_out, seed=seed)
            if found is not None:
                rows.append(Distance("nn_ratio", "", POOL, found.value, *found.floor_interval()))
        return rows

    def _estimates(
        self, samples: Seen, pool: Seen | None, held_out: Seen | None, seed: int
    ) -> Iterator[tuple[str, str, str, Estimate]]:
        features = samples.features
        blocks = BlockMoments(features, seed)
        for name, (frechet, reference, kernel) in self._prepared.items():
            fd = fd_with_error(blocks, frechet, seed)
            yield "fd_judge", "", name, fd
            yield "fd_judge_inf", "", name, fd_infinity(blocks, reference, seed, fd.error)
            yield "kid_judge", "", name, kernel(features)
            real = self.references[name].features
            labels = self.references[name].images.labels
            whole, covered = neighbour_scores_of_classes(features, real, labels, seed=seed)
            for metric, estimate in whole.items():
                yield metric, "", name, estimate
            if name == BALANCED:
                for label, estimate in covered.items():
                    yield "coverage", samples.images.classes[label], name, estimate
        yield "vendi", "", "", vendi(features)
        for label, class_ in enumerate(samples.images.classes):
            score = vendi_of_class(features[samples.verdicts == label], seed)
            if score is not None:
                yield "vendi", class_, "", score
        hashes = samples.images.hashes()
        yield "duplicate_rate", "", "", duplicate_rate(hashes)
        if pool is not None:
            trained_on = frozenset(pool.images.hashes())
            yield "duplicate_rate", "", POOL, duplicate_rate(hashes, trained_on)
        if pool is not None and held_out is not None:
            ratio = nn_ratio(features, pool.features, held_out.features, seed=seed)
            if ratio is not None:
                yield "nn_ratio", "", POOL, ratio
        yield from self._tstr(samples, seed)

    def _tstr(self, samples: Seen, seed: int) -> Iterator[tuple[str, str, str, Estimate]]:
        if self.test is None:
            return
        overall, by_class = tstr_accuracy(
            samples.images, samples.verdicts, self.test, seed=seed, device=self.device
        )
        if overall is not None:
            yield "tstr_accuracy", "", "", overall
        for class_, accuracy in by_class.items():
            yield "tstr_accuracy", class_, "", accuracy
