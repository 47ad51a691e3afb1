"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, pool_size, synthetic_needed
from imgcollapse.policies.filters import Filtered
from imgcollapse.policies.pool_maker import PoolMaker
from imgcollapse.policies.repairs import drawn_for
from imgcollapse.policy_config import remembered, takes_part

__all__ = [
    "Filtered", "PoolMaker", "compose_pool", "drawn_for", "pool_size", "remembered",
    "synthetic_needed", "takes_part",
]  # fmt: skip
