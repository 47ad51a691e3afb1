"""Repairs: what is done to samples before they are released, and to pools before training."""

from imgcollapse.policies.repairs.repairing import drawn_for, repair_pool, repair_samples

__all__ = ["drawn_for", "repair_pool", "repair_samples"]
