"""Refitted Gaussians lose their variance, and mixtures their modes (Shumailov et al. 2024)."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.errors import CorruptError
from imgcollapse.figures.curves import Point, read_points, select
from imgcollapse.study.claims.claim import NEGATIVE, Claim, Measured, Region, about

FIT = "maximum likelihood"
SAMPLES = 100


def claims(folder: Path) -> list[Claim]:
    """Of ``curve.csv``. Means of a variance are compared up to generation n: later its tail is so
    heavy that a mean of any affordable number of repetitions lies far below its expectation."""
    points = read_points(folder)

    def at(curve: str, setting: str, generation: int | None = None) -> Point:
        found = select(points, curve, setting)
        chosen = [one for one in found if generation in (None, one.x)]
        if not chosen:
            raise CorruptError(f"curve.csv has no {curve} of {setting} at {generation} ({folder})")
        return chosen[-1]

    half = at("variance", FIT, SAMPLES // 2)
    whole = at("variance", FIT, SAMPLES)
    logs = [at("log variance", setting) for setting in (FIT, "unbiased")]
    error = at("squared error of the mean", FIT, SAMPLES)
    fallen = at("share below a hundredth", FIT)
    modes = select(points, "modes left")
    spread = select(points, "total variance")[-1]
    return [
        *(
            Claim(
                f"E(variance) = (1 - 1/n)^t, n = {SAMPLES}, t = {one.x:g}: measured over exact",
                about(1, 0.1),
                over_exact(one),
            )
            for one in (half, whole)
        ),
        *(
            Claim(
                f"E(log variance) as the chi² law has it, {one.setting} fit, t = {one.x:g}: "
                "measured over exact",
                about(1, 0.05),
                over_exact(one),
            )
            for one in logs
        ),
        Claim(
            f"the mean wanders: its squared error at t = {error.x:g} over exact",
            about(1, 0.1),
            over_exact(error),
        ),
        Claim(
            f"the variance falls to 0: below a hundredth at t = {fallen.x:g}, share of repetitions",
            Region(low=0.9),
            measured(fallen),
        ),
        Claim(
            f"even where its expectation stays: log variance, unbiased fit, t = {logs[1].x:g}",
            NEGATIVE,
            measured(logs[1]),
        ),
        Claim(
            f"the mixture loses modes: left of four at t = {modes[-1].x:g}",
            Region(high=3.0),
            measured(modes[-1]),
        ),
        Claim(
            f"the mixture narrows: total variance at t = {spread.x:g} over the first",
            Region(high=0.5),
            measured(spread),
        ),
    ]


def measured(point: Point, unit: str = "repetitions") -> Measured:
    """A point with its limits as what a claim is decided by; CorruptError without limits."""
    if point.low is None or point.high is None or point.n is None:
        raise CorruptError(f"curve.csv has no limits of {point.curve} at {point.x:g}")
    return Measured(point.value, point.low, point.high, point.n, unit)


def over_exact(point: Point, unit: str = "repetitions") -> Measured:
    """The same over its closed form."""
    found = measured(point, unit)
    if not point.expected:
        raise CorruptError(f"curve.csv has no closed form of {point.curve} at {point.x:g}")
    low, high = sorted((found.low / point.expected, found.high / point.expected))
    return Measured(found.value / point.expected, low, high, found.n, unit)
