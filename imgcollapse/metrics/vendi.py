"""The Vendi score: the effective number of different images in a set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.metrics.estimates import Estimate
from imgcollapse.metrics.features import finite
from imgcollapse.seeds import random_for

BLOCK = 50
NEGLIGIBLE = 1e-12


def vendi(features: NDArray[np.floating]) -> Estimate:
    """exp of the entropy of the eigenvalues of the cosine kernel over N (Friedman and Dieng 2023).

    From 1, where all images are alike, to min(N, d), through the d×d matrix that has the same
    eigenvalues. The error is that of the entropy's first-order projection. Few images have few
    different ones among them: only scores of equally many compare.
    """
    features = finite(features)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.where(lengths > 0, lengths, 1)
    directions[lengths[:, 0] == 0, 0] = 1
    values, vectors = np.linalg.eigh(directions.T @ directions / len(directions))
    kept = values > NEGLIGIBLE
    logs = np.log(values[kept])
    score = float(np.exp(-(values[kept] * logs).sum()))
    surprise = -((directions @ vectors[:, kept]) ** 2 @ logs)
    error = float(surprise.std(ddof=1) / np.sqrt(len(features))) if len(features) > 1 else 0.0
    return Estimate(score, score * error, least=1.0)


def vendi_of_class(features: NDArray[np.floating], seed: int) -> Estimate | None:
    """The mean Vendi score of seeded blocks of 50 of a class's images; None if it has fewer.

    Blocks of one size compare between classes and generations, however common the class is.
    """
    num_blocks = len(features) // BLOCK
    if not num_blocks:
        return None
    order = random_for(seed, "vendi").permutation(len(features))
    blocks = [vendi(features[part]) for part in order[: num_blocks * BLOCK].reshape(-1, BLOCK)]
    values = np.array([block.value for block in blocks])
    error = np.sqrt(sum(block.error**2 for block in blocks)) / num_blocks
    if num_blocks > 1:
        error = max(error, values.std(ddof=1) / np.sqrt(num_blocks))
    return Estimate(float(values.mean()), float(error), least=1.0)
