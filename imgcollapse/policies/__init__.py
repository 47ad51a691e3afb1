"""Policies: what the next pool is made of."""

from imgcollapse.policies.composition import compose_pool, remembered, synthetic_needed

__all__ = ["compose_pool", "remembered", "synthetic_needed"]
