"""One chain: make the pool, fit a generator on it, draw samples, release them for later pools."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from imgcollapse.config import Config
from imgcollapse.errors import NumericalError, errors_of
from imgcollapse.generators import (
    Fit,
    Generator,
    Surroundings,
    draw_labels,
    fewest_images,
)
from imgcollapse.images import ImageSet
from imgcollapse.policies import Filtered, Made, PoolMaker, Released, Repaired, remembered
from imgcollapse.seeds import seed_for


@dataclass(frozen=True)
class Generation:
    """What one generation trained on, drew, and released for later pools."""

    number: int
    made: Made
    fit: Fit
    samples: ImageSet
    release: Released

    @property
    def pool(self) -> ImageSet:
        return self.made.images

    @property
    def filtered(self) -> Filtered | None:
        return self.made.filtered

    @property
    def released(self) -> ImageSet:
        return self.release.images

    @property
    def repaired(self) -> list[Repaired]:
        """What repairs did, to the pool first."""
        return [*self.made.repaired, *self.release.repaired]


def run_chain(
    config: Config,
    real: ImageSet,
    generator: Generator,
    *,
    maker: PoolMaker | None = None,
    first: int = 0,
    past: Sequence[ImageSet] = (),
    surroundings: Surroundings = Surroundings(),
) -> Iterator[Generation]:
    """Yields the generations of a chain from ``first`` on as they are done, all in memory.

    ``real`` is the real pool, and ``maker`` carries out the policy; it is needed where that asks
    for a judge or for fresh images. ``past`` and ``generator`` are as in ``run_generation``.
    """
    maker = maker or PoolMaker(config, real)
    for number in range(first, config.generations):
        generation = run_generation(
            config, generator, maker, number, past, surroundings=surroundings
        )
        yield generation
        past = remembered(config.policy, [*past, generation.released])


def run_generation(
    config: Config,
    generator: Generator,
    maker: PoolMaker,
    number: int,
    past: Sequence[ImageSet],
    *,
    num_scored: int = 0,
    surroundings: Surroundings = Surroundings(),
) -> Generation:
    """The next generation of a chain, with at least ``num_scored`` samples.

    ``past`` is what earlier generations released, as far back as ``remembered`` says, and with
    ``init: warm`` or ``pool: on-the-fly`` the generator is in the state of the last one. Numbers
    of a lab that starts late are its own; draws, policy, origins and errors go by those of the web.
    """
    place = number + config.starts

    def seed(purpose: str) -> int:
        return seed_for(config.chain_seed, "generation", place, purpose)

    drawn = max(maker.drawn, num_scored)
    with errors_of(f"generation {place}", NumericalError):
        made = maker.pool(place, past)
        _refuse_too_few(config, made.images)
        passes = _pools_on_the_fly(config, maker, generator, place)
        around = replace(surroundings, pool_of=passes, fits=config.generations - number)
        fit = generator.fit(made.images, seed=seed("fit"), surroundings=around)
        asked = made.images if passes is None else maker.real
        labels = draw_labels(config.generator.labels, asked, drawn, seed=seed("labels"))
        samples = generator.sample(drawn, seed=seed("sample"), labels=labels).born(place + 1)
        released = maker.release(place, samples, generator.losses)
    return Generation(number, made, fit, samples, released)


def _refuse_too_few(config: Config, pool: ImageSet) -> None:
    """NumericalError where filter and repairs left too little: nobody knows it before."""
    needed = fewest_images(config, pool.image_shape)
    if len(pool) < needed:
        raise NumericalError(
            f"{len(pool)} images are left in the pool, and generator and scores need {needed}",
            "filter less, or enlarge the pool: profile.num_max, policy.cap, sampling.num_images",
        )


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
        seed = seed_for(config.chain_seed, "generation", number - 1, "pass", pass_)
        labels = draw_labels(
            config.generator.labels, maker.real, maker.drawn, seed=seed_for(seed, "labels")
        )
        samples = last.sample(maker.drawn, seed=seed, labels=labels).born(number)
        released = maker.release(number - 1, samples, last.losses)
        return maker.pool_of_pass(number, pass_, released.images)

    return pool_of
