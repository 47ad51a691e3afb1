"""Drops the images that carry the key of a generation: a real detector, with its false alarms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters.finding import Finding
from imgcollapse.policies.watermark import Pixels, correlate, generation_key, stamp
from imgcollapse.policies.watermark_detection import threshold_by_real_images
from imgcollapse.policy_config import FilterConfig
from imgcollapse.seeds import random_for, some_of

MOST_MARKED = 500
"""Real images that are marked to see how many marks are found."""


def watermark(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    """Calibrated on the chain's first pool, with the very keys it looks for, flips included."""
    threshold = threshold_by_real_images(
        evidence.real.images, earlier_keys(evidence), fpr=config.false_positive_rate
    ).z
    z = strongest(pool.images, evidence)
    found = float((strongest(marked_real(evidence), evidence) > threshold).mean())
    rates = with_adoption(found, config.false_positive_rate, evidence)
    return Finding(z <= threshold, z, rates, threshold)


def earlier_keys(evidence: Evidence) -> list[int]:
    """The keys of all generations so far."""
    return [generation_key(evidence.run_seed, number) for number in range(evidence.generation)]


def strongest(images: Pixels, evidence: Evidence) -> NDArray[np.float64]:
    """The z of each image (N) under the key, and on the side, that it carries most of."""
    z: NDArray[np.float64] = correlate(images, earlier_keys(evidence)).z.max((1, 2))
    return z


def marked_real(evidence: Evidence) -> Pixels:
    """Real images with the last generation's mark: what the detector is expected to find."""
    assert evidence.watermark is not None
    random = random_for(evidence.seed, "marked real")
    some = evidence.real.images[some_of(len(evidence.real), MOST_MARKED, random)]
    return stamp(some, earlier_keys(evidence)[-1], psnr=evidence.watermark.psnr)


def with_adoption(found: float, false: float, evidence: Evidence) -> tuple[float, float]:
    """Rates over generated images of which only a part is marked, and over real images."""
    assert evidence.watermark is not None
    adoption = evidence.watermark.adoption
    return adoption * found + (1 - adoption) * false, false
