"""Applies repairs in their order, counts what each did, and says how many samples they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.policies.evidence import Evidence, Look, Verdicts
from imgcollapse.policies.repairs.curate import curate
from imgcollapse.policies.repairs.project import project
from imgcollapse.policies.repairs.rebalance import rebalance
from imgcollapse.policies.repairs.relabel import relabel
from imgcollapse.policies.repairs.select import select
from imgcollapse.repair_config import CurateConfig, RepairConfig, SelectConfig
from imgcollapse.seeds import seed_for

Repair = Callable[[Any, ImageSet, int, Evidence], ImageSet]
"""(config, images, how many to return, evidence) -> repaired images."""

SAMPLE_REPAIRS: dict[str, Repair] = {
    "select": select,
    "curate": curate,
    "project": project,
    "relabel": relabel,
}
POOL_REPAIRS: dict[str, Repair] = {"rebalance": rebalance}
ROUNDING = 1e-9


@dataclass(frozen=True)
class Repaired:
    """How many images a repair saw and left, and what the judge saw in them.

    ``before`` and ``after`` count them by the nearest class, the rejects among them once more.
    """

    kind: str
    seen: int
    kept: int
    before: dict[str, int]
    after: dict[str, int]
    rejects_before: int
    rejects_after: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def of_samples(repairs: Sequence[RepairConfig]) -> tuple[RepairConfig, ...]:
    """Those of the repairs that change what is released, and not only the pools made of it."""
    return tuple(repair for repair in repairs if repair.kind in SAMPLE_REPAIRS)


def drawn_for(repairs: Sequence[RepairConfig], num: int) -> int:
    """How many samples must be drawn so that ``num`` are left after the repairs."""
    return _sizes(repairs, num)[0]


def _sizes(repairs: Sequence[RepairConfig], num: int) -> list[int]:
    """How many samples there are before each repair, and after the last."""
    sizes = [num]
    for repair in reversed(repairs):
        if isinstance(repair, SelectConfig):
            sizes.insert(0, math.ceil(sizes[0] / repair.part - ROUNDING))
        elif isinstance(repair, CurateConfig):
            sizes.insert(0, sizes[0] * repair.candidates)
        else:
            sizes.insert(0, sizes[0])
    return sizes


def repair_samples(
    repairs: Sequence[RepairConfig], samples: ImageSet, num: int, evidence: Evidence
) -> tuple[ImageSet, list[Repaired]]:
    """``num`` samples for later pools, out of ``drawn_for(repairs, num)``, and what was done."""
    return _repaired(SAMPLE_REPAIRS, repairs, samples, _sizes(repairs, num)[1:], evidence)


def repair_pool(
    repairs: Sequence[RepairConfig], pool: ImageSet, evidence: Evidence
) -> tuple[ImageSet, list[Repaired]]:
    """A pool of the same size, and what was done."""
    return _repaired(POOL_REPAIRS, repairs, pool, [len(pool)] * len(repairs), evidence)


def _repaired(
    table: Mapping[str, Repair],
    repairs: Sequence[RepairConfig],
    images: ImageSet,
    sizes: Sequence[int],
    evidence: Evidence,
) -> tuple[ImageSet, list[Repaired]]:
    look = _remembering(evidence.look)
    done = []
    for place, (repair, size) in enumerate(zip(repairs, sizes, strict=True)):
        if repair.kind in table:
            seed = seed_for(evidence.seed, "repair", place)
            own = replace(evidence, seed=seed, look=look)
            before, images = images, table[repair.kind](repair, images, size, own)
            done.append(_compared(repair.kind, before, images, look))
    return images, done


def _compared(kind: str, before: ImageSet, after: ImageSet, look: Look) -> Repaired:
    first, second = look(before.images), look(after.images)
    return Repaired(
        kind,
        len(before),
        len(after),
        _counts(first, before.classes),
        _counts(second, before.classes),
        int((first.classes == UNLABELLED).sum()),
        int((second.classes == UNLABELLED).sum()),
    )


def _counts(verdicts: Verdicts, classes: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(verdicts.nearest, minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts, strict=True) if count}


def _remembering(look: Look) -> Look:
    """Looks once at images that are shown several times in a row."""
    shown: list[tuple[NDArray[np.uint8], Verdicts]] = []

    def looked(images: NDArray[np.uint8]) -> Verdicts:
        if not shown or shown[0][0] is not images:
            shown[:] = [(images, look(images))]
        return shown[0][1]

    return looked
