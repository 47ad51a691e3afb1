"""A detector that errs at given rates: what one of such quality would do, whatever it looks at.

Its errors are drawn for each image of each generation by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import REAL, UNLABELLED, ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters.finding import Finding
from imgcollapse.policy_config import FilterConfig
from imgcollapse.seeds import random_for


def simulated(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    flagged = flags(config, pool, evidence)
    rates = config.true_positive_rate, false_positive_rate(config, pool)
    return Finding(~flagged, flagged.astype(np.float64), rates)


def flags(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> NDArray[np.bool_]:
    """Which images (N) the detector takes for generated."""
    is_real = pool.origin == REAL
    rates = np.where(is_real, _false_positive_rates(config, pool), config.true_positive_rate)
    return random_for(evidence.seed, "detector").random(len(pool)) < rates


def false_positive_rate(config: FilterConfig, pool: ImageSet) -> float:
    """Its mean over the real images of a pool, whose classes may differ in it."""
    rates = _false_positive_rates(config, pool)[pool.origin == REAL]
    return float(rates.mean()) if len(rates) else config.false_positive_rate


def _false_positive_rates(config: FilterConfig, pool: ImageSet) -> NDArray[np.float64]:
    by_class = [
        config.false_positives.get(name, config.false_positive_rate) for name in pool.classes
    ]
    rates = np.array([*by_class, config.false_positive_rate])
    return rates[np.where(pool.labels == UNLABELLED, len(by_class), pool.labels)]
