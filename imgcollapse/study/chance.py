"""What pure resampling of a config's chain would be: the null of its shares and of selection."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.policies import pool_size, synthetic_needed
from imgcollapse.policy_config import PolicyConfig


class Chance(NamedTuple):
    """Images of each class (C) in the first pool, the policy, and images drawn for later pools."""

    initial: NDArray[np.int64]
    policy: PolicyConfig
    num_synthetic: int


def chance_of(config: Config, initial: NDArray[np.int64]) -> Chance:
    """For a chain whose first pool holds ``initial`` (C) images.

    A generation whose pool is on the fly learns from as many as it makes passes: chance is that of
    one pool as large as all of them.
    """
    policy, first = config.policy, int(initial.sum())
    drawn = synthetic_needed(policy, config.sampling.num_images, first)
    passes = num_passes(config, first)
    if passes > 1 and isinstance(policy.cap, int):
        policy = policy.model_copy(update={"cap": policy.cap * passes})
    return Chance(initial * passes, policy, drawn * passes)


def num_passes(config: Config, first: int) -> int:
    """Different pools that a later generation learns from, where the first held ``first`` images.

    One where the pool is fixed, however often it is gone over.
    """
    if config.policy.pool == "fixed":
        return 1
    released = synthetic_needed(config.policy, config.sampling.num_images, first)
    size = pool_size(config.policy, 1, first=first, released=released)
    batch = min(config.training.batch_size, size)
    return max(1, round(config.training.num_steps(size) * batch / size))
