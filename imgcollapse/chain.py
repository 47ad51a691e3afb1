"""One chain: fit a generator on the pool, draw samples, score them, make the next pool."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.errors import numerical_errors_of
from imgcollapse.generators import Fit, Generator, Surroundings, draw_labels
from imgcollapse.images import ImageSet
from imgcollapse.policies import Filtered, PoolMaker, remembered
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for

Recall = Callable[[int], ImageSet]
"""Generation that is done -> what it drew for later pools."""

ScoreOf = Callable[[ImageSet, ImageSet, int], list[Score]]
"""(samples, pool they come from, generation) -> scores."""


@dataclass(frozen=True)
class Generation:
    """What one generation trained on, drew, released for later pools, and was worth.

    ``psnr`` is the signal-to-noise ratio of each released image that was marked, in dB.
    """

    number: int
    pool: ImageSet
    filtered: Filtered | None
    fit: Fit
    samples: ImageSet
    released: ImageSet
    psnr: NDArray[np.float64] | None
    scores: list[Score]


def run_chain(
    config: Config,
    real: ImageSet,
    generator: Generator,
    *,
    maker: PoolMaker | None = None,
    first: int = 0,
    past: Sequence[ImageSet] = (),
    score: ScoreOf | None = None,
    recall: Recall | None = None,
    surroundings: Surroundings = Surroundings(),
) -> Iterator[Generation]:
    """Yields the generations of a chain as they are done.

    ``real`` is the real pool. ``maker`` carries out the policy; it is needed where that asks for
    a judge or for fresh images. To go on from generation ``first``, give in ``past`` what earlier
    ones released (``remembered`` says how far back), and with ``init: warm`` or
    ``pool: on-the-fly`` a generator in the state of the last one. ``recall`` is asked for what a
    generation that was yielded released; without it that stays in memory.
    """
    maker = maker or PoolMaker(config, real)
    drawn = max(maker.drawn, config.scores.num_images if score else 0)
    for number in range(first, config.generations):

        def seed(purpose: str, number: int = number) -> int:
            return seed_for(config.seed, "generation", number, purpose)

        with numerical_errors_of(f"generation {number}"):
            pool, filtered = maker.pool(number, past)
            passes = _pools_on_the_fly(config, maker, generator, number)
            around = replace(surroundings, pool_of=passes)
            fit = generator.fit(pool, seed=seed("fit"), surroundings=around)
            asked = real if config.policy.pool == "on-the-fly" else pool
            labels = draw_labels(config.generator.labels, asked, drawn, seed=seed("labels"))
            samples = generator.sample(drawn, seed=seed("sample"), labels=labels).born(number + 1)
            released, psnr = maker.release(number, samples, generator.losses)
        scores = score(samples[: config.scores.num_images], pool, number) if score else []
        yield Generation(number, pool, filtered, fit, samples, released, psnr, scores)
        last = recall(number) if recall else released
        past = remembered(config.policy, [*past, last])


def _pools_on_the_fly(
    config: Config, maker: PoolMaker, generator: Generator, number: int
) -> Callable[[int], ImageSet] | None:
    """What later passes of a generation train on: samples that the last one draws anew.

    None where the pool is fixed. Classes are asked for as the first pool holds them: of pools
    without end, so do all.
    """
    if config.policy.pool == "fixed" or number == 0:
        return None
    last = copy.deepcopy(generator)

    def pool_of(pass_: int) -> ImageSet:
        seed = seed_for(config.seed, "generation", number - 1, "pass", pass_)
        labels = draw_labels(
            config.generator.labels, maker.real, maker.drawn, seed=seed_for(seed, "labels")
        )
        samples = last.sample(maker.drawn, seed=seed, labels=labels).born(number)
        released, _ = maker.release(number - 1, samples, last.losses)
        return maker.pool_of_pass(number, pass_, released)

    return pool_of
