"""What every policy does to a pool, and what each preset does of its own."""

from __future__ import annotations

import numpy as np
import pytest
from compositions import COMPOSITIONS, policy

from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies import (
    compose_pool,
    pool_size,
    remembered,
    synthetic_needed,
    takes_part,
)

SIZE = 60


def images(origin: int, num: int = SIZE) -> ImageSet:
    pixels = np.full((num, 1, 1, 2), origin, np.uint8)
    pixels[:, 0, 0, 1] = np.arange(num)
    return ImageSet.of(pixels, np.arange(num) % 3, ("a", "b", "c"), origin)


def pool_after(name: str, generations: int, seed: int = 1) -> ImageSet:
    past = [images(number + 1) for number in range(generations)]
    return composed(name, past, seed, generations)


def composed(name: str, past: list[ImageSet], seed: int, generation: int) -> ImageSet:
    real = images(REAL) if takes_part(policy(name), generation) else None
    return compose_pool(policy(name), real, past, size=SIZE, seed=seed)


def expected_size(name: str, generations: int) -> int:
    chosen = policy(name)
    words = {"none": 0, "last": 1, "all": generations}
    window = chosen.window if isinstance(chosen.window, int) else words[str(chosen.window)]
    synthetic = min(window, generations) * SIZE
    union = (SIZE if takes_part(chosen, generations) else 0) + synthetic
    cap = {"pool": SIZE, "none": union}.get(str(chosen.cap), chosen.cap)
    return min(union, int(cap))  # type: ignore[arg-type]


@pytest.mark.parametrize("generations", [1, 2, 5])
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_pool_has_the_size_that_its_policy_declares(name: str, generations: int) -> None:
    size = expected_size(name, generations)
    assert len(pool_after(name, generations)) == size
    assert pool_size(policy(name), generations, first=SIZE, released=SIZE) == size


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_same_seed_makes_the_same_pool(name: str) -> None:
    assert pool_after(name, 4).hashes() == pool_after(name, 4).hashes()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_no_image_is_taken_twice_and_origins_are_those_of_the_images(name: str) -> None:
    pool = pool_after(name, 4)
    assert len(set(pool.hashes())) == len(pool)
    assert (pool.images[:, 0, 0, 0] == pool.origin).all()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_window_is_all_that_a_policy_needs_of_the_past(name: str) -> None:
    past = [images(number + 1) for number in range(4)]
    kept = remembered(policy(name), past)
    whole = composed(name, past, 2, 4)
    trimmed = composed(name, kept, 2, 4)
    assert whole.hashes() == trimmed.hashes()


def test_replace_takes_the_last_generation_and_nothing_else() -> None:
    assert set(pool_after("replace", 3).origin) == {3}


def test_real_only_takes_the_real_images_and_nothing_else() -> None:
    assert pool_after("real-only", 3).hashes() == images(REAL).hashes()


def test_accumulate_keeps_everything() -> None:
    counts = np.bincount(pool_after("accumulate", 3).origin)
    assert counts.tolist() == [SIZE] * 4


def test_mix_holds_the_real_fraction_exactly() -> None:
    assert (pool_after("mix", 3).origin == REAL).sum() == SIZE // 2
    assert (pool_after("quarter real", 3).origin == REAL).sum() == SIZE // 4


def test_accumulate_subsample_draws_each_generation_alike() -> None:
    """Uniform over the union: 4 origins over 400 pools, chi-square far below its 0.1 % limit."""
    counts = np.sum(
        [
            np.bincount(pool_after("accumulate-subsample", 3, seed).origin, minlength=4)
            for seed in range(400)
        ],
        axis=0,
    )
    expected = counts.sum() / 4
    # Drawing without replacement has three quarters of the multinomial's variance.
    assert ((counts - expected) ** 2 / expected).sum() < 16.3


def test_a_stratified_draw_keeps_the_shares_of_the_union() -> None:
    """To the rounding: each class to less than one image."""
    for seed in range(20):
        past = [images(1)[:50], images(2)[:31]]
        pool = composed("stratified", past, seed, 2)
        union = images(REAL).concat(*past)
        assert len(pool) == SIZE
        assert np.abs(pool.counts() - union.counts() * SIZE / len(union)).max() < 1


def test_hoarded_real_images_are_gone_from_their_generation_on() -> None:
    parts = [(pool_after("hoarded half", t).origin == REAL).mean() for t in (1, 2, 3)]
    assert parts == [0.5, 0, 0]


@pytest.mark.parametrize(
    ("name", "needed"),
    [("replace", 60), ("accumulate", 60), ("mix", 60), ("real-only", 0)],
)
def test_a_policy_asks_for_the_samples_it_needs(name: str, needed: int) -> None:
    assert synthetic_needed(policy(name), "pool", SIZE) == needed
    assert synthetic_needed(policy(name), 10, SIZE) == (10 if needed else 0)
