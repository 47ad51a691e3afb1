"""Real images that are new in every generation, for ``policy.real: fresh``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgcollapse.config import Config
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.errors import DataError
from imgcollapse.images import ImageSet
from imgcollapse.policy_config import part_of_real
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.thinning import Counts, thin


def fresh_counts(config: Config, first: Counts, generation: int) -> Counts:
    """New real images of each class (C) in a generation above 0, as ``first`` counts the pool's.

    As many, or where a part of the cap is real a draw of that part from them: what ``real: fixed``
    would leave of the first pool's images, so that class counts are alike in both.
    """
    part = part_of_real(config.policy, int(first.sum()))
    if part is None:
        return first
    random = random_for(config.seed, "generation", generation, "fresh")
    stratified = config.policy.subsample == "class-stratified"
    return thin(random, first[:, None], part, stratified=stratified)[:, 0]


@dataclass(frozen=True)
class FreshDogs:
    """Of the kennel, which has no end; ``first`` (C) counts the first pool."""

    config: Config
    first: Counts
    size: int

    def __call__(self, generation: int) -> ImageSet:
        """The new real images of a generation above 0."""
        seed = seed_for(self.config.seed, "kennel", "fresh", generation)
        counts = fresh_counts(self.config, self.first, generation)
        drawn = [
            draw_many(breed, range(int(num)), seed=seed, size=self.size)
            for breed, num in enumerate(counts)
        ]
        return ImageSet.of(np.concatenate(drawn), np.repeat(np.arange(len(BREEDS)), counts), BREEDS)


@dataclass(frozen=True)
class FreshImages:
    """Of a stock that ends: each generation takes the next images of each class in their order."""

    config: Config
    first: Counts
    stock: ImageSet

    def __call__(self, generation: int) -> ImageSet:
        """The new real images of a generation above 0."""
        start, end = self.taken[generation - 1 : generation + 1]
        queues = [np.flatnonzero(self.stock.labels == c) for c in range(len(self.first))]
        taken = [queue[one:other] for queue, one, other in zip(queues, start, end, strict=True)]
        return self.stock[np.concatenate(taken)]

    @cached_property
    def taken(self) -> Counts:
        """Images of each class that generations 1 … t have taken together (t×C, from t = 0)."""
        wanted = [
            fresh_counts(self.config, self.first, generation)
            for generation in range(1, self.config.starts + self.config.generations)
        ]
        return np.cumsum([np.zeros_like(self.first), *wanted], axis=0)

    def refuse_to_run_out(self) -> None:
        """DataError that names the first generation with too few images, and the class."""
        held = self.stock.counts()
        short = (self.taken > held).any(1)
        if not short.any():
            return
        generation = int(short.argmax())
        label = int((self.taken[generation] - held).argmax())
        left = int(held[label] - self.taken[generation - 1, label])
        raise DataError(
            f"fresh real images run out in generation {generation}: it needs "
            f"{int(self.taken[generation, label] - self.taken[generation - 1, label])} new ones of "
            f"class {self.stock.classes[label]}, {left} are left",
            f"set generations to {generation}, lower profile.num_max or policy.real_fraction, or "
            "take data.source=kennel, which has no end",
        )


def distinct_from(stock: ImageSet, others: Iterable[ImageSet]) -> ImageSet:
    """The images of a stock, without those whose content is in the others or earlier in it."""
    seen = {content for other in others for content in other.hashes()}
    new = np.zeros(len(stock), bool)
    for position, content in enumerate(stock.hashes()):
        new[position] = content not in seen
        seen.add(content)
    return stock[new]
