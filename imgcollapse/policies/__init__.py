"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, pool_size, synthetic_needed
from imgcollapse.policies.filters import Filtered, report
from imgcollapse.policies.pool_maker import PoolMaker
from imgcollapse.policies.refusing import refuse_unfit
from imgcollapse.policies.repairs import drawn_for
from imgcollapse.policies.watermark import correlate, generation_key
from imgcollapse.policy_config import remembered, takes_part

__all__ = [
    "Filtered", "PoolMaker", "compose_pool", "correlate", "drawn_for", "generation_key",
    "pool_size", "refuse_unfit", "remembered", "report", "synthetic_needed", "takes_part",
]  # fmt: skip
