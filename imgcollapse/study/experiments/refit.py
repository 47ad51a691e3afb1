"""A Gaussian and a mixture refitted to samples of the last fit (Shumailov et al. 2024)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import digamma

from imgcollapse.figures.curves import Point
from imgcollapse.generators.mixture_fit import FittedMixture, fit_mixture
from imgcollapse.metrics.drift import Array
from imgcollapse.section import Section
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.study.experiments.experiment import Hearer, point_over, stop_if_asked

SAMPLES = 100
"""Points that each fit of the one Gaussian sees."""
MIXTURE_SAMPLES = 200
MODES = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])
"""Centres of four equal modes, each a round Gaussian ``WIDTH`` wide."""
WIDTH = 0.7
NEAR = 3.0
"""Widths from its centre within which a point belongs to a mode."""
LOST = 0.1
"""A mode is lost when it holds less than this part of what it began with."""
DDOF = {"maximum likelihood": 0, "unbiased": 1}


class Size(Section):
    """How much is measured."""

    repetitions: int = Field(100_000, ge=2, le=10_000_000)
    generations: int = Field(500, ge=2, le=100_000)
    mixtures: int = Field(200, ge=2, le=100_000)
    mixture_generations: int = Field(200, ge=2, le=100_000)


QUICK = Size(repetitions=20_000, mixtures=50)


def measure(size: Size, hearer: Hearer) -> list[Point]:
    """The curves of both, by generations x, over repetitions.

    ``variance``, ``log variance`` and ``squared error of the mean`` of the one Gaussian, begun at
    variance 1, beside what they must be on average, and the ``share below a hundredth`` of the
    variances. ``modes left`` counts those of the mixture, whose ``total variance`` is over that of
    the first fit.
    """
    points = []
    for name, ddof in DDOF.items():
        points += _gaussian(name, ddof, size, hearer)
    return points + _mixture(size, hearer)


def expected_variance(samples: int, generation: int, ddof: int) -> float:
    """E(variance) after so many refits from variance 1: (1 - 1/n)^t by maximum likelihood.

    The variance of n samples from variance v is v chi²(n-1) / (n - ddof).
    """
    return float(((samples - 1) / (samples - ddof)) ** generation)


def expected_log_variance(samples: int, generation: int, ddof: int) -> float:
    """E(log variance): t (digamma((n-1)/2) + log 2 - log(n - ddof)), below 0 for both fits."""
    one = digamma((samples - 1) / 2) + np.log(2) - np.log(samples - ddof)
    return float(generation * one)


def expected_error(samples: int, generation: int, ddof: int) -> float:
    """E(squared distance of the mean from where it began): each refit adds E(variance) / n."""
    each = [expected_variance(samples, earlier, ddof) for earlier in range(generation)]
    return float(np.sum(each) / samples)


def _gaussian(name: str, ddof: int, size: Size, hearer: Hearer) -> list[Point]:
    random = random_for(0, "refit", name)
    mean, variance = np.zeros(size.repetitions), np.ones(size.repetitions)
    shown = set(_shown(size.generations))
    points = []
    for generation in range(1, size.generations + 1):
        stop_if_asked(hearer)
        drawn = random.standard_normal((SAMPLES, size.repetitions))
        drawn = mean + np.sqrt(variance) * drawn
        mean, variance = drawn.mean(0), drawn.var(0, ddof=ddof)
        if generation not in shown:
            continue
        at = SAMPLES, generation, ddof
        points += [
            point_over("variance", name, generation, variance, expected_variance(*at)),
            point_over(
                "log variance", name, generation, np.log(variance), expected_log_variance(*at)
            ),
            point_over("squared error of the mean", name, generation, mean**2, expected_error(*at)),
            point_over(
                "share below a hundredth", name, generation, (variance < 0.01).astype(float)
            ),
        ]
    return points


def _mixture(size: Size, hearer: Hearer) -> list[Point]:
    shown = [0, *_shown(size.mixture_generations)]
    modes = np.empty((size.mixtures, len(shown)))
    spread = np.empty((size.mixtures, len(shown)))
    for one in range(size.mixtures):
        hearer.message(f"mixture {one + 1} of {size.mixtures}")
        for place, fitted in enumerate(_refits(one, size.mixture_generations, shown, hearer)):
            modes[one, place] = _modes_left(fitted, seed_for(one, "looked at", place))
            spread[one, place] = _total_variance(fitted)
    points = []
    for place, generation in enumerate(shown):
        setting = f"{MIXTURE_SAMPLES} samples"
        points.append(point_over("modes left", setting, generation, modes[:, place]))
        part = spread[:, place] / spread[:, 0]
        points.append(point_over("total variance", setting, generation, part))
    return points


def _refits(seed: int, generations: int, shown: list[int], hearer: Hearer) -> list[FittedMixture]:
    """The fits of the generations that are shown; generation 0 sees samples of the truth."""
    truth = FittedMixture(
        np.full(len(MODES), 1 / len(MODES)),
        MODES,
        np.tile(WIDTH * np.eye(2), (len(MODES), 1, 1)),
    )
    fitted, kept = truth, []
    for generation in range(generations + 1):
        stop_if_asked(hearer)
        random = random_for(seed, "mixture", generation)
        drawn = draw(fitted, MIXTURE_SAMPLES, random)
        fitted = fit_mixture(drawn, len(MODES), seed=seed_for(seed, "fit", generation))
        if generation in shown:
            kept.append(fitted)
    return kept


def draw(mixture: FittedMixture, num: int, random: np.random.Generator) -> Array:
    """Points of a mixture, num×d."""
    component = random.choice(len(mixture.weights), num, p=mixture.weights)
    noise = random.standard_normal((num, mixture.means.shape[1]))
    moved: Array = mixture.means[component] + np.einsum(
        "nij,nj->ni", mixture.factors[component], noise
    )
    return moved


def _modes_left(mixture: FittedMixture, seed: int) -> int:
    drawn = draw(mixture, 10_000, random_for(seed, "points"))
    return int((shares_near(drawn) >= LOST / len(MODES)).sum())


def shares_near(points: Array) -> Array:
    """The part of points N×2 within ``NEAR`` widths of each mode."""
    away = np.linalg.norm(points[:, None] - MODES, axis=2) / WIDTH
    near: NDArray[np.float64] = (away < NEAR).mean(0)
    return near


def _total_variance(mixture: FittedMixture) -> float:
    """The trace of the covariance of the whole mixture."""
    middle = mixture.weights @ mixture.means
    within = np.square(mixture.factors).sum((1, 2))
    between = np.square(mixture.means - middle).sum(1)
    return float(mixture.weights @ (within + between))


def _shown(generations: int) -> list[int]:
    """At most 40 generations, the last one, and those that claims name."""
    even = np.linspace(1, generations, 40).round().astype(int).tolist()
    named = [SAMPLES // 2, SAMPLES]
    return sorted({*even, *(one for one in named if one <= generations)})
