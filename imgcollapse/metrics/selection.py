"""Selection: what a generator does to its classes beyond chance, with intervals.

A generation turns the shares p of its pool into p' proportional to p exp(s). The coefficients s
(relative to their mean over the initial shares) are estimated by the likelihood of the increments
of all generations, in which a class that is lost counts for as long as it could have been drawn.
The crowding coefficient is the slope of s on the log of the initial share: above 0, common
classes crowd out rare ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma, norm

from imgcollapse.metrics.drift import Array
from imgcollapse.metrics.increments import Experiment, Increments, increments, simulate_verdicts
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import random_for
from imgcollapse.thinning import Counts

LIMIT = 6.0
"""Coefficients are sought in ±6; a limit there means that the data set none."""
LEVEL = 0.05
REPLICATES = 200
NULL_REPLICATES = 999
GRID = np.array([-2.8, -2.1, -1.4, 1.4, 2.1, 2.8])
"""Where the bootstrap simulates, in standard errors from the estimate."""
TIE = np.array(0.01)
"""Scores nearer than this, in standard deviations, are the same."""
ITERATIONS = 40


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its 95 % limits, each a number or one for each class."""

    value: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Selection:
    """``selection`` holds the classes of ``classes`` (indexes), those the real pool held.

    ``crowding`` is one number, and ``p_value`` belongs to the null of no selection at all.
    """

    classes: NDArray[np.int64]
    selection: Estimate
    crowding: Estimate
    p_value: float


def measure_selection(
    verdicts: Counts,
    initial: Counts,
    policy: PolicyConfig,
    num_synthetic: int,
    *,
    seed: int,
    confusion: Counts | None = None,
    replicates: int = REPLICATES,
) -> Selection:
    """Selection and crowding of one chain, or of several that share their coefficients.

    ``verdicts`` (T×V, or chains×T×V) counts what the first images sampled by generations 0 … T-1
    were judged to be, V being the classes or, for a judge that rejects, the classes and rejects
    last. ``confusion`` (C×(C+1), or one for each chain) counts held-out real images by class and
    verdict of the judge; None for known labels. Simulated judges are drawn around it, so that
    limits hold what is not known of the judge.
    ``initial`` (C) counts the real pool and ``num_synthetic`` the images that a generation
    samples for later pools. Limits invert the estimator's distribution in chains simulated with
    coefficients around the estimate (parametric bootstrap).
    """
    seen = np.asarray(verdicts, np.int64)
    seen = (seen[None] if seen.ndim == 2 else seen).transpose(1, 2, 0)
    experiment, classes = _experiment(seen, initial, policy, num_synthetic, confusion)
    if seen.shape[1] == len(initial):
        seen = np.concatenate([seen, np.zeros_like(seen[:, :1])], 1)
    judges = None if confusion is None else confusion[..., classes, :]
    fitter = _Fitter(experiment, seen.shape[2], judges)
    random = random_for(seed, "selection")
    return Selection(
        classes,
        fitter.selection(seen, replicates, random),
        *fitter.crowding(seen, replicates, random),
    )


def _experiment(
    seen: Counts,
    initial: Counts,
    policy: PolicyConfig,
    num_synthetic: int,
    confusion: Counts | None,
) -> tuple[Experiment, NDArray[np.int64]]:
    num_classes = len(initial)
    if seen.shape[1] not in (num_classes, num_classes + 1):
        raise ValueError(f"{seen.shape[1]} verdicts do not go with {num_classes} classes")
    num_scored = seen.sum(1)
    if (num_scored != num_scored[:, :1]).any() or not num_scored.all():
        raise ValueError("chains that are fitted together score equally many images, at least one")
    classes = np.flatnonzero(initial)
    if len(classes) < 2:
        raise ValueError("selection needs two classes or more")
    rates = np.eye(num_classes, num_classes + 1) if confusion is None else _rates(confusion)
    experiment = Experiment(
        np.asarray(initial, np.int64)[classes],
        policy,
        num_synthetic,
        num_scored[:, 0],
        rates[classes].astype(np.float64),
    )
    return experiment, classes


def _rates(confusion: Counts) -> Array:
    """P(verdict | true class), the mean over judges; a class never recognised gets one image."""
    unseen = confusion[..., :-1].sum(-1, keepdims=True) == 0
    counts = confusion + unseen / confusion.shape[-1]
    rates = counts / counts.sum(-1, keepdims=True)
    found: Array = rates.reshape(-1, *rates.shape[-2:]).mean(0)
    return found


