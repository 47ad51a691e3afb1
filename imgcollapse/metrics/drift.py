"""What chance alone does to class counts: exact Wright-Fisher resampling, without images.

Counts are class by chain (C×R, int64): draws go class by class over all chains at once. No class
that is gone comes back by rounding, and pools of up to 10^15 images are drawn exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from imgcollapse.policy_config import (
    PolicyConfig,
    part_of_real,
    size_of_cap,
    takes_part,
    window_of,
)
from imgcollapse.seeds import random_for
from imgcollapse.thinning import Counts, thin

Array = NDArray[np.float64]

RIBBON = (0.025, 0.5, 0.975)
LARGEST_MATRIX = 2000


class Step(NamedTuple):
    """One step of resampling, C×R: ``samples`` of pool k-1, and ``pool`` k.

    ``later`` are the images from which later pools are drawn, beside what pool k gives rise to.
    """

    samples: Counts
    pool: Counts
    later: Counts


@dataclass(frozen=True)
class Null:
    """Many chains under pure resampling.

    Generation 0 is trained on the real pool, pool 0, and pool k lies k steps of resampling after
    it: with ``replace`` it holds what generation k-1 sampled. ``extinct`` (C×T) is the probability
    that by pool k = 1 … T a class is gone for good, no image of it left that this or a later pool
    could hold; ``absent`` (C×T) that pool k holds none of it. ``shares`` (C×(T+1)×3) are the
    2.5 %, 50 % and 97.5 % quantiles over chains of its share of pool k = 0 … T, and ``scored``
    those of its share of n samples drawn from that pool.
    """

    extinct: Array
    absent: Array
    shares: Array
    scored: Array | None


def simulate_null(
    initial: Counts,
    policy: PolicyConfig,
    num_synthetic: int,
    *,
    generations: int,
    chains: int,
    seed: int,
    num_scored: int | None = None,
) -> Null:
    """Statistics of ``chains`` chains over T = ``generations`` steps of resampling.

    ``initial`` (C) counts the real pool, and ``num_synthetic`` the images that a generation
    samples for later pools (``policies.synthetic_needed``). Memory grows with C (R + T) only, and
    with C R k for a window of the last k generations.
    """
    random = random_for(seed, "null")
    pool = spread(initial, chains)
    none = np.empty((len(initial), 0))
    extinct, absent = [none], [none]
    shares, scored = [_ribbon(pool)], []
    if num_scored:
        scored.append(_ribbon(draw(random, num_scored, pool)))
    for step in resample(pool, policy, num_synthetic, generations=generations, random=random):
        extinct.append((step.pool + step.later == 0).mean(1, keepdims=True))
        absent.append((step.pool == 0).mean(1, keepdims=True))
        shares.append(_ribbon(step.pool))
        if num_scored:
            scored.append(_ribbon(draw(random, num_scored, step.pool)))
    return Null(
        extinct=np.hstack(extinct),
        absent=np.hstack(absent),
        shares=np.stack(shares, 1),
        scored=np.stack(scored, 1) if num_scored else None,
    )


def spread(initial: Counts, chains: int) -> Counts:
    """The real pool of every chain (C -> C×R)."""
    return np.repeat(np.asarray(initial, np.int64)[:, None], chains, 1)


def resample(
    real: Counts,
    policy: PolicyConfig,
    num_synthetic: int,
    *,
    generations: int,
    random: np.random.Generator,
    expected: Callable[[int, Counts], NDArray[Any]] | None = None,
) -> Iterator[Step]:
    """The pools 1 … ``generations`` of each chain, as ``policies.compose_pool`` makes them.

    ``real`` (C×R) is pool 0; fresh real images have the same counts. A generator without error
    copies its pool; ``expected`` turns the generation and its pool into other unnormalised shares
    of the samples.
    """
    pool, synthetic, nothing = real, np.zeros_like(real), np.zeros_like(real)
    window = window_of(policy)
    recent: deque[Counts] = deque()
    for number in range(generations):
        weights = pool if expected is None else expected(number, pool)
        samples = draw(random, num_synthetic, weights)
        synthetic = synthetic + samples
        if window is not None:
            recent.append(samples)
            if len(recent) > window:
                synthetic = synthetic - recent.popleft()
        part = real if takes_part(policy, number + 1) else nothing
        pool = _compose(random, policy, real, part, synthetic)
        later = synthetic - recent[0] if window and len(recent) == window else synthetic
        yield Step(samples, pool, later + real if takes_part(policy, number + 2) else later)


def _compose(
    random: np.random.Generator,
    policy: PolicyConfig,
    first: Counts,
    real: Counts,
    synthetic: Counts,
) -> Counts:
    total = int(first[:, 0].sum())
    size = size_of_cap(policy, total)
    if size is None:
        return real + synthetic
    stratified = policy.subsample == "class-stratified"
    num_real = part_of_real(policy, total) if real.any() else None
    if num_real is None:
        return thin(random, real + synthetic, size, stratified=stratified)
    return thin(random, real, num_real, stratified=stratified) + thin(
        random, synthetic, size - num_real, stratified=stratified
    )


def draw(random: np.random.Generator, num: int, weights: NDArray[Any]) -> Counts:
    """Multinomial counts of ``num`` images from unnormalised shares, for each chain (C×R).

    By conditional binomials; a class's part of what is left is exactly 1 where no other follows.
    """
    later = np.cumsum(weights[::-1], 0, dtype=np.float64)[::-1]
    part = np.divide(weights, later, out=np.zeros_like(later), where=later > 0)
    drawn = np.zeros(weights.shape, np.int64)
    left = np.full(weights.shape[1:], num, np.int64)
    for label in range(len(weights)):
        drawn[label] = random.binomial(left, part[label])
        left -= drawn[label]
    return drawn


def _ribbon(counts: Counts) -> Array:
    """Quantiles over chains of each class's share (C×3)."""
    quantiles: Array = np.quantile(counts / counts.sum(0), RIBBON, axis=1).T
    return quantiles


