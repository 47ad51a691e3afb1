"""One chain: fit a generator on the pool, draw samples, score them, make the next pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgcollapse.config import Config
from imgcollapse.errors import numerical_errors_of
from imgcollapse.generators import Fit, Generator, Surroundings, draw_labels
from imgcollapse.images import ImageSet
from imgcollapse.policies import compose_pool, remembered, synthetic_needed
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for

Recall = Callable[[int], ImageSet]
"""Generation that is done -> what it drew for later pools."""

ScoreOf = Callable[[ImageSet, ImageSet, int], list[Score]]
"""(samples, pool they come from, generation) -> scores."""


@dataclass(frozen=True)
class Generation:
    """What one generation trained on, drew, and was worth."""

    number: int
    pool: ImageSet
    fit: Fit
    samples: ImageSet
    scores: list[Score]


def run_chain(
    config: Config,
    real: ImageSet,
    generator: Generator,
    *,
    first: int = 0,
    past: Sequence[ImageSet] = (),
    score: ScoreOf | None = None,
    recall: Recall | None = None,
    surroundings: Surroundings = Surroundings(),
) -> Iterator[Generation]:
    """Yields the generations of a chain as they are done.

    ``real`` is the real pool. To go on from generation ``first``, give in ``past`` what earlier
    ones drew for later pools (``remembered`` says how far back), and with ``init: warm`` a
    generator in the state of the last one. ``recall`` is asked for the samples of a generation that
    was yielded; without it they stay in memory.
    """
    for_pool = synthetic_needed(config.policy, config.sampling.num_images, len(real))
    drawn = max(for_pool, config.scores.num_images if score else 0)
    for number in range(first, config.generations):

        def seed(purpose: str, number: int = number) -> int:
            return seed_for(config.seed, "generation", number, purpose)

        pool = real
        if number:
            keep = surroundings.keep
            pool = compose_pool(config.policy, real, past, seed=seed("pool"), keep=keep)
        with numerical_errors_of(f"generation {number}"):
            fit = generator.fit(pool, seed=seed("fit"), surroundings=surroundings)
            labels = draw_labels(config.generator.labels, pool, drawn, seed=seed("labels"))
            samples = generator.sample(drawn, seed=seed("sample"), labels=labels).born(number + 1)
        scores = score(samples[: config.scores.num_images], pool, number) if score else []
        yield Generation(number, pool, fit, samples, scores)
        last = recall(number) if recall else samples[:for_pool]
        past = remembered(config.policy, [*past, last])
