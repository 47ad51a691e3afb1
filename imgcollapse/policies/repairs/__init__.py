"""Repairs: what is done to samples before they are released, and to pools before training."""

from imgcollapse.policies.repairs.repairing import (
    Repaired,
    drawn_for,
    of_samples,
    repair_pool,
    repair_samples,
)

__all__ = ["Repaired", "drawn_for", "of_samples", "repair_pool", "repair_samples"]
