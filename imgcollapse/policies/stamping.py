"""Marks what a generation releases with the key of that generation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.watermark import generation_key, psnr_of, stamp_share
from imgcollapse.policy_config import WatermarkConfig


def stamped(
    config: WatermarkConfig, samples: ImageSet, run_seed: int, generation: int, *, seed: int
) -> tuple[ImageSet, NDArray[np.float64]]:
    """The samples with a mark on ``adoption`` of them, drawn by ``seed``.

    And the peak signal-to-noise ratio of each that was marked, in dB. The key is of the run and
    the generation, and labs of one web share it.
    """
    images, adopted = stamp_share(
        samples.images,
        generation_key(run_seed, generation),
        config.adoption,
        seed=seed,
        psnr=config.psnr,
    )
    return replace(samples, images=images), psnr_of(samples.images[adopted], images[adopted])
