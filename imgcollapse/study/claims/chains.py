"""What each chain of a study measured, read from the tables of its folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgcollapse.errors import CorruptError, NumericalError
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.metrics.over_chains import Limits, OverChains, within_range
from imgcollapse.study.claims.claim import Measured, over_chains

Key = tuple[str, int, int, str, str]
"""Arm, seed, generation, metric and class."""
PREFERRED = "initial"
"""Where a score compares with several references, the real images that the chain began with."""
Read = Callable[[str, int, int], float]
"""A number of an arm, a seed and a generation."""


@dataclass(frozen=True)
class Chains:
    """``scores`` by arm, seed, generation, metric and class; ``counts`` by arm, seed and class.

    ``limits`` are those of measurement, by the same keys.
    """

    scores: dict[Key, float]
    limits: dict[Key, Limits]
    counts: dict[tuple[str, int], dict[str, int]]

    @classmethod
    def read(cls, folder: Path) -> Chains:
        """From ``study.csv`` and ``counts.csv`` of a study's folder."""
        tables = StudyTables.read(folder)
        scores: dict[Key, float] = {}
        limits: dict[Key, Limits] = {}
        counts: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        for (arm, seed), found in tables.scores.items():
            for one in found:
                key = arm, seed, one.generation, one.metric, one.class_
                if key not in scores or one.reference == PREFERRED:
                    scores[key], limits[key] = one.value, (one.low, one.high)
        for row in tables.counts:
            counts[row.arm, row.seed][row.class_] = row.count
        return cls(scores, limits, dict(counts))

    def last(self, *arms: str) -> int:
        """The last generation that some chain of each of these arms reached.

        CorruptError where an arm is missing, or ends at another one.
        """
        ends = {
            arm: max((g for other, _, g, _, _ in self.scores if other == arm), default=None)
            for arm in arms
        }
        end = ends[arms[0]]
        if end is None or set(ends.values()) != {end}:
            said = ", ".join(f"{arm} {'missing' if g is None else g}" for arm, g in ends.items())
            raise CorruptError(f"study.csv: arms do not end at one generation: {said}")
        return end

    def seeds(self, *arms: str) -> list[int]:
        """The seeds of which each of these arms has a chain that reached the last generation."""
        end = self.last(*arms)
        done = [{seed for a, seed, g, _, _ in self.scores if (a, g) == (arm, end)} for arm in arms]
        return sorted(set.intersection(*done))

    def score(self, metric: str, class_: str = "") -> Read:
        """Reads one score; CorruptError where the table lacks it."""

        def read(arm: str, seed: int, generation: int) -> float:
            try:
                return self.scores[arm, seed, generation, metric, class_]
            except KeyError:
                where = f"arm {arm}, seed {seed}, generation {generation}"
                raise CorruptError(f"study.csv has no {metric} ({where})") from None

        return read

    def counted_share(self, of: Callable[[dict[str, int]], list[str]]) -> Read:
        """The counted share of classes that are chosen by the counts of the first pool."""
        read = self.score

        def share(arm: str, seed: int, generation: int) -> float:
            chosen = of(self.counts[arm, seed])
            return sum(read("share_raw", name)(arm, seed, generation) for name in chosen)

        return share

    def share_of_judged(self, of: Callable[[dict[str, int]], list[str]]) -> Read:
        """The same among the images that look like any class."""
        share, reject = self.counted_share(of), self.score("reject")

        def among(arm: str, seed: int, generation: int) -> float:
            judged = 1 - reject(arm, seed, generation)
            return share(arm, seed, generation) / max(judged, 1e-9)

        return among

    def at_end(self, read: Read, arm: str) -> Measured:
        """The mean over chains in the last generation."""
        end = self.last(arm)
        return over_chains([read(arm, seed, end) for seed in self.seeds(arm)])

    def measured_at_end(self, metric: str, arm: str) -> Measured:
        """The same of a score, with limits never narrower than its measurement error allows.

        That matters where all chains show one number: classes that are too rare for their loss to
        be seen are alive in every chain.
        """
        end, over = self.last(arm), OverChains()
        seeds = self.seeds(arm)
        for seed in seeds:
            key = arm, seed, end, metric, ""
            over.add(self.score(metric)(arm, seed, end), *self.limits[key])
        num_classes = max(len(self.counts[arm, seed]) for seed in seeds)
        low, high = within_range(metric, over.limits(), num_classes)
        if low is None or high is None:
            raise NumericalError(f"an interval over chains needs two or more (arm {arm})")
        return Measured(over.mean, low, high, over.num, "chains")

    def change(self, read: Read, arm: str) -> Measured:
        """Last generation less generation 0, the mean over chains."""
        end = self.last(arm)
        return over_chains([read(arm, s, end) - read(arm, s, 0) for s in self.seeds(arm)])

    def difference(self, read: Read, arm: str, other: str) -> Measured:
        """One arm less another in the last generation, paired over seeds."""
        end = self.last(arm, other)
        pairs = [read(arm, s, end) - read(other, s, end) for s in self.seeds(arm, other)]
        return over_chains(pairs, "pairs of chains")


def head(counts: dict[str, int]) -> list[str]:
    """The class that began with the most images."""
    return [max(counts, key=lambda name: counts[name])]


def all_but_head(counts: dict[str, int]) -> list[str]:
    """Every class but the one that began with the most images."""
    return [name for name in counts if name not in head(counts)]


def rarer_half(counts: dict[str, int]) -> list[str]:
    """The half of the classes that began with the fewest images; the middle one is not in it."""
    ordered = sorted(counts, key=lambda name: -counts[name])
    return ordered[len(ordered) - len(ordered) // 2 :]
