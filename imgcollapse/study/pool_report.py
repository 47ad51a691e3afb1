"""What ``pool.json`` says of a generation: its pool, how that was filtered, what was marked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.chain import Generation
from imgcollapse.config import Config
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.judge import Judge
from imgcollapse.policies import report
from imgcollapse.store.run_directory import counts_by_origin

REJECTED = "reject"
AT_ONCE = 4096
"""Images that are shown to the judge together, as many as it looks at in one go."""


def pool_report(config: Config, generation: Generation, judge: Judge) -> dict[str, Any]:
    """Its size, the loss of the training, and how many images of each origin and class it holds.

    Where ``pool`` is on the fly they are those of the first pass, and each further one has its own.
    ``judged`` counts the images without a label by the class that the judge sees.
    """
    pool, filtered, psnr = generation.pool, generation.filtered, generation.release.psnr
    found: dict[str, Any] = {
        "size": len(pool),
        "loss": generation.fit.loss,
        "pool": config.policy.pool if generation.number else "fixed",
        "counts": counts_by_origin(pool.origin, pool.labels, pool.classes),
        "judged": _judged(pool, pool.labels == UNLABELLED, judge),
    }
    if config.policy.filter is not None and filtered is not None:
        alike = config.policy.filter.reads != "watermark" or len(config.watermarks) == 1
        found["filter"] = {
            **report(config.policy.filter, filtered, rates_are_known=alike),
            "dropped_counts": _judged(filtered.incoming, ~filtered.kept, judge),
        }
    if psnr is not None:
        found["watermark"] = {
            "marked": len(psnr),
            "psnr": float(np.median(psnr)) if len(psnr) else None,
        }
    if generation.repaired:
        found["repairs"] = [one.as_dict() for one in generation.repaired]
    return found


def _judged(images: ImageSet, among: NDArray[np.bool_], judge: Judge) -> dict[str, dict[str, int]]:
    """Counts of some images by label, and of those without one by the judge's verdict."""
    labels = images.labels.copy()
    bare = np.flatnonzero(among & (labels == UNLABELLED))
    for start in range(0, len(bare), AT_ONCE):
        some = bare[start : start + AT_ONCE]
        labels[some] = judge.look(images.images[some]).classes
    return counts_by_origin(images.origin[among], labels[among], images.classes, REJECTED)
