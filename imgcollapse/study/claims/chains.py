"""What each chain of a study measured, read from the tables of its folder."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.study.claims.claim import Measured, over_chains

FLOOR = -1
Key = tuple[str, int, int, str, str]
"""Arm, seed, generation, metric and class."""
PREFERRED = "initial"
"""Where a score compares with several references, the real images that the chain began with."""
Read = Callable[[str, int, int], float]
"""A number of an arm, a seed and a generation."""


@dataclass(frozen=True)
class Chains:
    """``scores`` by arm, seed, generation, metric and class; ``counts`` by arm, seed and class."""

    scores: dict[Key, float]
    counts: dict[tuple[str, int], dict[str, int]]

    @classmethod
    def read(cls, folder: Path) -> Chains:
        """From ``study.csv`` and ``counts.csv``; CorruptError where they are no such tables."""
        scores: dict[Key, float] = {}
        counts: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        try:
            for row in _rows(folder / "study.csv"):
                key = (
                    row["arm"], int(row["seed"]), int(row["generation"]), row["metric"],
                    row["class"],
                )  # fmt: skip
                if key not in scores or row["reference"] == PREFERRED:
                    scores[key] = float(row["value"])
            for row in _rows(folder / "counts.csv"):
                counts[row["arm"], int(row["seed"])][row["class"]] = int(row["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptError(f"not the tables of a study: {error} ({folder})") from None
        return cls(scores, dict(counts))

    def last(self, *arms: str) -> int:
        """The last generation of these arms, all of whose chains are as long."""
        ends = {max(g for a, _, g, _, _ in self.scores if a == arm) for arm in arms}
        if len(ends) > 1:
            raise ConfigError(f"the arms {', '.join(arms)} end at different generations")
        return ends.pop()

    def seeds(self, *arms: str) -> list[int]:
        """The seeds of which each of these arms has a chain that reached the last generation."""
        end = self.last(*arms)
        done = [
            {seed for other, seed, g, _, _ in self.scores if other == arm and g == end}
            for arm in arms
        ]
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

    def change(self, read: Read, arm: str) -> Measured:
        """Last generation less generation 0, the mean over chains."""
        end = self.last(arm)
        return over_chains([read(arm, s, end) - read(arm, s, 0) for s in self.seeds(arm)])

    def difference(self, read: Read, arm: str, other: str) -> Measured:
        """One arm less another in the last generation, paired over seeds."""
        end = self.last(arm, other)
        pairs = [read(arm, s, end) - read(other, s, end) for s in self.seeds(arm, other)]
        return over_chains(pairs, "pairs of chains")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise CorruptError(f"a table is missing ({path})", "give the same command again") from None


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
