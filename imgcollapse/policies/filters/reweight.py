"""Keeps each image with its posterior of being real, relative to the largest.

Rejection sampling: what is kept of a pool is distributed as real images are, as far as the
detector can tell (von Neumann 1951; with a classifier for a density ratio: Azadi, Olsson, Darrell,
Goodfellow, Odena, *Discriminator rejection sampling*, ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters.finding import Finding
from imgcollapse.policies.filters.marks import marked_real, strongest, with_adoption
from imgcollapse.policies.filters.simulated import false_positive_rate, flags
from imgcollapse.policy_config import FilterConfig
from imgcollapse.seeds import random_for

Array = NDArray[np.float64]


def reweight(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    return (_by_verdict if config.detector == "simulated" else _by_z)(config, pool, evidence)


def _by_verdict(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    """By Bayes' rule, with the part that is generated estimated from how many are flagged."""
    flagged = flags(config, pool, evidence)
    found, false = config.true_positive_rate, config.false_positive_rate
    part = (flagged.mean() - false) / (found - false)
    part = float(np.clip(part, 0.5 / len(pool), 1 - 0.5 / len(pool)))

    def posterior(generated: float, real: float) -> float:
        return (1 - part) * real / ((1 - part) * real + part * generated)

    acceptance = posterior(found, false) / posterior(1 - found, 1 - false)
    dropped = 1 - acceptance
    rates = dropped * found, dropped * false_positive_rate(config, pool)
    return Finding(
        _drawn(np.where(flagged, acceptance, 1.0), evidence), flagged.astype(np.float64), rates
    )


def _by_z(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    """By the density of z among real images over that in the pool."""
    real, z = strongest(evidence.real.images, evidence), strongest(pool.images, evidence)
    acceptance = relative_density(real, z)
    marked = strongest(marked_real(evidence), evidence)
    found, false = (float(1 - acceptance(some).mean()) for some in (marked, real))
    return Finding(_drawn(acceptance(z), evidence), z, with_adoption(found, false, evidence))


def relative_density(real: Array, pool: Array) -> Callable[[Array], Array]:
    """z -> its density among real images over that in the pool, 1 where that is largest.

    The best ratio that never rises with z: isotonic regression of where a value is from
    (Robertson, Wright and Dykstra 1988). Below the median of real images z tells nothing.
    """
    from sklearn.isotonic import IsotonicRegression

    least, values = float(np.median(real)), np.concatenate([real, pool])
    part_real = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(
        values.clip(least), np.arange(len(values)) < len(real)
    )

    def odds(z: Array) -> Array:
        part: Array = part_real.predict(z.clip(least)).clip(0, 1 - 1e-9)
        return part / (1 - part)

    largest = float(odds(pool).max()) or 1.0
    return lambda z: np.minimum(1.0, odds(z) / largest)


def _drawn(acceptance: Array, evidence: Evidence) -> NDArray[np.bool_]:
    return random_for(evidence.seed, "acceptance").random(len(acceptance)) < acceptance
