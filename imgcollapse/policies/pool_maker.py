"""Makes the pools of a chain, and what its generations release for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory
from imgcollapse.config import Config
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.policies.composition import compose_pool, synthetic_needed
from imgcollapse.policies.evidence import Evidence, Look, Losses
from imgcollapse.policies.filters import Filtered, filter_pool
from imgcollapse.policies.refusing import refuse_unfit
from imgcollapse.policies.repairs import drawn_for, repair_pool, repair_samples
from imgcollapse.policies.stamping import stamped
from imgcollapse.policy_config import takes_part
from imgcollapse.seeds import seed_for

FreshReal = Callable[[int], ImageSet]
"""Generation -> real images that no other generation has had, as many as it may need."""


class PoolMaker:
    """The policy of one chain at work.

    ``real`` is the first pool. ``fresh`` gives further real images where the policy asks for them,
    and ``look`` is the judge; a policy that needs one of the two is not carried out without it.
    ``keep`` says where the images of a pool are put.
    """

    def __init__(
        self,
        config: Config,
        real: ImageSet,
        *,
        fresh: FreshReal | None = None,
        look: Look | None = None,
        keep: Keep = in_memory,
    ) -> None:
        refuse_unfit(config.policy, real)
        self.policy = config.policy
        self.run_seed = config.seed
        self.real = real
        self.fresh = fresh or _missing("fresh real images")
        self.look = look or _missing("a judge")
        self.keep = keep
        self.released = synthetic_needed(self.policy, config.sampling.num_images, len(real))
        self.drawn = drawn_for(self.policy.repairs, self.released)

    @property
    def changes_samples(self) -> bool:
        """Whether what is released differs from the first of what was drawn."""
        return bool(self.policy.repairs or self.policy.watermark)

    def pool(self, generation: int, past: Sequence[ImageSet]) -> tuple[ImageSet, Filtered | None]:
        """The pool of a generation, after what ``past`` generations released.

        And what the policy's filter did, if it has one.
        """
        if generation == 0:
            return self.real, None
        evidence = self._evidence(generation, "pool", _missing("a fitted generator"))
        incoming = self._composed(generation, past, evidence.seed)
        if self.policy.filter is None:
            return repair_pool(self.policy.repairs, incoming, evidence), None
        filtered = filter_pool(self.policy.filter, incoming, evidence, self.keep)
        return repair_pool(self.policy.repairs, filtered.pool, evidence), filtered

    def pool_of_pass(self, generation: int, number: int, released: ImageSet) -> ImageSet:
        """The pool of pass ``number`` of a generation, of other samples of the last one.

        Composed like ``pool``, by other draws.
        """
        seed = seed_for(self.run_seed, "generation", generation, "pool", "pass", number)
        return self._composed(generation, [released], seed)

    def release(
        self, generation: int, samples: ImageSet, losses: Losses
    ) -> tuple[ImageSet, NDArray[np.float64] | None]:
        """What later pools get of a generation's samples: repaired, then marked.

        And the signal-to-noise ratio of each that was marked, in dB, if the policy marks any.
        """
        samples = samples[: self.drawn]
        if not self.changes_samples:
            return samples, None
        evidence = self._evidence(generation, "release", losses)
        samples = repair_samples(self.policy.repairs, samples, self.released, evidence)
        if self.policy.watermark is None:
            return samples, None
        return stamped(self.policy.watermark, samples, self.run_seed, generation)

    def _composed(self, generation: int, past: Sequence[ImageSet], seed: int) -> ImageSet:
        return compose_pool(
            self.policy,
            self._real_part(generation),
            past,
            size=len(self.real),
            seed=seed,
            strata=self._classes,
            keep=self.keep,
        )

    def _real_part(self, generation: int) -> ImageSet | None:
        if not takes_part(self.policy, generation):
            return None
        return self.fresh(generation) if self.policy.real == "fresh" else self.real

    def _classes(self, images: ImageSet) -> NDArray[np.int64]:
        if (images.labels == UNLABELLED).any():
            return self.look(images.images).classes
        return images.labels

    def _evidence(self, generation: int, purpose: str, losses: Losses) -> Evidence:
        seed = seed_for(self.run_seed, "generation", generation, purpose)
        return Evidence(
            generation, self.run_seed, seed, self.real, self.look, losses, self.policy.watermark
        )


def _missing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"the policy needs {what}")

    return refuse
