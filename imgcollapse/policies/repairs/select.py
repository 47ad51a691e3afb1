"""Keeps the best, the worst or any of the samples.

By the judge's confidence or the generator's own loss as in Qiao et al. 2026, where the top by
likelihood lost minorities and the bottom kept them; by spread as in farthest-point selection
(Gonzalez 1985).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.repairs.farthest import farthest_points
from imgcollapse.repair_config import SelectConfig
from imgcollapse.seeds import random_for


def select(config: SelectConfig, samples: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """``num`` of the samples, in the order they were drawn in; of equally good ones any."""
    random = random_for(evidence.seed, "select")
    chosen: NDArray[np.int64]
    if config.keep == "random":
        chosen = random.permutation(len(samples))[:num]
    elif config.by == "spread":
        chosen = farthest_points(evidence.look(samples.images).features, num, random)
    else:
        if config.by == "confidence":
            badness = evidence.look(samples.images).unsureness
        else:
            badness = evidence.losses(samples)
        ranked = np.lexsort((random.permutation(len(samples)), badness))
        chosen = ranked[:num] if config.keep == "top" else ranked[len(ranked) - num :]
    return samples[np.sort(chosen)]
