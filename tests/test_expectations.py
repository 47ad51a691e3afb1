"""Chance by exact moments: every composition of pools, its null and chains that copy images.

A share of class p has the mean p in every pool. Its variance, in units of p (1 - p), follows from
how the pools are made, step by step (``exact_variance``); the closed forms below are its oracles.
"""

from __future__ import annotations

import numpy as np
import pytest
from compositions import COMPOSITIONS, copying, maker, policy
from numpy.typing import NDArray
from scipy.stats import norm

from imgcollapse.chain import run_chain
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import ImageSet
from imgcollapse.metrics.drift import resample, spread, wright_fisher_variance
from imgcollapse.policies import remembered, synthetic_needed, takes_part
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import random_for

Array = NDArray[np.float64]

INITIAL = np.array([120, 50, 20, 7, 3])
SIZE = int(INITIAL.sum())
SHARES = INITIAL / SIZE
UNIT = SHARES * (1 - SHARES)
STEPS = 6


def exact_variance(
    chosen: PolicyConfig, size: int, released: int, steps: int, rounding: float = 0.0
) -> Array:
    """Var(share of pool t) / p (1 - p) for t = 1 ... steps, all pools being composed as declared.

    Kept are the covariances of the samples' shares. A uniform draw of n from N images with share Y
    adds E[Y (1 - Y)] (N - n) / (n (N - 1)); a stratified one adds ``rounding`` / n^2.
    """
    covariance = np.zeros((steps, steps))
    covariance[0, 0] = 1 / released if released else 0.0
    found = []

    def drawn(variance: float, num: int, total: int) -> float:
        if num >= total:
            return variance
        if chosen.subsample == "class-stratified":
            return variance + rounding / num**2
        return variance + (1 - variance) * (total - num) / (num * (total - 1))

    for t in range(1, steps + 1):
        real = size if takes_part(chosen, t) else 0
        window = remembered(chosen, range(t))
        weights = np.zeros(steps)
        weights[window] = 1 / max(len(window), 1)
        synthetic = len(window) * released
        mean = float(weights @ covariance @ weights)
        cap = {"pool": size, "none": real + synthetic}.get(str(chosen.cap), chosen.cap)
        assert isinstance(cap, int)
        if real and chosen.real_fraction is not None:
            num_real = round(chosen.real_fraction * cap)
            num = min(cap - num_real, synthetic)
            part = num / (num + num_real)
            variance = (1 - part) ** 2 * drawn(0.0, num_real, real)
            variance += part**2 * drawn(mean, num, synthetic)
        else:
            part = synthetic / (real + synthetic)
            variance = drawn(part**2 * mean, cap, real + synthetic)
        found.append(variance)
        if t < steps and released:
            covariance[t, :t] = covariance[:t, t] = part * (covariance @ weights)[:t]
            covariance[t, t] = variance + (1 - variance) / released
    return np.array(found)


def bounds(name: str) -> tuple[Array, Array]:
    """Least and largest variance of each share (T×C); rounding adds at most a quarter image^2."""
    chosen = policy(name)
    released = synthetic_needed(chosen, "pool", SIZE)
    least = exact_variance(chosen, SIZE, released, STEPS)[:, None] * UNIT
    most = [exact_variance(chosen, SIZE, released, STEPS, 0.25 / one) * one for one in UNIT]
    return least, np.stack(most, 1)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_null_has_the_exact_mean_and_variance_of_every_composition(name: str) -> None:
    """20,000 chains; level 0.1 % over all classes and pools together (Bonferroni).

    The error of a variance is that of its fourth moment.
    """
    chains = 20_000
    run = resample(
        spread(INITIAL, chains),
        policy(name),
        synthetic_needed(policy(name), "pool", SIZE),
        generations=STEPS,
        random=random_for(0, "test"),
    )
    away = np.stack([step.pool / step.pool.sum(0) for step in run]) - SHARES[:, None]
    limit = norm.isf(0.001 / 2 / (2 * STEPS * len(SHARES)))
    least, most = bounds(name)
    error = np.sqrt(np.maximum(most, 1e-18) / chains)
    assert np.abs(away.mean(2) / error).max() < limit
    squared = away**2
    error = np.maximum(squared.std(2) / np.sqrt(chains), 1e-15)
    assert ((squared.mean(2) - least) / error).min() > -limit
    assert ((squared.mean(2) - most) / error).max() < limit


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_chains_of_copies_have_the_exact_mean_and_variance(name: str) -> None:
    """150 chains of images; level 0.1 % for all means together, and for how far pools stray.

    The latter is a chain's mean over classes and pools of (share - p)^2 over its variance.
    """
    chains = 150
    labels = np.repeat(np.arange(5), INITIAL)
    real = ImageSet.of(np.zeros((SIZE, 1, 1, 1), np.uint8), labels, tuple("abcde"))
    away = np.empty((chains, STEPS, 5))
    for chain in range(chains):
        config = copying(name, chain, STEPS + 1)
        for generation in run_chain(config, real, Bootstrap(), maker=maker(config, real)):
            if generation.number:
                shares = generation.pool.counts() / len(generation.pool)
                away[chain, generation.number - 1] = shares - SHARES
    least, most = bounds(name)
    if not most.any():
        assert np.abs(away).max() < 1e-12
        return
    z = away.mean(0) / np.sqrt(most / chains)
    assert np.abs(z).max() < norm.isf(0.001 / 2 / z.size)
    strays = (away**2 / most).mean((1, 2))
    slack = norm.isf(0.001 / 2) * strays.std(ddof=1) / np.sqrt(chains)
    assert (least / most).mean() - slack < strays.mean() < 1 + slack


