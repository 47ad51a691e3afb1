"""What the samplers of a study's arms do to shares by themselves, in the units of crowding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from imgcollapse.config import Config
from imgcollapse.figures.curves import Point
from imgcollapse.study.audit import Row, audit

SHIFT, SLOPE = "shift", "crowding of the sampler"


def shift_points(configs: Mapping[str, Config]) -> list[Point]:
    """The curves ``shift`` and ``crowding of the sampler`` of each arm (setting), by steps x.

    ``shift`` is the farthest of the audit's rows, and ``crowding of the sampler`` the slope of
    shifts on the log share over the modes that have the config's own profile, each weighted by
    its share: what a chain of perfect denoisers would be measured to have. Limits bound the
    numerical error. Generators that draw without steps have no points.
    """
    points = []
    for arm, config in configs.items():
        found = audit(config, least=False)
        if found.worst is None or found.steps is None:
            continue
        worst, steps = found.worst, float(found.steps)
        points.append(Point(SHIFT, arm, steps, worst.shift, worst.low, worst.high, None, 0.0))
        own = [row for row in found.rows if row.geometry == found.geometries[-1].name]
        slope, error = slope_of(own)
        points.append(Point(SLOPE, arm, steps, slope, slope - error, slope + error, None, 0.0))
    return points


def slope_of(rows: Sequence[Row]) -> tuple[float, float]:
    """Slope of the shifts on the log share, weighted by share, and a bound of its error."""
    shares = np.array([row.truth for row in rows])
    shares = shares / shares.sum()
    away = np.log(shares) - shares @ np.log(shares)
    pull = shares * away / (shares @ away**2)
    slope = float(pull @ np.array([row.shift for row in rows]))
    half = np.array([max(row.high - row.shift, row.shift - row.low) for row in rows])
    error = float(np.abs(pull) @ half)
    return slope, error
