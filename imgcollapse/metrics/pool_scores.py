"""Early warnings: scores of a pool that need no real data beyond the frozen judge."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.distances import Seen
from imgcollapse.metrics.estimates import Estimate, subsample_errors
from imgcollapse.metrics.neighbours import Manifold, duplicate_rate
from imgcollapse.metrics.vendi import vendi
from imgcollapse.seeds import random_for

MOST = 2000
"""Images among which neighbours are looked for."""
RESAMPLES = 200


def warning_scores(pool: Seen, first_pool: Seen, *, seed: int) -> Iterator[tuple[str, Estimate]]:
    """Name and value of each warning of a pool, as its images were judged.

    ``warn_entropy`` is the entropy of the verdicts in nats, rejects left out; ``warn_reject`` the
    share of rejects; ``warn_duplicates`` that of exact copies; ``warn_vendi`` the Vendi score;
    ``warn_spacing`` the median distance between nearest neighbours over that in the pool of
    generation 0, among equally many images.
    """
    rejected = pool.verdicts == UNLABELLED
    yield "warn_entropy", entropy(pool.verdicts[~rejected])
    yield "warn_reject", Estimate.share(float(rejected.mean()), len(pool))
    yield "warn_duplicates", duplicate_rate(pool.images.hashes())
    yield "warn_vendi", vendi(pool.features)
    yield "warn_spacing", spacing(pool, first_pool, seed)


def entropy(verdicts: NDArray[np.int64]) -> Estimate:
    """Entropy of class verdicts in nats; its error is that of the mean surprise."""
    if not len(verdicts):
        return Estimate(0.0, 0.0, least=0.0)
    counts = np.bincount(verdicts)
    surprise = -np.log(counts / len(verdicts), where=counts > 0, out=np.zeros(len(counts)))
    each = surprise[verdicts]
    return Estimate(float(each.mean()), float(each.std() / np.sqrt(len(each))), least=0.0)


def spacing(pool: Seen, first_pool: Seen, seed: int) -> Estimate:
    """Median distance to the nearest neighbour over that in another pool, equally many images."""
    num = min(len(pool), len(first_pool), MOST)
    random = random_for(seed, "spacing")
    ours, theirs = (
        np.sqrt(Manifold.of(seen.features[random.permutation(len(seen))[:num]], nearest=1).radii)
        for seen in (pool, first_pool)
    )
    scale = float(np.median(theirs))
    if scale == 0:
        return Estimate(0.0, 0.0, least=0.0)
    error = subsample_errors(
        lambda chosen: float(np.median(ours[chosen])) / scale,
        num,
        num // 2,
        repeats=RESAMPLES,
        random=random,
    )
    return Estimate(float(np.median(ours)) / scale, float(error), least=0.0)
