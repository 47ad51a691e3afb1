"""What every experiment is: a size, and a function from it to the points of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgcollapse.errors import Stopped
from imgcollapse.figures.curves import Point
from imgcollapse.study.claims.claim import over_chains


class Hearer(Protocol):
    """Who hears how far an experiment is, and may ask it to stop."""

    def message(self, text: str) -> None: ...

    def should_stop(self) -> bool: ...


Measure = Callable[..., list[Point]]


def stop_if_asked(hearer: Hearer) -> None:
    """Stopped where it is asked for: an experiment keeps nothing of what it has begun."""
    if hearer.should_stop():
        raise Stopped(
            "stopped before the experiment was done", "give the same command again to start over"
        )


def point_over(
    curve: str,
    setting: str,
    x: float,
    values: Sequence[float] | NDArray[np.floating],
    expected: float | None = None,
) -> Point:
    """The mean of one value from each of n >= 2 repetitions, with 95 % limits (Student's t)."""
    found = over_chains(np.asarray(values, np.float64), "repetitions")
    return Point(curve, setting, x, found.value, found.low, found.high, found.n, expected)
