"""Makes the pools of a chain, and what its generations release for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.policies.composition import compose_pool, synthetic_needed, takes_part
from imgcollapse.policies.evidence import Evidence, Look, Losses
from imgcollapse.policies.filters import Filtered, filter_pool
from imgcollapse.policies.repairs import (
    Repaired,
    drawn_for,
    of_samples,
    repair_pool,
    repair_samples,
)
from imgcollapse.policies.stamping import stamped
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import seed_for

FreshReal = Callable[[int], ImageSet]
"""Generation -> real images that no other generation has had, as many as it may need."""


class PoolMaker:
    """The policy of one chain at work.

    ``real`` is the first pool. ``fresh`` gives further real images where the policy asks for them,
    and ``look`` is the judge; a policy that needs one of the two is not carried out without it.
    """

    def __init__(
        self,
        config: Config,
        real: ImageSet,
        *,
        fresh: FreshReal | None = None,
        look: Look | None = None,
    ) -> None:
        self.policy = config.policy
        self.run_seed = config.seed
        self.real = real
        self.fresh = fresh or _missing("fresh real images")
        self.look = look or _missing("a judge")
        self.released = synthetic_needed(self.policy, config.sampling.num_images, len(real))
        self.drawn = drawn_for(self.policy.repairs, self.released)

    def pool(
        self, generation: int, past: Sequence[ImageSet]
    ) -> tuple[ImageSet, Filtered | None, list[Repaired]]:
        """The pool of a generation, after what ``past`` generations released.

        And what the policy's filter did, if it has one, and its repairs of pools.
        """
        if generation == 0:
            return self.real, None, []
        evidence = self._evidence(generation, "pool", _missing("a fitted generator"))
        incoming = compose_pool(
            self.policy,
            self._real_part(generation),
            past,
            size=len(self.real),
            seed=evidence.seed,
            strata=self._classes,
        )
        filtered = None
        if self.policy.filter is not None:
            filtered = filter_pool(self.policy.filter, incoming, evidence)
            incoming = filtered.pool
        pool, repaired = repair_pool(self.policy.repairs, incoming, evidence)
        return pool, filtered, repaired

    def release(
        self, generation: int, samples: ImageSet, losses: Losses
    ) -> tuple[ImageSet, list[Repaired]]:
        """What later pools get of a generation's samples: repaired, then marked."""
        evidence = self._evidence(generation, "release", losses)
        samples, repaired = repair_samples(
            self.policy.repairs, samples[: self.drawn], self.released, evidence
        )
        return stamped(self.policy.watermark, samples, self.run_seed, generation), repaired

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
        return Evidence(generation, self.run_seed, seed, self.real, self.look, losses)


def changes_samples(policy: PolicyConfig) -> bool:
    """Whether what is released differs from the first of what was drawn."""
    return bool(of_samples(policy.repairs) or policy.watermark)


def _missing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"the policy needs {what}")

    return refuse
