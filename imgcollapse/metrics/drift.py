"""What chance alone does to class counts: exact Wright-Fisher resampling, without images.

Counts are class by chain (C×R, int64): draws go class by class over all chains at once. No class
that is gone comes back by rounding, and pools of up to 10^15 images are drawn exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import random_for

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

RIBBON = (0.025, 0.5, 0.975)


class Step(NamedTuple):
    """One step of resampling, C×R: ``samples`` of pool k-1, what ``union`` pool k is drawn from."""

    samples: Counts
    union: Counts
    pool: Counts


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
    samples for later pools (``policies.synthetic_needed``). Memory grows with C (R + T) only.
    """
    random = random_for(seed, "null")
    pool = spread(initial, chains)
    only_the_last_pool_counts = policy.real == "none" and policy.window == "last"
    none = np.empty((len(initial), 0))
    extinct, absent = [none], [none]
    shares, scored = [_ribbon(pool)], []
    if num_scored:
        scored.append(_ribbon(draw(random, num_scored, pool)))
    for step in resample(pool, policy, num_synthetic, generations=generations, random=random):
        gone = step.pool if only_the_last_pool_counts else step.union
        extinct.append((gone == 0).mean(1, keepdims=True))
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

    ``real`` (C×R) is pool 0. A generator without error copies its pool; ``expected`` turns the
    generation and its pool into other unnormalised shares of the samples.
    """
    pool, synthetic = real, np.zeros_like(real)
    for number in range(generations):
        weights = pool if expected is None else expected(number, pool)
        samples = draw(random, num_synthetic, weights)
        synthetic = synthetic + samples if policy.window == "all" else samples
        union = real + synthetic if policy.real == "fixed" else synthetic
        pool = _compose(random, policy, real, synthetic, union)
        yield Step(samples, union, pool)


def _compose(
    random: np.random.Generator,
    policy: PolicyConfig,
    real: Counts,
    synthetic: Counts,
    union: Counts,
) -> Counts:
    if policy.cap == "none" or policy.cap is None:
        return union
    size = int(real[:, 0].sum()) if policy.cap == "pool" else policy.cap
    if policy.real_fraction is None:
        return thin(random, union, size)
    num_real = round(policy.real_fraction * size)
    return thin(random, real, num_real) + thin(random, synthetic, size - num_real)


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


def thin(random: np.random.Generator, counts: Counts, size: int) -> Counts:
    """A uniform draw of ``size`` images without replacement, for each chain (C×R).

    The whole where there are no more. Multivariate hypergeometric, which NumPy draws below 10^9
    images only.
    """
    totals = counts.sum(0)
    if size >= totals.max():
        return counts
    return _choose(random, counts, np.minimum(size, totals))


def _choose(random: np.random.Generator, counts: Counts, num: Counts) -> Counts:
    """``num`` (R) images of each chain, uniformly without replacement.

    Each image is taken with the same probability, and then, of those taken, as many as are too
    many are put back, or of those left as many as lack are taken, in the same way: given how many
    were taken, which ones is uniform at every step. What is amiss shrinks as its square root.
    """
    totals = counts.sum(0)
    few = (num <= len(counts)) & (num**2 <= 4 * totals)
    if few.all():
        return _pick(random, counts, num)
    if few.any():
        chosen = np.empty_like(counts)
        chosen[:, few] = _pick(random, counts[:, few], num[few])
        chosen[:, ~few] = _choose(random, counts[:, ~few], num[~few])
        return chosen
    taken = random.binomial(counts, num / totals)
    excess = taken.sum(0) - num
    amiss = excess != 0
    if amiss.any():
        excess, some = excess[amiss], taken[:, amiss]
        among = np.where(excess > 0, some, counts[:, amiss] - some)
        taken[:, amiss] = some - np.sign(excess) * _choose(random, among, np.abs(excess))
    return taken


def _pick(random: np.random.Generator, counts: Counts, num: Counts) -> Counts:
    """``_choose`` for fewer images than classes: places in a row of all, until none is twice."""
    num_classes, chains = counts.shape
    order = np.arange(num.max())[:, None]
    places = np.empty((len(order), chains), np.int64)
    again = np.arange(chains)
    while len(again):
        found = random.integers(counts[:, again].sum(0), size=(len(order), len(again)))
        places[:, again] = np.where(order < num[again], found, -1 - order)
        ordered = np.sort(places[:, again], 0)
        again = again[(ordered[1:] == ordered[:-1]).any(0)]
    ends = np.cumsum(counts, 0)
    start = np.cumsum(ends[-1]) - ends[-1]
    wanted = order < num
    cell = np.searchsorted((ends + start).T.ravel(), (places + start)[wanted], side="right")
    picked = np.bincount(cell, minlength=counts.size).reshape(chains, num_classes)
    return picked.T.astype(np.int64)


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


def asymptotic_extinction(counts: Counts, generations: int) -> Array:
    """exp(-2c/k), the limit of ``branching_extinction`` for many steps and many images (C×T)."""
    extinct: Array = np.exp(-2 * np.asarray(counts)[:, None] / np.arange(1, generations + 1))
    return extinct
