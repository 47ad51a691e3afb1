"""Experiments that are no chains of images: chance, refitted Gaussians, samplers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imgcollapse.figures.curves import Point
from imgcollapse.section import Section
from imgcollapse.study.experiments import drift, refit, sampler


@dataclass(frozen=True)
class Experiment:
    """``measure`` takes a size such as these and who hears of it."""

    full: Section
    quick: Section
    measure: Callable[[Any, Any], list[Point]]


EXPERIMENTS = {
    "shumailov-gaussian": Experiment(refit.Size(), refit.QUICK, refit.measure),
    "drift": Experiment(drift.Size(), drift.QUICK, drift.measure),
    "sampler": Experiment(sampler.Size(), sampler.QUICK, sampler.measure),
}
