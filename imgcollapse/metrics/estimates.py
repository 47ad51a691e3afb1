"""A number measured on finitely many images, how far chance moves it, and its two intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z = 1.959964
FLOOR_DRAWS = ((Z + 1.281552) / Z) ** 2
"""Two-sided 95 % confidence in the floor's place and one-sided 90 % of draws beyond it."""


@dataclass(frozen=True)
class Estimate:
    """A score, and its standard error over the images scored while the reference stays as it is.

    ``trials`` makes it a share of that many independent trials, whose intervals are Wilson's
    (1927). Other scores have normal intervals that do not reach below ``least``.
    """

    value: float
    error: float
    trials: float | None = None
    least: float = -math.inf

    @classmethod
    def share(cls, value: float, trials: float) -> Estimate:
        """A share in [0, 1] of ``trials`` independent images."""
        return cls(value, math.sqrt(value * (1 - value) / trials), trials)

    @classmethod
    def share_with_error(cls, value: float, error: float, num_images: int) -> Estimate:
        """A share of dependent images: as many trials as would have this error.

        Where all or none count, or none varied, as many as there are images.
        """
        variance = value * (1 - value)
        varied = variance > 0 and error > 0
        return cls(value, error, variance / error**2 if varied else num_images)

    def interval(self) -> tuple[float, float]:
        """95 % limits of what another draw of as many images gives on average."""
        return self._limits(1.0)

    def floor_interval(self) -> tuple[float, float]:
        """Limits that, at 95 % confidence, hold nine in ten further draws of as many images.

        For real images against real ones: chance puts both this draw and a further one where it
        likes, so the limits (3.24 standard errors) are wider than those of ``interval`` (1.96).
        A set outside is further away than real images are.
        """
        return self._limits(FLOOR_DRAWS)

    def _limits(self, draws: float) -> tuple[float, float]:
        if self.trials is None:
            half = Z * self.error * math.sqrt(draws)
            return max(self.least, self.value - half), self.value + half
        n, part = self.trials / draws, self.value
        centre = (part + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(part * (1 - part) / n + Z**2 / (4 * n**2))
        return max(0.0, min(part, centre - half)), min(1.0, max(part, centre + half))


def subsample_errors(
    score: Callable[[NDArray[np.int64]], Array | float],
    num: int,
    size: int,
    *,
    repeats: int,
    random: np.random.Generator,
) -> Array:
    """Standard errors at ``num`` items of one or several scores, from subsets of ``size`` of them.

    ``score`` takes the positions of a subset, drawn without replacement so that no copies arise.
    Variance falls as one over the number of items (Politis, Romano and Wolf 1999); a degenerate
    score, whose variance falls faster, is given too large an error.
    """
    values = np.array(
        [score(random.permutation(num)[:size]) for _ in range(repeats)], dtype=np.float64
    )
    errors: Array = values.std(0, ddof=1) * math.sqrt(size / (num - size))
    return errors