def wright_fisher_variance(share: Array, pool_size: int, generations: int) -> Array:
    """Variance of a share after so many steps of resampling: p (1 - p) (1 - (1 - 1/N)^k)."""
    grown = -np.expm1(generations * np.log1p(-1 / pool_size))
    variance: Array = share * (1 - share) * grown
    return variance


def branching_extinction(counts: Counts, generations: int) -> Array:
    """P(extinct by step k = 1 … T) of classes of so many images in a large pool (C×T).

    Each image leaves a Poisson(1) number of copies, so that q(k+1) = exp(q(k) - 1) from q(0) = 0,
    and a class of c images dies when all of its lines do: q(k)^c. At k = 1 this is exp(-c).
    """
    line = np.zeros(generations + 1)
    for k in range(generations):
        line[k + 1] = np.exp(line[k] - 1)
    extinct: Array = line[1:] ** np.asarray(counts)[:, None].astype(np.float64)
    return extinct


def wright_fisher_extinction(counts: Counts, pool_size: int, generations: int) -> Array:
    """P(extinct by step k = 1 … T) of classes of so many of the N images of each pool (C×T).

    Exact: a class of i images has i' with probability Binomial(i'; N, i/N) after one step, so that
    q(k+1, i) = sum over i' of Binomial(i'; N, i/N) q(k, i') from q(0, i) = [i = 0]. Above 2,000
    images ``branching_extinction``, its limit, which is off by less than 0.3 k/N while k is far
    below N.
    """
    if pool_size > LARGEST_MATRIX:
        return branching_extinction(counts, generations)
    images = np.arange(pool_size + 1)
    step = binom.pmf(images, pool_size, images[:, None] / pool_size)
    gone = (images == 0).astype(np.float64)
    extinct = np.empty((len(counts), generations))
    for k in range(generations):
        gone = step @ gone
        extinct[:, k] = gone[np.asarray(counts)]
    return extinct


def asymptotic_extinction(counts: Counts, generations: int) -> Array:
    """exp(-2c/k), the limit of ``branching_extinction`` for many steps and many images (C×T)."""
    extinct: Array = np.exp(-2 * np.asarray(counts)[:, None] / np.arange(1, generations + 1))
    return extinct
