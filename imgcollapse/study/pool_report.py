"""What ``pool.json`` says of a generation: its pool, how that was filtered, what was marked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from imgcollapse.chain import Generation
from imgcollapse.config import Config
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.judge import Judge
from imgcollapse.policies import report
from imgcollapse.store.run_directory import counts_by_origin

REJECTED = "reject"


def pool_report(config: Config, generation: Generation, judge: Judge) -> dict[str, Any]:
    """Its size, the loss of the training, and how many images of each origin and class it holds.

    Where ``pool`` is on the fly they are those of the first pass, and each further one has its own.
    ``judged`` counts the images without a label by the class that the judge sees.
    """
    pool, filtered = generation.pool, generation.filtered
    found: dict[str, Any] = {
        "size": len(pool),
        "loss": generation.fit.loss,
        "pool": config.policy.pool if generation.number else "fixed",
        "counts": counts_by_origin(pool),
        "judged": counts_by_origin(_judged(pool[pool.labels == UNLABELLED], judge), REJECTED),
    }
    if config.policy.filter is not None and filtered is not None:
        dropped = _judged(filtered.incoming[~filtered.kept], judge)
        found["filter"] = {
            **report(config.policy.filter, filtered),
            "dropped_counts": counts_by_origin(dropped, REJECTED),
        }
    if generation.psnr is not None:
        found["watermark"] = {
            "marked": len(generation.psnr),
            "psnr": float(np.median(generation.psnr)) if len(generation.psnr) else None,
        }
    return found


def _judged(images: ImageSet, judge: Judge) -> ImageSet:
    """The images with the judge's verdicts where they have no label of their own."""
    bare = images.labels == UNLABELLED
    labels = images.labels.copy()
    if bare.any():
        labels[bare] = judge.look(images.images[bare]).classes
    return replace(images, labels=labels)
