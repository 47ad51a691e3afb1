"""FID and KID of images from anywhere, on the reference Inception features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from imgcollapse.errors import DataError
from imgcollapse.images import ImageSet
from imgcollapse.metrics.frechet import Moments
from imgcollapse.metrics.inception import (
    Inception,
    InceptionStatistics,
    find_weights,
    inception_scores,
)
from imgcollapse.scores import Score
from imgcollapse.seeds import random_for, some_of
from imgcollapse.study.given_images import GivenImages
from imgcollapse.study.statistics_file import num_features, read_statistics, write_statistics

GENERATED = 0
Z = 1.959964


@dataclass(frozen=True)
class MeasuredByInception:
    """Rows ``fid`` and ``kid``, and the moments of the reference with the network's short hash."""

    scores: list[Score]
    moments: Moments
    extractor: str

    def save(self, folder: Path) -> None:
        """Writes ``inception_stats.npz``, the moments of the reference."""
        write_statistics(folder / "inception_stats.npz", self.moments, self.extractor)


def load_inception(weights: Path | None, *, download: bool, device: torch.device) -> Inception:
    """The reference network; EnvironmentalError where the extra or its weights are missing."""
    return Inception.load(find_weights(weights, download=download), device)


def measure_by_inception(
    samples: GivenImages, reference: GivenImages, inception: Inception, *, seed: int
) -> MeasuredByInception:
    """Rows ``fid`` and ``kid`` against the reference.

    Of images on both sides equal numbers are compared, a seeded draw of the larger set. A
    reference of ``mu`` and ``sigma`` gives ``fid`` alone.
    """
    drawn, _ = samples.at(None)
    if num_features(reference.path) == inception.dim:
        moments, _ = read_statistics(reference.path, inception.dim, inception.extractor)
        real = InceptionStatistics(moments)
    else:
        images, _ = reference.at(None)
        num = min(len(drawn), len(images))
        drawn, images = _thinned(drawn, num, seed), _thinned(images, num, seed)
        real = inception.statistics(images.images)
    if len(drawn) < 2:
        raise DataError(f"fid needs two images or more ({samples.path})")
    ours = inception.statistics(drawn.images)
    rows = []
    for metric, (value, error) in inception_scores(inception, ours, real, seed=seed).items():
        half = None if error is None else Z * error
        rows.append(
            Score(
                generation=GENERATED,
                metric=metric,
                class_="",
                reference="initial",
                value=value,
                low=None if half is None else value - half,
                high=None if half is None else value + half,
                n=len(drawn),
                extractor=inception.extractor,
            )
        )
    return MeasuredByInception(rows, real.moments, inception.extractor)


def _thinned(images: ImageSet, num: int, seed: int) -> ImageSet:
    return images[some_of(len(images), num, random_for(seed, "inception thin"))]
