"""How long classes live: when each is lost, the Kaplan-Meier curve, and the log-rank test."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import CensoredData, ecdf, norm

from imgcollapse.metrics.shares import LOST_BELOW, unseeable
from imgcollapse.scores import FLOOR, Score, select


@dataclass(frozen=True)
class Life:
    """A class of one chain: ``end`` is the generation of its loss, or the last that was seen."""

    initial: int
    end: int
    lost: bool


def lives_of(scores: Sequence[Score], initial: Mapping[str, int]) -> list[Life]:
    """The lives of classes that began with so many images, by the corrected shares of a chain.

    A class is lost in the first generation in which its upper limit is below a tenth of its initial
    share. Classes so rare that the images scored could not show it are left out, as are all where
    no generation is scored.
    """
    highs: dict[str, dict[int, float]] = {}
    num_scored = 0
    for score in select(scores, "share"):
        if score.generation > FLOOR and score.high is not None:
            highs.setdefault(score.class_, {})[score.generation] = score.high
            num_scored = score.n
    total = sum(initial.values())
    lives = []
    for name, count in initial.items():
        share = count / total
        if name not in highs or not count or unseeable(np.array([share]), num_scored)[0]:
            continue
        gone = [one for one, high in highs[name].items() if high < LOST_BELOW * share]
        lives.append(Life(count, min(gone, default=max(highs[name])), bool(gone)))
    return lives


@dataclass
class Survival:
    """Classes that began with equally many images: how many were lost in each generation.

    ``seen`` counts those that were last seen alive in it. Both grow with the generations only.
    """

    lost: dict[int, int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def add(self, life: Life) -> None:
        held = self.lost if life.lost else self.seen
        held[life.end] = held.get(life.end, 0) + 1

    def at_risk(self, generation: int) -> int:
        """Those that were neither lost nor out of sight before a generation."""
        ends = [*self.lost.items(), *self.seen.items()]
        return sum(num for end, num in ends if end >= generation)

    def alive(self, generations: NDArray[np.int64]) -> NDArray[np.float64]:
        """The Kaplan-Meier estimate of the part that is alive after each generation."""
        found: NDArray[np.float64] = ecdf(self._censored()).sf.evaluate(generations)
        return found

    def _censored(self) -> CensoredData:
        def ends(held: dict[int, int]) -> NDArray[np.int64]:
            return np.repeat(sorted(held), [held[end] for end in sorted(held)]).astype(np.int64)

        return CensoredData(uncensored=ends(self.lost), right=ends(self.seen))


def compare(strata: Iterable[tuple[Survival, Survival]]) -> tuple[float, float] | None:
    """Statistic and p (two-sided) of the log-rank test, above 0 where the first of each pair dies.

    Observed less expected losses and their variances (Mantel 1966) are summed over strata, each
    compared within itself: with one it is the plain test. None where that variance is 0, as where
    nothing was lost, or where no stratum has classes of both. Classes of one chain share its fate,
    which the test does not know: its p is that of classes, not of chains.
    """
    apart, variance = 0.0, 0.0
    for one, other in strata:
        for end in sorted({*one.lost, *other.lost}):
            ours, num = one.at_risk(end), one.at_risk(end) + other.at_risk(end)
            lost = one.lost.get(end, 0) + other.lost.get(end, 0)
            part = ours / num
            apart += one.lost.get(end, 0) - lost * part
            if num > 1:
                variance += lost * part * (1 - part) * (num - lost) / (num - 1)
    if not variance:
        return None
    statistic = apart / math.sqrt(variance)
    return statistic, float(2 * norm.sf(abs(statistic)))
