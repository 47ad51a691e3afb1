"""Laws of the chain on the generator that copies: drift has exact expectations."""

from __future__ import annotations

import numpy as np
import pytest
from compositions import COMPOSITIONS, copying, maker
from numpy.typing import NDArray
from scipy.stats import norm

from imgcollapse.chain import Generation, run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.splits import Splits, make_splits
from imgcollapse.errors import NumericalError
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies import PoolMaker, pool_size, remembered, synthetic_needed, takes_part
from imgcollapse.store.run_directory import counts_by_origin

POOL = 200
SHARES = np.array([0.5, 0.25, 0.15, 0.1])
CHAINS, GENERATIONS = 2000, 10


def config(preset: str, seed: int = 0, generations: int = GENERATIONS, **policy: object) -> Config:
    return parse_config(
        {
            "seed": seed,
            "generations": generations,
            "generator": {"kind": "bootstrap"},
            "policy": {"preset": preset, **policy},
        }
    )


def real_pool(num: int = POOL) -> ImageSet:
    """One pixel an image: its content is its number, so that copies can be told."""
    labels = np.repeat(np.arange(4), (SHARES * num).astype(int))
    images = np.arange(num, dtype=np.uint8).reshape(num, 1, 1, 1)
    return ImageSet.of(images, labels, ("a", "b", "c", "d"))


def shares_of_chains(preset: str, chains: int) -> NDArray[np.float64]:
    real = real_pool()
    shares = np.empty((chains, GENERATIONS, 4))
    for chain in range(chains):
        for generation in run_chain(config(preset, chain), real, Bootstrap()):
            shares[chain, generation.number] = generation.samples.counts() / POOL
    return shares


@pytest.fixture(scope="module")
def replaced() -> NDArray[np.float64]:
    return shares_of_chains("replace", CHAINS)


def wright_fisher_variance() -> NDArray[np.float64]:
    """p (1 - p) (1 - (1 - 1/N)^t): t = 1 is what generation 0 sampled."""
    t = np.arange(1, GENERATIONS + 1)[:, None]
    variance: NDArray[np.float64] = SHARES * (1 - SHARES) * (1 - (1 - 1 / POOL) ** t)
    return variance


def test_under_pure_drift_the_mean_share_stays(replaced: NDArray[np.float64]) -> None:
    """Level 1 % over all classes and generations together (Bonferroni)."""
    z = (replaced.mean(0) - SHARES) / np.sqrt(wright_fisher_variance() / CHAINS)
    assert np.abs(z).max() < norm.isf(0.01 / 2 / z.size)


def test_under_pure_drift_the_variance_is_that_of_wright_and_fisher(
    replaced: NDArray[np.float64],
) -> None:
    ratio = replaced.var(0) / wright_fisher_variance()
    assert np.abs(ratio - 1).max() < 0.12


def test_a_chain_depends_on_its_seed_alone() -> None:
    def drawn(seed: int) -> list[bytes]:
        chain = run_chain(config("replace", seed), real_pool(), Bootstrap())
        return [generation.samples.images.tobytes() for generation in chain]

    one, again, other = drawn(3), drawn(3), drawn(4)
    assert one == again
    assert one != other


def chain_of(name: str, seed: int = 5, generations: int = 6) -> list[Generation]:
    settings, real = copying(name, seed, generations), real_pool()
    return list(run_chain(settings, real, Bootstrap(), maker=maker(settings, real)))


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_chain_goes_on_from_any_generation_as_if_never_stopped(name: str) -> None:
    whole = chain_of(name)
    settings, real = copying(name, 5, 6), real_pool()
    released = [generation.released for generation in whole]
    for first in range(1, 6):
        past = remembered(settings.policy, released[:first])
        rest = run_chain(
            settings, real, Bootstrap(), maker=maker(settings, real), first=first, past=past
        )
        for expected, found in zip(whole[first:], rest, strict=True):
            assert expected.number == found.number
            assert expected.pool.images.tobytes() == found.pool.images.tobytes()
            assert expected.samples.images.tobytes() == found.samples.images.tobytes()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_pools_follow_from_the_seed_and_are_as_large_as_declared(name: str) -> None:
    settings = copying(name, 5, 6)
    released = synthetic_needed(settings.policy, "pool", POOL)
    chain, again, other = chain_of(name), chain_of(name), chain_of(name, seed=6)
    for one, same in zip(chain[1:], again[1:], strict=True):
        declared = pool_size(settings.policy, one.number, first=POOL, released=released)
        assert len(one.pool) == declared
        assert one.pool.images.tobytes() == same.pool.images.tobytes()
    if name != "real-only":
        assert chain[-1].pool.images.tobytes() != other[-1].pool.images.tobytes()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_counts_by_class_and_origin_add_up(name: str) -> None:
    """To the pool, by class and by origin, and to no more than each source gave."""
    settings, real = copying(name, 5, 6), real_pool()
    sources = {0: real}
    for generation in chain_of(name):
        pool = generation.pool
        counts = counts_by_origin(pool.origin, pool.labels, pool.classes)
        assert sum(sum(held.values()) for held in counts.values()) == len(pool)
        for label, class_ in enumerate(real.classes):
            of_class = sum(held.get(class_, 0) for held in counts.values())
            assert of_class == pool.counts()[label]
        window = remembered(settings.policy, range(1, generation.number + 1))
        for origin, held in counts.items():
            given = sources[int(origin)].counts()
            assert all(held.get(one, 0) <= num for one, num in zip("abcd", given, strict=True))
            assert int(origin) in window or (
                int(origin) == 0
                and (generation.number == 0 or takes_part(settings.policy, generation.number))
            )
        sources[generation.number + 1] = generation.released


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_no_pool_holds_an_image_of_judge_reference_or_floor(name: str) -> None:
    """Nor a real image that was neither in the first pool nor fresh in that generation."""
    settings = copying(
        name,
        5,
        4,
        data={"source": "digits", "judge_per_class": 16, "reference_per_class": 16},
        profile={"kind": "exp", "num_max": 24, "imbalance": 0.2},
    )
    splits = make_splits(settings)
    kept = {one for part in ("judge", "reference", "floor") for one in hashes(splits, part)}
    first = hashes(splits, "pool")
    earlier: set[bytes] = set(first)
    pools = PoolMaker(settings, splits.pool, fresh=splits.fresh)
    for generation in run_chain(settings, splits.pool, Bootstrap(), maker=pools):
        real = set(generation.pool[generation.pool.origin == REAL].hashes())
        assert kept.isdisjoint(generation.pool.hashes())
        if settings.policy.real == "fresh" and generation.number:
            assert real
            assert real.isdisjoint(earlier)
        else:
            assert real <= first
        earlier |= real


def hashes(splits: Splits, part: str) -> set[bytes]:
    return set(splits.parts()[part].hashes())


def test_a_numerical_error_names_its_generation() -> None:
    class Diverging(Bootstrap):
        def sample(
            self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
        ) -> ImageSet:
            if self.pool is not None and self.pool.origin.max() == 2:
                raise NumericalError("samples are not finite", "lower it")
            return super().sample(num_images, seed=seed, labels=labels)

    with pytest.raises(NumericalError, match="generation 2: samples are not") as caught:
        list(run_chain(config("replace", 1, 4), real_pool(), Diverging()))
    assert caught.value.hint == "lower it"


def test_samples_carry_the_generation_they_were_born_in() -> None:
    for generation in run_chain(config("accumulate", 1, 4), real_pool(), Bootstrap()):
        assert set(generation.samples.origin) == {generation.number + 1}
        assert set(generation.pool.origin) == set(range(generation.number + 1))
