"""Laws of the chain on the generator that copies: drift has exact expectations."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from imgcollapse.chain import run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.errors import NumericalError
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import ImageSet

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


@pytest.mark.parametrize("preset", ["replace", "accumulate", "accumulate-subsample", "mix"])
def test_a_chain_goes_on_from_any_generation_as_if_never_stopped(preset: str) -> None:
    settings, real = config(preset, 5, 6), real_pool()
    whole = list(run_chain(settings, real, Bootstrap()))
    first = 3
    rest = run_chain(
        settings, real, Bootstrap(), first=first, past=[g.samples for g in whole[:first]]
    )
    for expected, found in zip(whole[first:], rest, strict=True):
        assert expected.number == found.number
        assert expected.pool.images.tobytes() == found.pool.images.tobytes()
        assert expected.samples.images.tobytes() == found.samples.images.tobytes()


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
