"""Applies a filter to an incoming pool, or its control, and counts what it did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory
from imgcollapse.errors import NumericalError
from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies.composition import joined
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters.finding import Filter, Finding
from imgcollapse.policies.filters.marks import watermark
from imgcollapse.policies.filters.oracle import oracle
from imgcollapse.policies.filters.reweight import reweight
from imgcollapse.policies.filters.simulated import simulated
from imgcollapse.policy_config import FilterConfig
from imgcollapse.seeds import random_for

FILTERS: dict[str, Filter] = {
    "oracle": oracle,
    "simulated": simulated,
    "watermark": watermark,
    "reweight": reweight,
}
READ_ORIGIN = ("oracle", "simulated")
"""What knows the truth: one is the best there could be, one draws its own errors."""


@dataclass(frozen=True)
class Filtered:
    """What a filter did to an incoming pool of N images.

    ``seen`` and ``kept`` are masks (bool N): the images that the filter met, and those that are
    left, which make up ``pool``. Its ``finding`` is on those that it met.
    """

    pool: ImageSet
    incoming: ImageSet
    seen: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    finding: Finding


def filter_pool(
    config: FilterConfig, incoming: ImageSet, evidence: Evidence, keep: Keep = in_memory
) -> Filtered:
    """Drops what the filter takes for generated; NumericalError where nothing is left.

    The images that are left lie where ``keep`` puts them. Filters get the images without origin
    and label, but for those that are defined by them.
    """
    seen = np.ones(len(incoming), bool)
    if config.trusted_real == "keep":
        seen = incoming.origin != REAL
    if not seen.any():
        nothing = Finding(np.ones(0, bool), np.zeros(0), (0.0, 0.0))
        return Filtered(incoming, incoming, seen, ~seen, nothing)
    shown = joined([(incoming, np.flatnonzero(seen))], keep)
    if config.reads not in READ_ORIGIN:
        shown = ImageSet.of(shown.images, None, shown.classes)
    finding = FILTERS[config.kind](config, shown, evidence)
    kept = np.ones(len(incoming), bool)
    kept[seen] = _any_as_many(finding.kept, evidence) if config.matched_random else finding.kept
    if not kept.any():
        hint = "use policy.real: fixed or fresh"
        if (incoming.origin == REAL).any():
            hint = "use policy.filter.trusted_real: keep"
        raise NumericalError("the filter left no image in the pool", hint)
    left = joined([(incoming, np.flatnonzero(kept))], keep)
    return Filtered(left, incoming, seen, kept, finding)


def _any_as_many(kept: NDArray[np.bool_], evidence: Evidence) -> NDArray[np.bool_]:
    return random_for(evidence.seed, "matched random").permutation(kept)
