"""How far each generation's verdicts moved from what its pool leads one to expect.

A generator with selection coefficients s turns the shares q of its pool into sample shares
proportional to q exp(s). The pool is known as far as its images were scored: its expected shares
are filtered from generation to generation, and each generation's verdicts count by how far chance
(the draw of the pool) and counting (the draw of the scored images) let them stray. Where all
images of the pool are scored by a perfect judge this is the multinomial likelihood itself.

Counts are class by chain (C×R), the last class of verdicts being the rejects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import NDArray

from imgcollapse.metrics.drift import Array, draw, resample, spread
from imgcollapse.policy_config import (
    PolicyConfig,
    part_of_real,
    remembered,
    size_of_cap,
    takes_part,
    window_of,
)
from imgcollapse.thinning import Counts, thin


@dataclass(frozen=True)
class Experiment:
    """What is known of chains beforehand.

    ``initial`` (C) counts the real images of the classes that the pool began with, ``num_scored``
    (T) the images scored each generation, and ``num_synthetic`` those sampled for later pools, of
    which the scored ones are the first (or the other way round, if more are scored).
    ``confusion`` (C×V) holds P(verdict | true class), rejects last.
    """

    initial: Counts
    policy: PolicyConfig
    num_synthetic: int
    num_scored: Counts
    confusion: Array

    @cached_property
    def log_share(self) -> Array:
        """log of each class's initial share (C) less their mean: what crowding multiplies."""
        shares = self.initial / self.initial.sum()
        logs: Array = np.log(shares)
        centred: Array = logs - (shares * logs).sum()
        return centred

    @cached_property
    def acceptance(self) -> Array:
        """P(not rejected | true class), C×1."""
        rates: Array = self.confusion[:, :-1].sum(1, keepdims=True)
        return rates

    @cached_property
    def known(self) -> NDArray[np.int64] | None:
        """The verdict on each class (C) where the judge makes no mistake, otherwise None."""
        return self.confusion.argmax(1) if self.confusion.max(1).min() == 1 else None


@dataclass(frozen=True)
class Increments:
    """Weighted sums over generations (C×R): the class counts observed and those expected.

    ``information`` is about s of each class alone, ``crowding`` (R) about a slope on the log
    initial share, and ``bearing`` (T×R) is the part of the images that shows a class at all.
    """

    observed: Array
    expected: Array
    information: Array
    crowding: Array
    bearing: Array


@dataclass(frozen=True)
class _Known:
    """Expected class shares (C×R) of some images, and per chain how well they are known.

    ``amount`` (R) images that show a class among ``total``; ``variance`` of a share p in units of
    p (1 - p); ``response`` is how the log shares answer to s.
    """

    share: Array
    amount: Array
    total: Array
    variance: Array
    response: Array


def increments(experiment: Experiment, tilt: Array, verdicts: Counts) -> Increments:
    """The increments of chains (verdicts T×V×R) under selection coefficients ``tilt`` (C×R)."""
    chains = verdicts.shape[2]
    zeros = np.zeros(chains)
    start = spread(experiment.initial, chains) / experiment.initial.sum()
    size = np.full(chains, float(experiment.initial.sum()))
    pool = real = _Known(start, size, size, zeros, zeros)
    synthetic: list[_Known] = []
    rates = experiment.confusion[:, :-1] / experiment.acceptance
    favour, logs = np.exp(tilt), experiment.log_share[:, None]
    observed, expected, information = (np.zeros_like(start) for _ in range(3))
    crowding, bearing = zeros.copy(), []
    for number, seen in enumerate(verdicts):
        counted = seen[:-1].sum(0)
        recognised = np.maximum(counted, 1e-9)
        chance = pool.share * favour
        chance /= chance.sum(0)
        accepted = chance * experiment.acceptance
        rate = accepted.sum(0)
        accepted /= rate
        if experiment.known is not None:
            found = seen[experiment.known] / recognised
        else:
            outcomes = np.maximum(rates.T @ accepted, 1e-300)
            found = accepted * (rates @ (seen[:-1] / outcomes)) / recognised
        found = np.where(counted > 0, found, accepted)
        precision = 1 / (pool.variance + 1 / recognised)
        response = 1 + pool.response
        observed += response * precision * found
        expected += response * precision * accepted
        weight = response**2 * precision
        information += weight * accepted * (1 - accepted)
        mean = (accepted * logs).sum(0)
        crowding += weight * ((accepted * logs**2).sum(0) - mean**2)
        bearing.append(np.minimum(1.0, recognised / seen.sum(0) / rate))

        inferred = found / experiment.acceptance
        inferred /= inferred.sum(0)
        drawn = _samples(experiment, pool, chance, inferred, recognised, bearing[-1])
        synthetic = remembered(experiment.policy, [*synthetic, drawn])
        if window_of(experiment.policy) is None:
            synthetic = [reduce(_join, synthetic)]
        part = real if takes_part(experiment.policy, number + 1) else None
        pool = _pool(experiment.policy, real, part, synthetic)
    return Increments(observed, expected, information, crowding, np.stack(bearing))


