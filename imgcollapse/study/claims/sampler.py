"""A cheap sampler collapses on its own account; the lab's own do not."""

from __future__ import annotations

import math
from pathlib import Path

from imgcollapse.errors import CorruptError
from imgcollapse.figures.curves import Point, read_points, select
from imgcollapse.study.claims.claim import Claim, Measured, Region, about

TRUTH = 0.1
TOLERANCE = 0.05
DEFAULT = "ddpm eps fixed_small"
"""The default of diffusers, whose shares by steps are ``KNOWN``, each ± 2 standard errors."""
KNOWN = {5: 0.042, 10: 0.066, 20: 0.081, 50: 0.096, 250: 0.100}
TWO_ERRORS = 0.004
CHEAP = ("ddpm eps fixed_small", "ddim eps", "dpm++ eps", "unipc eps", "euler eps", "flow flow")
LARGE = "ddpm eps fixed_large"


def claims(folder: Path) -> list[Claim]:
    """Of ``curve.csv``: nothing is drawn, and limits bound the numerical error."""
    points = read_points(folder)

    def share(sampler: str, steps: int) -> Point:
        found = [one for one in select(points, "share of 10 %", sampler) if one.x == steps]
        if not found:
            raise CorruptError(f"curve.csv has no {sampler} at {steps} steps ({folder})")
        return found[0]

    small, large = (1 / (1 + (1 / TRUTH - 1) * math.exp(sign * TOLERANCE)) for sign in (1, -1))
    return [
        *(
            Claim(
                f"DDPM as diffusers has it: a class of 10 % after {steps} steps is {known:g}",
                about(known, TWO_ERRORS),
                computed(share(DEFAULT, steps)),
            )
            for steps, known in KNOWN.items()
        ),
        *(
            Claim(
                f"{sampler}, 5 steps, shrinks it: its log-odds fall by more than {TOLERANCE:g}",
                Region(high=small),
                computed(share(sampler, 5)),
            )
            for sampler in CHEAP
        ),
        Claim(
            f"{LARGE}, 5 steps, does not: within {TOLERANCE:g}",
            Region(small, large),
            computed(share(LARGE, 5)),
        ),
        *(
            Claim(
                f"{sampler}, 250 steps, leaves it: log-odds within {TOLERANCE:g}",
                Region(small, large),
                computed(share(sampler, 250)),
            )
            for sampler in (*CHEAP, LARGE)
        ),
        *(
            Claim(
                f"the sampler of {one.setting} passes at {one.x:g} steps: farthest shift",
                about(0, TOLERANCE),
                computed(one),
            )
            for one in select(points, "shift")
        ),
    ]


def computed(point: Point) -> Measured:
    """A point whose limits bound a numerical error; CorruptError where it has none."""
    low, high = point.low, point.high
    if low is None or high is None:
        raise CorruptError(f"curve.csv has no limits of {point.setting} at {point.x:g} steps")
    return Measured(point.value, low, high, 1, "computation")
