"""Knows which images are generated and drops them all: the best that any detector could do."""

from __future__ import annotations

from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters.finding import Finding
from imgcollapse.policy_config import FilterConfig


def oracle(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
    is_real = pool.origin == REAL
    return Finding(is_real, 1.0 - is_real, (1.0, 0.0))
