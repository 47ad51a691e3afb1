"""How long classes live: when each is lost, the Kaplan-Meier curve, and the log-rank test."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import CensoredData, ecdf, logrank

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

    def __add__(self, other: Survival) -> Survival:
        both = Survival()
        for one in (self, other):
            for ours, theirs in ((both.lost, one.lost), (both.seen, one.seen)):
                for end, num in theirs.items():
                    ours[end] = ours.get(end, 0) + num
        return both

    def _censored(self) -> CensoredData:
        def ends(held: dict[int, int]) -> NDArray[np.int64]:
            return np.repeat(sorted(held), [held[end] for end in sorted(held)]).astype(np.int64)

        return CensoredData(uncensored=ends(self.lost), right=ends(self.seen))


def compare(one: Survival, other: Survival) -> tuple[float, float] | None:
    """Statistic and p (two-sided) of the log-rank test (Mantel 1966), above 0 where ``one`` dies.

    None where nothing was lost in either, or where one has no class. Classes of one chain share
    its fate, which the test does not know: its p is that of classes, not of chains.
    """
    if not (one.lost or other.lost) or not (one.at_risk(0) and other.at_risk(0)):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the variance is 0, said by the result
        found = logrank(one._censored(), other._censored())
    if not np.isfinite(found.statistic):
        return None
    return float(found.statistic), float(found.pvalue)
