"""Every way to compose a pool, by name: the laws over policies run over this list."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.fresh import fresh_counts
from imgcollapse.images import ImageSet
from imgcollapse.policies import PoolMaker
from imgcollapse.policy_config import PRESETS, PolicyConfig
from imgcollapse.seeds import random_for

COMPOSITIONS: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in PRESETS},
    "quarter real": {"preset": "mix", "real_fraction": 0.25},
    "mix of all": {"preset": "mix", "window": "all"},
    "capped at 40": {"preset": "accumulate", "cap": 40},
    "replace, capped": {"preset": "replace", "cap": 25},
    "all generated": {"preset": "replace", "window": "all"},
    "all generated, capped": {"preset": "replace", "window": "all", "cap": "pool"},
    "real and last two": {"preset": "accumulate", "window": 2},
    "last three generated": {"preset": "replace", "window": 3},
    "last two, capped": {"preset": "accumulate-subsample", "window": 2},
    "fresh": {"preset": "mix", "real": "fresh"},
    "fresh and all": {"preset": "accumulate", "real": "fresh"},
    "fresh and all, capped": {"preset": "accumulate-subsample", "real": "fresh"},
    "fresh real only": {"preset": "real-only", "real": "fresh"},
    "hoarded": {"preset": "accumulate", "real": "hoarded", "hoarded_until": 3},
    "hoarded half": {"preset": "mix", "real": "hoarded", "hoarded_until": 2},
    "hoarded, last two": {
        "preset": "accumulate-subsample", "real": "hoarded", "hoarded_until": 2, "window": 2,
    },
    "stratified": {"preset": "accumulate-subsample", "subsample": "class-stratified"},
    "stratified quarter": {
        "preset": "mix", "real_fraction": 0.25, "window": "all", "subsample": "class-stratified",
    },
    "stratified fresh": {"preset": "mix", "real": "fresh", "subsample": "class-stratified"},
}  # fmt: skip


def policy(name: str) -> PolicyConfig:
    return PolicyConfig.model_validate(COMPOSITIONS[name])


def copying(name: str, seed: int, generations: int, **sections: Any) -> Config:
    """A chain of the generator that copies, under a composition."""
    return parse_config(
        {
            "seed": seed,
            "generations": generations,
            "generator": {"kind": "bootstrap"},
            "policy": COMPOSITIONS[name],
            **sections,
        }
    )


def maker(config: Config, real: ImageSet) -> PoolMaker:
    """Makes the pools of a chain; fresh images are noise."""

    def fresh(generation: int) -> ImageSet:
        counts = fresh_counts(config, real.counts(), generation)
        shape = (int(counts.sum()), *real.image_shape)
        labels = np.repeat(np.arange(len(counts)), counts)
        noise = random_for(config.seed, "noise", generation).integers(0, 256, shape, np.uint8)
        return ImageSet.of(noise, labels, real.classes)

    return PoolMaker(config, real, fresh=fresh)
