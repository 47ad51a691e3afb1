"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, remembered, synthetic_needed, takes_part
from imgcollapse.policies.filters import Filtered
from imgcollapse.policies.pool_maker import PoolMaker, changes_samples
from imgcollapse.policies.repairs import Repaired, drawn_for, of_samples

__all__ = [
    "Filtered", "PoolMaker", "Repaired", "changes_samples", "compose_pool", "drawn_for",
    "of_samples", "remembered", "synthetic_needed", "takes_part",
]  # fmt: skip
