"""Curation to a preference (Ferbach, Bertrand, Bose and Gidel 2024).

Of K samples x_1 ... x_K one is released, x_k with probability exp r(x_k) / sum_j exp r(x_j), the
choice model of Bradley and Terry (1952) for K = 2 and of Luce (1959) for more. As in their
experiments, r is a multiple of a classifier's probability of one class, or of its likeliest one.
"""

from __future__ import annotations

import numpy as np

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.repair_config import CurateConfig
from imgcollapse.seeds import random_for


def curate(config: CurateConfig, samples: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """``num`` of the samples, each the choice out of ``candidates``, in the order they had.

    The groups are random: labels may be intended in turn.
    """
    probabilities = evidence.look(samples.images).probabilities
    if config.favourite is None:
        reward = probabilities.max(1)
    else:
        reward = probabilities[:, samples.classes.index(config.favourite)]
    random = random_for(evidence.seed, "curate")
    groups = random.permutation(len(samples))[: num * config.candidates].reshape(num, -1)
    noise = random.gumbel(size=groups.shape)  # its largest sum with r is drawn by exp r (Gumbel)
    best = (config.strength * reward[groups] + noise).argmax(1)
    return samples[np.sort(groups[np.arange(num), best])]
