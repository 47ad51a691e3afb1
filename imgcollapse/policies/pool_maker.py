"""Makes the pools of a chain, and what its generations release for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from imgcollapse.arrays import Keep, in_memory
from imgcollapse.config import Config
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.policies.composition import compose_pool, released_each, synthetic_needed
from imgcollapse.policies.evidence import Evidence, Look, Losses
from imgcollapse.policies.filters import Filtered, filter_pool
from imgcollapse.policies.refusing import refuse_unfit
from imgcollapse.policies.repairs import (
    Repaired,
    drawn_for,
    of_samples,
    repair_pool,
    repair_samples,
)
from imgcollapse.policies.stamping import stamped
from imgcollapse.policy_config import PolicyConfig, takes_part
from imgcollapse.seeds import seed_for

FreshReal = Callable[[int], ImageSet]
"""Generation -> real images that no other generation has had, as many as it may need."""


@dataclass(frozen=True)
class Made:
    """A pool, and what repairs and the filter did to it where the policy has any."""

    images: ImageSet
    repaired: Sequence[Repaired] = ()
    filtered: Filtered | None = None


@dataclass(frozen=True)
class Released:
    """What later pools get, what repairs did, and the signal-to-noise ratio (dB) of each mark."""

    images: ImageSet
    repaired: Sequence[Repaired] = ()
    psnr: NDArray[np.float64] | None = None


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
        self.run_seed, self.chain_seed = config.seed, config.chain_seed
        self.real = real
        self.fresh = fresh or _missing("fresh real images")
        self.look = look or _missing("a judge")
        self.keep = keep
        self.released = synthetic_needed(self.policy, config.sampling.num_images, len(real))
        if config.lab is not None:
            self.released = released_each(config.sampling.num_images, len(real))
        self.drawn = drawn_for(self.policy.repairs, self.released)

    def pool(self, generation: int, past: Sequence[ImageSet]) -> Made:
        """The pool of a generation, after what ``past`` generations released."""
        if generation == 0:
            return Made(self.real)
        evidence = self._evidence(generation, "pool", _missing("a fitted generator"))
        incoming, filtered = self._composed(generation, past, evidence.seed), None
        if self.policy.filter is not None:
            filtered = filter_pool(self.policy.filter, incoming, evidence, self.keep)
            incoming = filtered.pool
        return Made(*repair_pool(self.policy.repairs, incoming, evidence, self.keep), filtered)

    def pool_of_pass(self, generation: int, number: int, released: ImageSet) -> ImageSet:
        """The pool of pass ``number`` of a generation, of other samples of the last one.

        Composed like ``pool``, by other draws.
        """
        seed = seed_for(self.chain_seed, "generation", generation, "pool", "pass", number)
        return self._composed(generation, [released], seed)

    def release(self, generation: int, samples: ImageSet, losses: Losses) -> Released:
        """What later pools get of a generation's samples: repaired, then marked."""
        evidence = self._evidence(generation, "release", losses)
        images, repaired = repair_samples(
            self.policy.repairs, samples[: self.drawn], self.released, evidence
        )
        if self.policy.watermark is None:
            return Released(images, repaired)
        adopting = seed_for(self.chain_seed, "generation", generation, "adoption")
        images, psnr = stamped(
            self.policy.watermark, images, self.run_seed, generation, seed=adopting
        )
        return Released(images, repaired, psnr)

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
        seed = seed_for(self.chain_seed, "generation", generation, purpose)
        return Evidence(
            generation, self.run_seed, seed, self.real, self.look, losses, self.policy.watermark
        )


def changes_samples(policy: PolicyConfig) -> bool:
    """Whether what is released differs from the first of what was drawn."""
    return bool(of_samples(policy.repairs) or policy.watermark)


def _missing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise ValueError(f"the policy needs {what}")

    return refuse
