"""What a report tells: arms, their chains, and the scores of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.figures.study_tables import Summary
from imgcollapse.metrics.shares import tail_classes
from imgcollapse.scores import FLOOR, Score
from imgcollapse.store.run_directory import RunDirectory


@dataclass(frozen=True)
class Chain:
    """One chain: its scores, and its run where that is at hand.

    ``place`` is the run's folder relative to what is reported; ``initial_counts`` are by class.
    """

    place: str
    seed: int
    classes: tuple[str, ...]
    initial_counts: NDArray[np.int64]
    scores: Sequence[Score]
    run: RunDirectory | None
    starts: int = 0

    @property
    def order(self) -> NDArray[np.int64]:
        """Classes by the images they began with, common first."""
        return np.argsort(-self.initial_counts, kind="stable")

    @property
    def initial_shares(self) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = self.initial_counts / self.initial_counts.sum()
        return shares

    @property
    def tail(self) -> list[str]:
        """The rarer half of the classes that began."""
        rare = tail_classes(self.initial_counts)
        return [name for name, is_rare in zip(self.classes, rare, strict=True) if is_rare]

    @cached_property
    def by_generation(self) -> dict[int, list[Score]]:
        """The scores of each committed generation; the floor is -1."""
        found: dict[int, list[Score]] = {}
        for score in self.scores:
            found.setdefault(score.generation, []).append(score)
        return found

    @property
    def generations(self) -> list[int]:
        return sorted(self.by_generation.keys() - {FLOOR})

    @cached_property
    def config(self) -> Config | None:
        return self.run.config() if self.run else None


@dataclass(frozen=True)
class Arm:
    """One setting and its chains; ``means`` over them where a study has measured these."""

    name: str
    chains: Sequence[Chain]
    means: Sequence[Summary] = ()


@dataclass(frozen=True)
class Contents:
    """``study`` is the text of ``study.yaml``; ``left_out`` names runs with nothing committed."""

    name: str
    arms: Sequence[Arm]
    study: str = ""
    left_out: Sequence[str] = ()

    @property
    def chains(self) -> list[Chain]:
        return [chain for arm in self.arms for chain in arm.chains]

    @property
    def seeds(self) -> list[int]:
        return sorted({chain.seed for chain in self.chains})


def scored(chains: Sequence[Chain]) -> str:
    """Images of each set that these chains scored: one number, or the least to the most."""
    numbers = {one.n for chain in chains for one in chain.scores if one.metric == "reject"}
    return " to ".join(f"{n:,}" for n in dict.fromkeys((min(numbers), max(numbers))))
