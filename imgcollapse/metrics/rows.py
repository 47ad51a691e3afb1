"""The rows that one set of images adds to the table of scores."""

from __future__ import annotations

import math

from imgcollapse.metrics.estimates import FLOOR_DRAWS, Estimate
from imgcollapse.scores import FLOOR, Score


class Rows:
    """Collects scores of one generation; those of the floor get the limits of the floor.

    Limits of a score say where its mean over sets of ``n`` images lies. For real images against
    real ones they are made wide enough to hold nine in ten further draws.
    """

    def __init__(self, generation: int, n: int, extractor: str) -> None:
        self.generation, self.n, self.extractor = generation, n, extractor
        self.scores: list[Score] = []

    @property
    def of_floor(self) -> bool:
        return self.generation == FLOOR

    def add(
        self,
        metric: str,
        value: float,
        low: float | None = None,
        high: float | None = None,
        class_: str = "",
        reference: str = "",
        n: int | None = None,
        most: float = 1.0,
    ) -> None:
        """A score in 0 to ``most`` with its 95 % limits, where it has any."""
        if low is not None and high is not None and self.of_floor:
            wider = math.sqrt(FLOOR_DRAWS)
            low = max(0.0, value - wider * (value - low))
            high = min(most, value + wider * (high - value))
        self.add_as_is(metric, value, low, high, class_, reference, n)

    def add_estimate(
        self,
        metric: str,
        estimate: Estimate,
        reference: str = "",
        n: int | None = None,
        class_: str = "",
    ) -> None:
        """An estimate with its 95 % limits."""
        limits = estimate.floor_interval() if self.of_floor else estimate.interval()
        self.add_as_is(metric, estimate.value, *limits, class_, reference, n)

    def add_as_is(
        self,
        metric: str,
        value: float,
        low: float | None,
        high: float | None,
        class_: str = "",
        reference: str = "",
        n: int | None = None,
    ) -> None:
        """A score with limits that are what they should be already."""
        bottom, top = (None if one is None else float(one) for one in (low, high))
        self.scores.append(
            Score(
                generation=self.generation,
                metric=metric,
                class_=class_,
                reference=reference,
                value=float(value),
                low=bottom,
                high=top,
                n=self.n if n is None else n,
                extractor=self.extractor,
            )
        )
