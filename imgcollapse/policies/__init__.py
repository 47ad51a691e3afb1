"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, joined, pool_size, synthetic_needed
from imgcollapse.policies.filters import Filtered, report
from imgcollapse.policies.pool_maker import Made, PoolMaker, Released, changes_samples
from imgcollapse.policies.refusing import refuse_unfit, refuse_unknown_classes
from imgcollapse.policies.repairs import Repaired, drawn_for, of_samples
from imgcollapse.policies.watermark import correlate, generation_key
from imgcollapse.policy_config import remembered, takes_part

__all__ = [
    "Filtered",
    "Made",
    "PoolMaker",
    "Released",
    "Repaired",
    "changes_samples",
    "compose_pool",
    "correlate",
    "drawn_for",
    "generation_key",
    "joined",
    "of_samples",
    "pool_size",
    "refuse_unfit",
    "refuse_unknown_classes",
    "remembered",
    "report",
    "synthetic_needed",
    "takes_part",
]  # fmt: skip
