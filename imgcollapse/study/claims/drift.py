"""Chance alone loses classes as Wright-Fisher resampling does, and moves no share on average."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.errors import CorruptError
from imgcollapse.figures.curves import Point, read_points, select
from imgcollapse.study.claims.claim import POSITIVE, Claim, Measured, about
from imgcollapse.study.claims.shumailov_gaussian import measured

MEDIANS = {5: 12, 10: 28, 20: 56, 50: 149}
"""The pool by which half of the classes of so many images are gone."""
EXACT = {10: 0.17, 20: 0.032}
"""Extinct by pool 10, of classes of so many images."""
TOLERANCE = 0.03
UNIT = "chains of 20 classes"


def claims(folder: Path) -> list[Claim]:
    """Of ``curve.csv``."""
    points = read_points(folder)

    def at(curve: str, count: int, pool: int) -> Point:
        found = [one for one in select(points, curve, f"{count} images") if one.x == pool]
        if not found:
            raise CorruptError(f"curve.csv has no {curve} of {count} images at {pool} ({folder})")
        return found[0]

    found = []
    for count, pool in MEDIANS.items():
        gone = at("extinct", count, pool)
        found.append(
            Claim(
                f"half of the classes of {count} images are gone by pool {pool}: share extinct",
                about(0.5, TOLERANCE),
                measured(gone, UNIT),
            )
        )
        found.append(
            Claim(
                f"classes of {count} images by pool {pool}: extinct, less exact Wright-Fisher",
                about(0, TOLERANCE),
                _less(gone, gone.expected or 0.0),
            )
        )
    for count, share in EXACT.items():
        gone = at("extinct", count, 10)
        found.append(
            Claim(
                f"classes of {count} images are extinct by pool 10 in {share:g} of all cases",
                about(share, TOLERANCE),
                measured(gone, UNIT),
            )
        )
        asymptote = at("asymptote", count, 10)
        found.append(
            Claim(
                f"exp(-2c/k) is too low there: extinct less {asymptote.value:.3f}",
                POSITIVE,
                _less(gone, asymptote.value),
            )
        )
    for count in (20, 50):
        found.append(
            Claim(
                f"the expected share stays: classes of {count} images, pool 10, over the first",
                about(1, 0.05),
                measured(at("mean share", count, 10), UNIT),
            )
        )
        found.append(
            Claim(
                f"variance p(1-p)(1-(1-1/N)^k): classes of {count} images, pool 10, over exact",
                about(1, 0.1),
                measured(at("variance of shares", count, 10), UNIT),
            )
        )
    return found


def _less(point: Point, other: float) -> Measured:
    found = measured(point, UNIT)
    return Measured(found.value - other, found.low - other, found.high - other, found.n, found.unit)
