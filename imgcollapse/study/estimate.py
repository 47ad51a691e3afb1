"""What a run will cost, measured on a few steps of its own generator on random images."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from imgcollapse.config import STEPWISE, Config
from imgcollapse.data.profile import counts_by_class
from imgcollapse.data.sources import native_shape
from imgcollapse.device import pick_device, set_up
from imgcollapse.generators import Surroundings, fewest_images, make_generator
from imgcollapse.generators.noise import BLOCK_IMAGES
from imgcollapse.images import ImageSet
from imgcollapse.policies import (
    changes_samples,
    drawn_for,
    pool_size,
    refuse_unknown_classes,
    synthetic_needed,
)
from imgcollapse.study.chance import num_passes

PROBE_IMAGES = 128
PROBE_STEPS = 4
PROBE_BATCH = 16
PROBE_SECONDS = 5.0
SAMPLER_STEPS = 4


@dataclasses.dataclass(frozen=True)
class Cost:
    """Predicted on this machine for all chains together, one after the other.

    Only ``pool_images`` is of one chain. The judge and the scores are left out.
    """

    device: str
    chains: int
    pool_images: int
    training_images: int
    sampled_images: int
    training_seconds: float
    sampling_seconds: float
    disk_bytes: int

    def as_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)

    def in_words(self) -> str:
        hours = (self.training_seconds + self.sampling_seconds) / 3600
        disk = f"{self.disk_bytes / 1e6:,.0f} MB of disk"
        chains = f"{self.chains} chains, as if one after the other: " if self.chains > 1 else ""
        return (
            f"{chains}about {hours:.2g} h on {self.device} for training on "
            f"{self.training_images:,} and sampling {self.sampled_images:,} images (from a few "
            f"steps; judge and scores come on top); {disk} for the samples"
        )


def estimate(config: Config, chains: int = 1) -> Cost | None:
    """Times a short fit and one batch of samples; needs no data on disk.

    ``chains`` is how many such chains there are to be, alike but for their seeds.

    ConfigError where the pool is too small for the generator or a class is not known, as in the
    run itself. None where only the data would tell how large the pool is.
    """
    if config.profile.kind == "as-is" or config.data.source == "files":
        return None
    device = pick_device(config.device)
    set_up(device, config.deterministic)
    (channels, height, width), classes = native_shape(config.data)
    refuse_unknown_classes(config.policy, classes)
    pool = int(counts_by_class(config.profile, classes, config.seed).sum())
    num_probe = min(pool, max(PROBE_IMAGES, fewest_images(config, (channels, height, width))))
    random = np.random.default_rng(0)
    probe = random.integers(0, 256, (num_probe, channels, height, width), np.uint8)
    labels = np.arange(num_probe) % len(classes)
    images = ImageSet.of(probe, labels, classes)

    def timed(steps: int, batch: int) -> tuple[float, float]:
        """Seconds for a training image and for a sampled one."""
        few = min(SAMPLER_STEPS, config.sampling.steps)
        short = config.model_copy(
            update={
                "generator": config.generator.model_copy(update={"negative": None}),
                "training": config.training.model_copy(
                    update={"budget": "steps", "steps": steps, "batch_size": batch}
                ),
                "sampling": config.sampling.model_copy(update={"steps": few}),
            }
        )
        generator = make_generator(short, (channels, height, width), classes, device)
        started = time.perf_counter()
        fit = generator.fit(images, seed=0, surroundings=Surroundings())
        fitted = time.perf_counter()
        generator.sample(BLOCK_IMAGES, seed=0, labels=np.zeros(BLOCK_IMAGES, np.int64))
        per_sample = (time.perf_counter() - fitted) / BLOCK_IMAGES
        if config.generator.kind == "diffusion":
            per_sample *= config.sampling.steps / few
        per_second = fit.images_per_second
        return 1 / per_second if per_second else (fitted - started) / len(images), per_sample

    timed(1, PROBE_BATCH)  # warms up
    per_trained, per_sample = timed(PROBE_STEPS, PROBE_BATCH)
    batch = min(config.training.batch_size, num_probe)
    affordable = int(PROBE_SECONDS / (per_trained * batch))
    if affordable > PROBE_STEPS:
        per_trained, per_sample = timed(min(affordable, 10 * PROBE_STEPS), batch)
    for_pool = synthetic_needed(config.policy, config.sampling.num_images, pool)
    rounds = config.generations * chains
    drawn = max(drawn_for(config.policy.repairs, for_pool), config.scores.num_images) * rounds
    released = for_pool * rounds if changes_samples(config.policy) else 0
    anew = for_pool * (num_passes(config, pool) - 1) * (config.generations - 1) * chains
    sizes = [
        pool_size(config.policy, place, first=pool, released=for_pool) if place else pool
        for place in range(config.starts, config.starts + config.generations)
    ]
    trained = sum(sizes)
    if config.generator.kind in STEPWISE:
        recipe = config.training
        trained = sum(recipe.num_steps(size) * min(recipe.batch_size, size) for size in sizes)
    trained *= chains
    own, evaluations, negative = 0, 1, config.generator.negative
    if negative is not None:
        own = pool if negative.images == "pool" else negative.images
        trained += negative.steps * min(config.training.batch_size, own) * rounds
        evaluations = 2 if negative.kind == "sims" else 1
    own *= rounds
    return Cost(
        device=device.type,
        chains=chains,
        pool_images=pool,
        training_images=trained,
        sampled_images=drawn + anew + own,
        training_seconds=trained * per_trained,
        sampling_seconds=((drawn + anew) * evaluations + own) * per_sample,
        disk_bytes=(drawn + released) * channels * height * width,
    )
