"""Marks what a generation releases with the key of that generation."""

from __future__ import annotations

from imgcollapse.images import ImageSet
from imgcollapse.policy_config import WatermarkConfig


def stamped(
    config: WatermarkConfig | None, samples: ImageSet, run_seed: int, generation: int
) -> ImageSet:
    """The samples with a mark on ``adoption`` of them; as they are without a watermark."""
    if config is None:
        return samples
    raise NotImplementedError
