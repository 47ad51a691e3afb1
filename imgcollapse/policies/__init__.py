"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, remembered, synthetic_needed, takes_part
from imgcollapse.policies.filters import Filtered
from imgcollapse.policies.pool_maker import PoolMaker
from imgcollapse.policies.repairs import drawn_for

__all__ = [
    "Filtered", "PoolMaker", "compose_pool", "drawn_for", "remembered", "synthetic_needed",
    "takes_part",
]  # fmt: skip
