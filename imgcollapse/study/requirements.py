"""What must hold before a run writes anything, and what should hold when it goes on."""

from __future__ import annotations

from typing import Any

from imgcollapse.config import Config
from imgcollapse.errors import ConfigError
from imgcollapse.generators import fewest_images
from imgcollapse.images import ImageSet
from imgcollapse.policies import pool_size, synthetic_needed


def refuse_small_pools(config: Config, real: ImageSet) -> None:
    """ConfigError where a pool of the chain holds too few images for its generator.

    The first two pools decide, as later ones only grow or are as large as the second, and where
    real images are hoarded the first without them.
    """
    needed = fewest_images(config, real.image_shape)
    sizes = {} if config.starts else {0: len(real)}
    keeps_axes = config.generator.kind == "diffusion" and config.generator.init == "warm"
    if not keeps_axes:
        policy = config.policy
        released = synthetic_needed(policy, config.sampling.num_images, len(real))
        for generation in {config.starts, 1, policy.hoarded_until or 1} - {0}:
            if config.starts <= generation < config.starts + config.generations:
                sizes[generation] = pool_size(
                    policy, generation, first=len(real), released=released
                )
    for generation, size in sizes.items():
        if size < needed:
            raise ConfigError(
                f"generator and scores need {needed} images, and the pool of generation "
                f"{generation} holds {size}",
                "lower generator.components or generator.first_stage.dim, or enlarge the pool: "
                "profile.num_max, policy.cap, sampling.num_images",
            )


def differences(recorded: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """What decides a run's bytes and is not as ``environment.json`` recorded it, in words."""
    before, now = (
        {key: one.get(key) for key in ("device", "threads", "cuda", "bf16")} | one["versions"]
        for one in (recorded, here)
    )
    return [
        f"{name} {now.get(name)} (was {before.get(name)})"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
