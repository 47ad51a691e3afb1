"""Policies that do not fit the real images that a chain begins with."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from imgcollapse.errors import ConfigError
from imgcollapse.images import ImageSet
from imgcollapse.policies.watermark import shape_of
from imgcollapse.policies.watermark_detection import FEWEST_REAL
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.repair_config import CurateConfig


def refuse_unfit(policy: PolicyConfig, real: ImageSet) -> None:
    """ConfigError or DataError where a policy asks for what the first pool has not."""
    refuse_unknown_classes(policy, real.classes)
    reads_marks = policy.filter is not None and policy.filter.reads == "watermark"
    if reads_marks and len(real) < FEWEST_REAL:
        raise ConfigError(
            f"policy.filter is calibrated on {FEWEST_REAL} real images or more, and the first "
            f"pool holds {len(real)}",
            "enlarge the pool: profile.num_max",
        )
    if policy.watermark is not None:
        shape_of(real.images)


def refuse_unknown_classes(policy: PolicyConfig, classes: Sequence[str]) -> None:
    """ConfigError where a policy names a class that the data do not have."""
    named = [
        ("policy.filter.false_positives", name)
        for name in (policy.filter.false_positives if policy.filter else ())
    ]
    named += [
        (f"policy.repairs[{place}].favourite", repair.favourite)
        for place, repair in enumerate(policy.repairs)
        if isinstance(repair, CurateConfig) and repair.favourite is not None
    ]
    for key, name in named:
        if name not in classes:
            near = difflib.get_close_matches(name, classes, 1)
            guess = f"did you mean {near[0]}? " if near else ""
            known = ", ".join(classes)
            raise ConfigError(f"{key}: unknown class {name}", f"{guess}there are {known}")