def variance_of(name: str, steps: int, size: int = SIZE) -> Array:
    return exact_variance(policy(name), size, size, steps)


def drift(variance: Array) -> Array:
    """What is lost of E[share (1 - share)] in each generation."""
    lost: Array = np.diff(variance) / (1 - variance[:-1])
    return lost


def test_replace_drifts_as_wright_and_fisher_say() -> None:
    exact = [float(wright_fisher_variance(np.array(0.5), SIZE, k)) / 0.25 for k in range(1, 41)]
    assert variance_of("replace", 40) == pytest.approx(exact)
    assert variance_of("replace, capped", 40)[-1] > exact[-1]


@pytest.mark.parametrize(
    ("name", "least", "limit"),
    [("accumulate", 2, np.pi**2 / 6 - 1), ("all generated", 1, np.pi**2 / 6)],
)
def test_what_is_kept_for_ever_binds_the_variance(name: str, least: int, limit: float) -> None:
    """1 - prod_j (1 - 1/(N j^2)), j from 2 with the real images and from 1 without, to t (+ 1).

    By Euler's product for the sine the limit is 1 - sin(x)/x, x = pi/sqrt(N), over 1 - 1/N with
    the real images: about (pi^2/6 - 1)/N, or pi^2/6/N without.
    """
    found = variance_of(name, 400)
    j = np.arange(least, 400 + least)
    assert found == pytest.approx(1 - np.cumprod(1 - 1 / (SIZE * j**2)))
    x = np.pi / np.sqrt(SIZE)
    bound = 1 - np.sin(x) / x / (1 - 1 / SIZE if name == "accumulate" else 1)
    assert (found < bound).all()
    assert found[-1] == pytest.approx(bound, rel=0.01)
    assert bound == pytest.approx(limit / SIZE, rel=0.01)


def test_thinning_what_is_kept_binds_it_too() -> None:
    """Per step E[Y (1 - Y)] falls by 1 - b_t / (t + 2)^2, b_t = 1 - (1 - 1/N) (1 - a_t)."""
    t = np.arange(300)
    a = t / ((t + 1) * SIZE - 1)
    b = 1 - (1 - 1 / SIZE) * (1 - a)
    left = np.concatenate([[1.0], np.cumprod(1 - b / (t + 2) ** 2)])[1:]
    later = np.append(a[1:], 300 / (301 * SIZE - 1))
    found = variance_of("accumulate-subsample", 300)
    assert found == pytest.approx(1 - left * (1 - later))
    assert found[-1] == pytest.approx((np.pi**2 / 2 - 3) / SIZE, rel=0.01)


@pytest.mark.parametrize(("name", "part"), [("mix", 0.5), ("fresh", 0.5), ("quarter real", 0.25)])
def test_mixing_in_real_images_keeps_the_variance_where_it_is(name: str, part: float) -> None:
    """V = f^2 R + (1 - f)^2 (V + (1 - V)/M), M = (1 - f) N and R that of f N real images.

    It is approached by the factor (1 - f)^2 (1 - 1/M) in each generation.
    """
    real, drawn = part * SIZE, (1 - part) * SIZE
    among = (SIZE - real) / (real * (SIZE - 1))
    factor = (1 - part) ** 2 * (1 - 1 / drawn)
    stationary = (part**2 * among + (1 - part) ** 2 / drawn) / (1 - factor)
    assert stationary == pytest.approx((1 - part**2) / (part * (2 - part)) / SIZE, rel=0.02)
    approached = stationary * (1 - factor ** np.arange(1, 31))
    assert variance_of(name, 30) == pytest.approx(approached)


def test_fresh_images_leave_chance_as_it_is_and_hoards_end_in_drift() -> None:
    for fresh, fixed in (("fresh", "mix"), ("fresh and all, capped", "accumulate-subsample")):
        assert variance_of(fresh, 20) == pytest.approx(variance_of(fixed, 20))
    hoarded = variance_of("hoarded half", 300, size=40)
    assert drift(hoarded)[2:] == pytest.approx(1 / 40)
    assert hoarded[-1] > 0.999


def test_a_window_of_more_generations_slows_the_drift() -> None:
    """By ((k + 1)/2)^2: of k (k + 1)/2 pools that samples are yet to be in, the newest are in k."""
    assert drift(variance_of("replace", 60)) == pytest.approx(1 / SIZE)
    assert drift(variance_of("last three generated", 60))[40:].mean() == pytest.approx(
        1 / (4 * SIZE), rel=0.01
    )