class _Fitter:
    """Estimates of simulated and real chains alike; columns are replicates × chains.

    ``judges`` counts verdicts by class, of one judge or of one for each chain.
    """

    def __init__(self, experiment: Experiment, chains: int, judges: Counts | None) -> None:
        self.experiment, self.chains = experiment, chains
        self.judges = judges
        self.start = (experiment.initial / experiment.initial.sum())[:, None]

    def increments(self, tilt: Array, verdicts: Counts) -> Increments:
        """Summed over the chains of each replicate (``tilt`` is C×replicates)."""
        found = increments(self.experiment, np.repeat(tilt, self.chains, 1), verdicts)

        def pooled(values: Array) -> Array:
            total: Array = values.reshape(*values.shape[:-1], -1, self.chains).sum(-1)
            return total

        return Increments(
            pooled(found.observed),
            pooled(found.expected),
            pooled(found.information),
            pooled(found.crowding),
            found.bearing,
        )

    def simulate(self, tilt: Array, bearing: Array, random: np.random.Generator) -> Counts:
        """Verdicts of replicates with coefficients ``tilt`` (C×replicates)."""
        wide = np.repeat(tilt, self.chains, 1)
        parts = np.tile(bearing, (1, tilt.shape[1]))
        return simulate_verdicts(
            self.experiment, wide, parts, random, self.drawn_judges(tilt.shape[1], random)
        )

    def drawn_judges(self, replicates: int, random: np.random.Generator) -> Array | None:
        """P(verdict | class) of judges such as these (replicates·chains × C × V).

        Drawn from Dirichlet distributions around what was counted, one image spread over each row.
        """
        if self.judges is None:
            return None
        each = np.broadcast_to(self.judges, (self.chains, *self.judges.shape[-2:]))
        shape = np.tile(each + 1 / each.shape[-1], (replicates, 1, 1))
        rates = random.gamma(shape)
        drawn: Array = rates / rates.sum(-1, keepdims=True)
        return drawn

    def fit(self, verdicts: Counts) -> Array:
        """The coefficients of each replicate (C×replicates): observed + 1/2 is what they expect.

        The half (Jeffreys, Firth 1993) keeps a class finite that was never drawn.
        """
        tilt = np.zeros((len(self.start), verdicts.shape[2] // self.chains))
        for _ in range(ITERATIONS):
            found = self.increments(tilt, verdicts)
            slope = found.information / np.maximum(found.expected, 1e-300)
            slope /= np.maximum(1 - found.expected / found.expected.sum(0), 1e-9)
            half = 0.5 * np.maximum(slope, 1.0)
            wanted = found.observed + half
            wanted *= found.observed.sum(0) / wanted.sum(0)
            step = np.log(wanted / np.maximum(found.expected, 1e-300)) / np.maximum(slope, 1.0)
            moved = np.clip(self.centred(tilt + step), -LIMIT, LIMIT)
            done = np.abs(moved - tilt).max() < 1e-3
            tilt = moved
            if done:
                break
        return tilt

    def centred(self, tilt: Array) -> Array:
        moved: Array = tilt - (self.start * tilt).sum(0)
        return moved

    def selection(self, verdicts: Counts, replicates: int, random: np.random.Generator) -> Estimate:
        value = self.fit(verdicts)
        found = self.increments(value, verdicts)
        shape = found.information / (1 - self.start) ** 2 + 0.5
        signs = self.alternating()
        grid = self.centred(value + _gamma_offset(signs * GRID, shape))
        simulated = self.simulate(np.repeat(grid, replicates, 1), found.bearing, random)
        fitted = self.fit(simulated).reshape(len(grid), len(GRID), replicates)
        p = _mid_p(fitted, value[..., None], 0.05 / np.sqrt(shape))
        offsets = _gamma_quantile(grid - value, shape)
        order = np.where(signs > 0, np.arange(len(GRID)), np.arange(len(GRID))[::-1])
        low, high = _invert(np.take_along_axis(offsets, order, 1), np.take_along_axis(p, order, 1))
        limits = value + _gamma_offset(np.stack([low, high], 1), shape)
        limits = np.clip(limits, -LIMIT, LIMIT)
        return Estimate(
            value[:, 0],
            np.minimum(limits[:, 0], value[:, 0]),
            np.maximum(limits[:, 1], value[:, 0]),
        )

    def alternating(self) -> Array:
        """+1 and -1 by turns from common to rare (C×1): what moves one way together is no move."""
        signs = np.empty((len(self.start), 1))
        signs[np.argsort(-self.start[:, 0], kind="stable"), 0] = 1.0 - 2.0 * (
            np.arange(len(self.start)) % 2
        )
        return signs

    def crowding(
        self, verdicts: Counts, replicates: int, random: np.random.Generator
    ) -> tuple[Estimate, float]:
        value = 0.0
        for _ in range(ITERATIONS):
            score, error, bearing = self.crowding_score(np.array([value]), verdicts)
            step = float(np.clip(score[0] * error[0], -0.5, 0.5))
            value = float(np.clip(value + step, -LIMIT, LIMIT))
            if abs(step) < 1e-3 * error[0]:
                break
        ladder, z = self.ladder(value, error[0], verdicts)
        half = len(GRID) // 2
        wanted = np.concatenate(
            [
                np.linspace(max(z[0], GRID[0]), max(z[0], GRID[half - 1]), half),
                np.linspace(min(z[-1], GRID[half]), min(z[-1], GRID[-1]), half),
            ]
        )
        slopes = np.interp(wanted, z, ladder)
        observed = self.crowding_score(slopes, np.tile(verdicts, (1, 1, len(GRID))))[0]
        many = np.repeat(slopes, replicates)
        simulated = self.simulate(self.tilt(many), bearing, random)
        scores = self.crowding_score(many, simulated)[0].reshape(1, len(GRID), replicates)
        low, high = _invert(wanted[None], _mid_p(scores, observed[None, :, None], TIE))
        limits = np.interp(np.concatenate([low, high]), z, ladder)
        zeros = np.zeros(NULL_REPLICATES)
        null = self.crowding_score(zeros, self.simulate(self.tilt(zeros), bearing, random))[0]
        here = self.crowding_score(zeros[:1], verdicts)[0][0]
        above = float(_mid_p(null, here, TIE))
        crowding = Estimate(
            np.array(value), np.array(min(limits[0], value)), np.array(max(limits[1], value))
        )
        return crowding, 2 * min(above, 1 - above)

    def ladder(self, value: float, error: float, verdicts: Counts) -> tuple[Array, Array]:
        """Slopes around ``value``, and how many standard deviations the data lie below each."""
        near = value + error * np.sinh(np.linspace(-5, 5, 121))
        slopes = np.concatenate([[-LIMIT], np.clip(near, -LIMIT, LIMIT), [LIMIT]])
        z = -self.crowding_score(slopes, np.tile(verdicts, (1, 1, len(slopes))))[0]
        middle = len(z) // 2
        z[:middle] = np.minimum.accumulate(z[:middle][::-1])[::-1]
        z[middle:] = np.maximum.accumulate(z[middle:])
        return slopes, z

    def tilt(self, slopes: Array) -> Array:
        """The coefficients (C×replicates) of chains with such crowding and nothing else."""
        return self.centred(slopes * self.experiment.log_share[:, None])

    def crowding_score(self, slopes: Array, verdicts: Counts) -> tuple[Array, Array, Array]:
        """For each replicate: score over its standard deviation; 1 over that; the bearing."""
        found = self.increments(self.tilt(slopes), verdicts)
        score = (self.experiment.log_share[:, None] * (found.observed - found.expected)).sum(0)
        deviation = np.sqrt(np.maximum(found.crowding, 1e-12))
        return score / deviation, 1 / deviation, found.bearing


def _mid_p(simulated: Array, observed: Array, tie: Array) -> Array:
    """P(simulated >= observed) over the last axis; what is nearer than ``tie`` counts by half."""
    above = 0.5 * (
        (simulated > observed + tie[..., None]).mean(-1)
        + (simulated > observed - tie[..., None]).mean(-1)
    )
    num = simulated.shape[-1]
    p: Array = (above * num + 0.5) / (num + 1)
    return p


def _gamma_offset(z: Array, shape: Array) -> Array:
    """log of the gamma quantile of probability Phi(z) over its mean, the way a rate varies."""
    offset: Array = np.log(np.maximum(gamma.ppf(norm.cdf(z), shape) / shape, 1e-6))
    return offset


def _gamma_quantile(offset: Array, shape: Array) -> Array:
    """The inverse of ``_gamma_offset``."""
    z: Array = norm.ppf(np.clip(gamma.cdf(shape * np.exp(offset), shape), 1e-12, 1 - 1e-12))
    return z


def _invert(offsets: Array, p: Array) -> tuple[Array, Array]:
    """Offsets at which p, rising along each row of n×len(GRID), passes 2.5 % and 97.5 %."""
    half = len(GRID) // 2
    low = _crossing(offsets[:, :half], p[:, :half], norm.ppf(LEVEL / 2))
    high = _crossing(offsets[:, half:], p[:, half:], norm.ppf(1 - LEVEL / 2))
    return low, high


def _crossing(offsets: Array, p: Array, target: float) -> Array:
    """Where a line through the probits of p, weighted by their precision, meets the target."""
    probit = norm.ppf(p)
    weight = norm.pdf(probit) ** 2 / (p * (1 - p))
    weight = weight / weight.sum(1, keepdims=True)
    centre = (weight * offsets).sum(1)
    height = (weight * probit).sum(1)
    away = offsets - centre[:, None]
    slope = (weight * away * probit).sum(1) / np.maximum((weight * away**2).sum(1), 1e-12)
    crossing: Array = centre + (target - height) / np.maximum(slope, 0.05)
    return crossing
