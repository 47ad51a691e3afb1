"""What of a config is left to chance: what the null resamples, and where selection is blind."""

from __future__ import annotations

from dataclasses import dataclass

from imgcollapse.config import Config
from imgcollapse.policies import pool_size, synthetic_needed
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.thinning import Counts


@dataclass(frozen=True)
class Resampling:
    """The counts of the real pool (C), the policy, and how many images a generation samples."""

    initial: Counts
    policy: PolicyConfig
    num_synthetic: int


def resampling_of(config: Config, counts: Counts) -> Resampling:
    """What chance alone resamples in a chain whose first pool has these class counts.

    The composition of the policy; its filter, repairs and watermark have no part in it. Samples
    that are drawn anew for every pass over the pool are as many images as the passes show
    together, so that all sizes are that many times as large.
    """
    policy, first = config.policy, int(counts.sum())
    num_synthetic = synthetic_needed(policy, config.sampling.num_images, first)
    if policy.pool == "fixed":
        return Resampling(counts, policy, num_synthetic)
    passes = num_passes(config, first)
    if isinstance(policy.cap, int):
        policy = policy.model_copy(update={"cap": policy.cap * passes})
    return Resampling(counts * passes, policy, num_synthetic * passes)


def resampling_of_first(counts: Counts) -> Resampling:
    """What generation 0 resamples: the real pool, whatever policy makes later ones.

    Of a chain that has no more yet, so that arms which begin alike say the same of their beginning.
    """
    return Resampling(counts, PolicyConfig(preset="replace"), int(counts.sum()))


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


def shares_are_asked_for(config: Config) -> bool:
    """Whether class shares are an input: equal, or in every generation those of the first pool."""
    labels = config.generator.labels
    return labels == "balanced" or (labels != "none" and config.policy.pool == "on-the-fly")


def why_no_selection(config: Config) -> str | None:
    """Why selection and crowding cannot be estimated, in words; None where they can."""
    if shares_are_asked_for(config):
        return f"shares are asked for here, labels: {config.generator.labels}, and not an outcome"
    if config.lab is not None:
        return "the pools hold what other labs released, beside the lab's own samples"
    if config.policy.filter is not None or config.policy.repairs:
        return "policy.filter and repairs change what later pools get, beside chance and selection"
    return None
