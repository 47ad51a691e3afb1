"""FID and KID of images from anywhere, on the reference Inception features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from imgcollapse.data.formats import read_images
from imgcollapse.errors import DataError
from imgcollapse.images import ImageSet
from imgcollapse.metrics.inception import (
    Inception,
    InceptionStatistics,
    find_weights,
    inception_scores,
    load_statistics,
)
from imgcollapse.scores import Score
from imgcollapse.seeds import random_for

GENERATED = 0
Z = 1.959964


def load_inception(weights: Path | None, *, download: bool, device: torch.device) -> Inception:
    """The reference network; EnvironmentalError where the extra or its weights are missing."""
    return Inception.load(find_weights(weights, download=download), device)


def holds_statistics(path: Path, inception: Inception) -> bool:
    """Whether a file has ``mu`` and ``sigma`` of as many features as the network gives."""
    if path.suffix != ".npz" or not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {"mu", "sigma"} <= set(stored.files) and stored["mu"].shape == (inception.dim,)
    except (OSError, ValueError):
        return False


def inception_rows(
    samples: Path, reference: Path, inception: Inception, *, seed: int
) -> tuple[list[Score], InceptionStatistics]:
    """Rows ``fid`` and ``kid`` against the reference, and the reference's statistics.

    Of images on both sides equal numbers are compared, a seeded draw of the larger set. A
    reference of ``mu`` and ``sigma`` gives ``fid`` alone.
    """
    drawn = _images(samples)
    if holds_statistics(reference, inception):
        real = load_statistics(reference, inception)
    else:
        images = _images(reference)
        num = min(len(drawn), len(images))
        drawn, images = _thinned(drawn, num, seed), _thinned(images, num, seed)
        real = inception.statistics(images.images)
    if len(drawn) < 2:
        raise DataError(f"fid needs two images or more ({samples})")
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
    return rows, real


def _images(path: Path) -> ImageSet:
    images, _ = read_images(path, image_size=None, how="antialias")
    return images


def _thinned(images: ImageSet, num: int, seed: int) -> ImageSet:
    if num == len(images):
        return images
    chosen = random_for(seed, "inception thin").permutation(len(images))[:num]
    return images[np.sort(chosen)]
