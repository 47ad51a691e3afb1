"""When a chain has collapsed, and which of its early warnings said so before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgcollapse.scores import FLOOR, Score, select

WARNINGS = {
    "warn_entropy": -1,
    "warn_reject": +1,
    "warn_duplicates": +1,
    "warn_vendi": -1,
    "warn_spacing": -1,
}
"""The early warnings, and whether each rises or falls when a chain collapses."""

COLLAPSED_BELOW = 0.5


def collapse_generation(scores: Sequence[Score], tail_began_with: float) -> int | None:
    """The first generation whose upper limit of the tail share is below half of its start."""
    below = [
        score.generation
        for score in select(scores, "tail_share")
        if score.generation > FLOOR
        and score.high is not None
        and score.high < COLLAPSED_BELOW * tail_began_with
    ]
    return min(below, default=None)


def first_loss(scores: Sequence[Score], num_began: int) -> int | None:
    """The first generation in which a class that began is lost."""
    fewer = [
        score.generation
        for score in select(scores, "classes_alive")
        if score.generation > FLOOR and score.value < num_began
    ]
    return min(fewer, default=None)


def alarm_generation(scores: Sequence[Score], metric: str) -> int | None:
    """The first generation whose 95 % interval of a warning has left that of generation 0.

    Only in the direction of collapse; two intervals that just touch are 2.8 standard errors of
    one apart.
    """
    by_generation = {score.generation: score for score in select(scores, metric)}
    start = by_generation.get(0)
    if start is None or start.low is None or start.high is None:
        return None
    for number in sorted(by_generation):
        now = by_generation[number]
        if number == 0 or now.low is None or now.high is None:
            continue
        rose, fell = now.low > start.high, now.high < start.low
        if rose if WARNINGS[metric] > 0 else fell:
            return number
    return None


@dataclass(frozen=True)
class Watched:
    """One chain: whether it is real-only, when it collapsed, and when each warning came.

    Generations are None for what did not happen.
    """

    real_only: bool
    collapse: int | None
    first_loss: int | None
    alarms: dict[str, int | None]

    def lead(self, metric: str) -> int | None:
        """Generations from the alarm to the collapse, negative where the alarm came after it."""
        alarm = self.alarms[metric]
        return None if alarm is None or self.collapse is None else self.collapse - alarm


@dataclass(frozen=True)
class Record:
    """How one warning did over several chains.

    ``leads`` are of the chains that collapsed and were warned of, ``missed`` counts those that
    were not, ``at_once`` those that collapsed at generation 0, before a warning can come.
    ``false_alarms`` of ``real_only`` chains were warned of without recursion, and ``idle_alarms``
    of ``uncollapsed`` chains of any kind without a collapse.
    """

    leads: list[int]
    missed: int
    at_once: int
    false_alarms: int
    real_only: int
    idle_alarms: int
    uncollapsed: int


def record_of(chains: Sequence[Watched], metric: str) -> Record:
    """The record of one warning."""
    collapsed = [chain for chain in chains if chain.collapse]
    leads = [lead for chain in collapsed if (lead := chain.lead(metric)) is not None]
    real_only = [chain for chain in chains if chain.real_only]
    uncollapsed = [chain for chain in chains if chain.collapse is None]
    return Record(
        leads=leads,
        missed=len(collapsed) - len(leads),
        at_once=sum(chain.collapse == 0 for chain in chains),
        false_alarms=sum(chain.alarms[metric] is not None for chain in real_only),
        real_only=len(real_only),
        idle_alarms=sum(chain.alarms[metric] is not None for chain in uncollapsed),
        uncollapsed=len(uncollapsed),
    )