def _samples(
    experiment: Experiment,
    pool: _Known,
    chance: Array,
    inferred: Array,
    recognised: Array,
    bearing: Array,
) -> _Known:
    """What the scored part of the images sampled for later pools says of all of them."""
    total = np.full(len(bearing), float(experiment.num_synthetic))
    amount = np.maximum(total * bearing, 1e-9)
    part = np.minimum(1.0, recognised / amount)
    gain = pool.variance / (pool.variance + 1 / recognised)
    believed = chance + gain * (inferred - chance)
    unseen = (1 - part) ** 2 * pool.variance * (1 - gain) + (1 - part) / amount
    surplus = np.maximum(0.0, 1 / amount - 1 / recognised)
    return _Known(
        share=part * inferred + (1 - part) * believed,
        amount=amount,
        total=total,
        variance=np.where(part < 1, unseen, surplus),
        response=(1 - part) * (1 - gain) * (1 + pool.response),
    )


def _join(one: _Known, other: _Known) -> _Known:
    amount = one.amount + other.amount
    part = other.amount / amount
    return _Known(
        share=(1 - part) * one.share + part * other.share,
        amount=amount,
        total=one.total + other.total,
        variance=(1 - part) ** 2 * one.variance + part**2 * other.variance,
        response=(1 - part) * one.response + part * other.response,
    )


def _pool(
    policy: PolicyConfig, first: _Known, real: _Known | None, synthetic: list[_Known]
) -> _Known:
    """The pool that ``policies.compose_pool`` makes, as far as it is known."""
    total = int(first.total[0])
    size, num_real = size_of_cap(policy, total), part_of_real(policy, total)

    def thinned(images: _Known, size: int) -> _Known:
        """A draw of ``size`` images: the same shares, where it is uniform less well known."""
        kept = np.minimum(1.0, size / np.maximum(images.total, 1e-9))
        amount = np.maximum(images.amount * kept, 1e-9)
        lost = np.where(kept < 1, (1 - kept) / amount, 0.0)
        if policy.subsample == "class-stratified":
            lost = np.zeros_like(lost)
        return _Known(
            images.share, amount, images.total * kept, images.variance + lost, images.response
        )

    sources = [*([] if real is None else [real]), *synthetic]
    if size is None:
        return reduce(_join, sources)
    if num_real is None or real is None:
        return thinned(reduce(_join, sources), size)
    return _join(thinned(real, num_real), thinned(reduce(_join, synthetic), size - num_real))


def simulate_verdicts(
    experiment: Experiment,
    tilt: Array,
    bearing: Array,
    random: np.random.Generator,
    judges: Array | None = None,
) -> Counts:
    """Verdicts (T×V×R) of chains with coefficients ``tilt`` (C×R), exactly as they arise.

    ``bearing`` (T×R) is the part of each generation's samples that shows a class; the judge
    rejects the rest. ``judges`` (R×C×V) are P(verdict | class) of each chain's own judge, None
    where all have that of the experiment.
    """
    chains, favour = tilt.shape[1], np.exp(tilt)
    real = np.concatenate([spread(experiment.initial, chains), np.zeros((1, chains), np.int64)])
    weights: list[NDArray[np.float64]] = []

    def expected(number: int, pool: Counts) -> Array:
        shares = pool[:-1] * favour
        total = shares.sum(0)
        shares = shares / np.maximum(total, 1e-300) * bearing[number]
        rest = np.where(total > 0, 1 - bearing[number], 1.0)
        weights.append(np.concatenate([shares, rest[None]]))
        return weights[-1]

    num_synthetic = experiment.num_synthetic
    steps = resample(
        real,
        experiment.policy,
        num_synthetic,
        generations=len(bearing),
        random=random,
        expected=expected,
    )
    num_outcomes = experiment.confusion.shape[1]
    rates = np.broadcast_to(experiment.confusion, (chains, *experiment.confusion.shape))
    rates = rates if judges is None else judges
    nothing = np.broadcast_to(np.eye(num_outcomes)[-1:], (chains, 1, num_outcomes))
    judge = np.concatenate([rates, nothing], 1)
    verdicts = []
    for number, step in enumerate(steps):
        more = int(experiment.num_scored[number]) - num_synthetic
        if more > 0:
            shown = step.samples + draw(random, more, weights[number])
        else:
            shown = thin(random, step.samples, int(experiment.num_scored[number]))
        if experiment.known is not None and judges is None:
            verdicts.append(np.zeros((num_outcomes, chains), np.int64))
            verdicts[-1][experiment.known] = shown[:-1]
            verdicts[-1][-1] = shown[-1]
        else:
            verdicts.append(random.multinomial(shown.T, judge).sum(1).T)
    return np.stack(verdicts)
