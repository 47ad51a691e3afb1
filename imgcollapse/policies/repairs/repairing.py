"""Applies repairs in their order, and says how many samples they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.repairs.select import select
from imgcollapse.repair_config import CurateConfig, RepairConfig, SelectConfig

SampleRepair = Callable[[Any, ImageSet, int, Evidence], ImageSet]
"""(config, samples, how many to return, evidence) -> repaired samples."""
PoolRepair = Callable[[Any, ImageSet, Evidence], ImageSet]

SAMPLE_REPAIRS: dict[str, SampleRepair] = {"select": select}
POOL_REPAIRS: dict[str, PoolRepair] = {}


def drawn_for(repairs: Sequence[RepairConfig], num: int) -> int:
    """How many samples must be drawn so that ``num`` are left after the repairs."""
    return _sizes(repairs, num)[0]


def _sizes(repairs: Sequence[RepairConfig], num: int) -> list[int]:
    """How many samples there are before each repair, and after the last."""
    sizes = [num]
    for repair in reversed(repairs):
        if isinstance(repair, SelectConfig):
            sizes.insert(0, math.ceil(sizes[0] / repair.part))
        elif isinstance(repair, CurateConfig):
            sizes.insert(0, sizes[0] * repair.candidates)
        else:
            sizes.insert(0, sizes[0])
    return sizes


def repair_samples(
    repairs: Sequence[RepairConfig], samples: ImageSet, num: int, evidence: Evidence
) -> ImageSet:
    """``num`` samples for later pools, out of ``drawn_for(repairs, num)``."""
    for repair, size in zip(repairs, _sizes(repairs, num)[1:], strict=True):
        if repair.kind in SAMPLE_REPAIRS:
            samples = SAMPLE_REPAIRS[repair.kind](repair, samples, size, evidence)
    return samples


def repair_pool(repairs: Sequence[RepairConfig], pool: ImageSet, evidence: Evidence) -> ImageSet:
    for repair in repairs:
        if repair.kind in POOL_REPAIRS:
            pool = POOL_REPAIRS[repair.kind](repair, pool, evidence)
    return pool
