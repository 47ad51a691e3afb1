"""Moves samples toward real prototypes of their class (Gillman et al. 2024).

Their MNIST experiment puts the nearest of 16 k-means centres of the digit, in pixels, in the place
of each sample, which is strength 1 here. A part of the way is this lab's: their theory mixes whole
distributions instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.repair_config import ProjectConfig
from imgcollapse.seeds import seed_for


def project(config: ProjectConfig, samples: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """All samples, moved by ``strength`` of the way to the nearest prototype of their class.

    The class is the intended one, else the judge's. The prototypes are of the lab's own stock and
    the same in every generation; a class that the stock lacks stays as it is.
    """
    from sklearn.metrics import pairwise_distances_argmin

    labels = samples.labels
    if (labels == UNLABELLED).any():
        labels = evidence.look(samples.images).nearest
    moved = samples.images.copy()
    for label in np.intersect1d(labels, evidence.real.labels):
        stock = evidence.real.images[evidence.real.labels == label]
        seed = seed_for(evidence.run_seed, "prototypes", int(label))
        prototypes = _prototypes(stock, config.prototypes, seed)
        chosen = labels == label
        flat = _flat(samples.images[chosen])
        nearest = prototypes[pairwise_distances_argmin(flat, prototypes)]
        flat += config.strength * (nearest - flat)
        moved[chosen] = flat.round().reshape(-1, *samples.image_shape)
    return ImageSet(moved, samples.labels, samples.origin, samples.classes)


def _prototypes(images: NDArray[np.uint8], num: int, seed: int) -> NDArray[np.float32]:
    """K-means centres in pixels, float32 K×D in [0, 255]; as many as there are images at most."""
    from sklearn.cluster import KMeans

    means = KMeans(min(num, len(images)), random_state=seed % 2**32, n_init=1)
    centres: NDArray[np.float32] = means.fit(_flat(images)).cluster_centers_
    return centres.clip(0, 255)


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32)
