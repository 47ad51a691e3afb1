"""FID and KID of images from anywhere, on the reference Inception features."""

from __future__ import annotations

from pathlib import Path

import torch

from imgcollapse.data.formats import read_images
from imgcollapse.images import ImageSet
from imgcollapse.metrics.inception import Inception, find_weights, inception_scores
from imgcollapse.scores import Score

GENERATED = 0
Z = 1.959964


def inception_rows(
    samples: Path,
    reference: Path,
    *,
    weights: Path | None,
    download: bool,
    seed: int,
    device: torch.device,
) -> list[Score]:
    """Rows ``fid`` and ``kid`` of all samples against all of the reference.

    Equally many images of both sides are compared, the first ones. EnvironmentalError where the
    extra or its weights are missing.
    """
    inception = Inception.load(find_weights(weights, download=download), device)
    drawn, real = (_images(path) for path in (samples, reference))
    num = min(len(drawn), len(real))
    ours, theirs = (inception.statistics(one.images[:num]) for one in (drawn, real))
    rows = []
    for metric, (value, error) in inception_scores(inception, ours, theirs, seed=seed).items():
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
                n=num,
                extractor=inception.extractor,
            )
        )
    return rows


def _images(path: Path) -> ImageSet:
    images, _ = read_images(path, image_size=None, how="antialias")
    return images
