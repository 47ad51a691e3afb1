"""The null: closed forms of Wright and Fisher, and the laws of extinction."""

from __future__ import annotations

import time

import numpy as np
import pytest
from compositions import COMPOSITIONS, policy
from numpy.typing import NDArray
from scipy.stats import norm

from imgcollapse.metrics.drift import (
    asymptotic_extinction,
    branching_extinction,
    draw,
    resample,
    simulate_null,
    spread,
    wright_fisher_variance,
)
from imgcollapse.policies import synthetic_needed
from imgcollapse.seeds import random_for

INITIAL = np.array([120, 50, 20, 7, 3])
SIZE = int(INITIAL.sum())


def replaced(chains: int, steps: int, seed: int = 0) -> NDArray[np.int64]:
    """Counts of pool 1 … T under replace, T×C×R."""
    run = resample(
        spread(INITIAL, chains),
        policy("replace"),
        SIZE,
        generations=steps,
        random=random_for(seed, "test"),
    )
    return np.stack([step.pool for step in run])


def test_the_mean_share_stays_and_the_variance_is_that_of_wright_and_fisher() -> None:
    """Level 1 % over all classes and steps together (Bonferroni); variances within 6 %."""
    chains, steps = 20_000, 12
    shares = replaced(chains, steps) / SIZE
    start = INITIAL / SIZE
    variance = np.stack([wright_fisher_variance(start, SIZE, k + 1) for k in range(steps)])
    z = (shares.mean(2) - start) / np.sqrt(variance / chains)
    assert np.abs(z).max() < norm.isf(0.01 / 2 / z.size)
    assert np.abs(shares.var(2) / variance - 1).max() < 0.06


def test_extinction_is_that_of_a_branching_process_in_a_large_pool() -> None:
    """Simulated with 40,000 chains: a standard error of 0.002 at most."""
    counts = np.array([5, 10, 20, 50, 1_000_000])
    null = simulate_null(
        counts, policy("replace"), int(counts.sum()), generations=10, chains=40_000, seed=1
    )
    exact = branching_extinction(counts[:4], 10)
    assert np.abs(null.extinct[:4] - exact).max() < 0.01
    assert exact[1, 9] == pytest.approx(0.17, abs=0.01)
    assert exact[2, 9] == pytest.approx(0.032, abs=0.001)
    assert exact[:, 0] == pytest.approx(np.exp(-counts[:4]))
    assert (null.extinct[4] == 0).all()


def test_the_asymptote_is_the_limit_of_the_branching_process() -> None:
    steps = 20_000
    counts = np.array([2000, 20_000])
    exact = branching_extinction(counts, steps)[:, -1]
    assert asymptotic_extinction(counts, steps)[:, -1] == pytest.approx(exact, rel=0.01)
    assert asymptotic_extinction(np.array([10]), 10)[0, 9] == pytest.approx(np.exp(-2))


def test_median_extinction_comes_where_the_literature_puts_it() -> None:
    """5 images: 12 generations, 10: 28, 20: 56 (10,000 chains, pool of 2,000)."""
    counts = np.array([5, 10, 20, 1965])
    null = simulate_null(counts, policy("replace"), 2000, generations=70, chains=10_000, seed=2)
    medians = [int(np.argmax(row >= 0.5)) + 1 for row in null.extinct[:3]]
    assert abs(medians[0] - 12) <= 2
    assert abs(medians[1] - 28) <= 2
    assert abs(medians[2] - 56) <= 3


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_extinct_is_a_class_that_never_comes_back_and_no_other(name: str) -> None:
    """Followed chain by chain: gone is gone for good, and what is only absent may come back."""
    chosen, steps = policy(name), 15
    needed = synthetic_needed(chosen, "pool", SIZE)
    run = list(
        resample(
            spread(INITIAL, 2000), chosen, needed, generations=steps, random=random_for(3, "test")
        )
    )
    gone = np.stack([step.pool + step.later == 0 for step in run])
    absent = np.stack([step.pool == 0 for step in run])
    assert (gone[:-1] <= gone[1:]).all()
    assert (gone <= absent).all()
    only_absent = absent[:-1] & ~gone[:-1]
    if only_absent.any():
        assert (only_absent & ~absent[1:]).any()
    until = {"none": 0, "hoarded": chosen.hoarded_until}.get(str(chosen.real), steps + 2)
    assert not gone[: max(0, int(until or 0) - 2)].any()
    null = simulate_null(INITIAL, chosen, needed, generations=steps, chains=2000, seed=3)
    assert np.abs(null.extinct - gone.mean(2).T).max() < 0.06
    if chosen.real == "none" and chosen.window == "last":
        assert null.extinct[4, -1] > 0.5


def test_the_scored_interval_holds_drift_and_counting() -> None:
    """Quantiles of n scored images against the beta-binomial moments of a pool one step on."""
    null = simulate_null(
        INITIAL, policy("replace"), SIZE, generations=1, chains=50_000, seed=4, num_scored=100
    )
    assert null.scored is not None
    share = INITIAL[0] / SIZE
    first = np.sqrt(share * (1 - share) / 100)
    second = np.sqrt(share * (1 - share) * (1 - (1 - 1 / 100) * (1 - 1 / SIZE)))
    for step, spread_of in enumerate((first, second)):
        low, middle, high = null.scored[0, step]
        assert middle == pytest.approx(share, abs=0.011)
        assert (high - low) / 2 == pytest.approx(1.96 * spread_of, abs=0.011)
    assert (null.shares[:, 0] == (INITIAL / SIZE)[:, None]).all()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_ten_billion_images(name: str) -> None:
    counts = np.array([9_999_998_990, 1000, 10])
    chosen = policy(name)
    needed = synthetic_needed(chosen, "pool", 10**10)
    null = simulate_null(counts, chosen, needed, generations=6, chains=300, seed=5)
    if name == "replace":
        assert null.extinct[2, 5] == pytest.approx(branching_extinction(counts, 6)[2, 5], abs=0.05)
    final = null.shares[0, -1]
    if not isinstance(chosen.cap, int):
        assert final == pytest.approx(np.full(3, counts[0] / 1e10), rel=1e-6)


def test_a_class_that_is_gone_is_never_drawn() -> None:
    weights = spread(np.array([3, 10**10 - 5, 2, 0]), 2000)
    assert (draw(random_for(8, "test"), 10**10, weights)[3] == 0).all()
    assert (draw(random_for(8, "test"), 10**10, weights * np.exp(0.1))[3] == 0).all()


def test_samples_follow_the_expected_shares_and_pools_follow_the_samples() -> None:
    tilt = np.array([[0.2], [0.0], [-0.4], [0.1], [-2.0]])
    steps = resample(
        spread(INITIAL, 20_000),
        policy("replace"),
        10_000,
        generations=2,
        random=random_for(9, "test"),
        expected=lambda number, pool: pool * np.exp((number + 1) * tilt),
    )
    for number, step in enumerate(steps):
        expected = INITIAL * np.exp((1 + 2 * number) * tilt[:, 0])
        found = step.samples.mean(1) / 10_000
        assert found == pytest.approx(expected / expected.sum(), rel=0.02, abs=2e-6)


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["replace", "accumulate-subsample", "stratified", "last two, capped"]
)
def test_a_thousand_classes_and_chains_take_less_than_twenty_seconds(name: str) -> None:

    counts = np.maximum(1, (400 * 0.01 ** (np.arange(1000) / 999)).astype(np.int64))
    started = time.process_time()
    simulate_null(counts, policy(name), int(counts.sum()), generations=20, chains=1000, seed=0)
    assert time.process_time() - started < 20
