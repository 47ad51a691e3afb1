"""One chain: fit a generator on the pool, draw samples, score them, make the next pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgcollapse.config import Config
from imgcollapse.errors import numerical_errors_of
from imgcollapse.generators import Fit, Generator, Surroundings, draw_labels
from imgcollapse.images import ImageSet
from imgcollapse.policies import Filtered, PoolMaker, Repaired, remembered
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for

ScoreOf = Callable[[ImageSet, ImageSet, int], list[Score]]
"""(samples, pool they come from, generation) -> scores."""


@dataclass(frozen=True)
class Generation:
    """What one generation trained on, drew, released for later pools, and was worth."""

    number: int
    pool: ImageSet
    filtered: Filtered | None
    fit: Fit
    samples: ImageSet
    released: ImageSet
    repaired: list[Repaired]
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
    surroundings: Surroundings = Surroundings(),
) -> Iterator[Generation]:
    """Yields the generations of a chain as they are done.

    ``real`` is the real pool. ``maker`` carries out the policy; it is needed where that asks for
    a judge or for fresh images. To go on from generation ``first``, give in ``past`` what earlier
    ones released (``remembered`` says how far back), and with ``init: warm`` a generator in the
    state of the last one.
    """
    maker = maker or PoolMaker(config, real)
    drawn = max(maker.drawn, config.scores.num_images if score else 0)
    for number in range(first, config.generations):

        def seed(purpose: str, number: int = number) -> int:
            return seed_for(config.seed, "generation", number, purpose)

        with numerical_errors_of(f"generation {number}"):
            pool, filtered, repaired = maker.pool(number, past)
            fit = generator.fit(pool, seed=seed("fit"), surroundings=surroundings)
            labels = draw_labels(config.generator.labels, pool, drawn, seed=seed("labels"))
            samples = generator.sample(drawn, seed=seed("sample"), labels=labels).born(number + 1)
            released, more = maker.release(number, samples, generator.losses)
            repaired += more
        scores = score(samples[: config.scores.num_images], pool, number) if score else []
        yield Generation(number, pool, filtered, fit, samples, released, repaired, scores)
        past = remembered(config.policy, [*past, released])
