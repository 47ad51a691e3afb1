"""What a late lab lacks beside one that was there from the start: the first-mover advantage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.store.run_directory import RunDirectory

METRICS = {"fd_judge": "initial", "tail_share": "initial", "classes_alive": "initial"}


@dataclass(frozen=True)
class Advantage:
    """``late``, which began in generation ``starts``, less ``first`` in one score of a generation.

    Generations are those of the web.

    The 95 % limits are of the difference of two independent estimates, from the limits of both
    (MOVER; Zou and Donner 2008), None where one has none. They are measurement error: one
    ecosystem says nothing of how others would differ.
    """

    generation: int
    first: str
    late: str
    starts: int
    metric: str
    value: float
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def first_mover(paths: Sequence[Path]) -> Iterator[Advantage]:
    """Every late lab against every lab of its ecosystem that started at 0, where both are done."""
    runs = [RunDirectory(path) for path in paths]
    labs = [(run, config) for run in runs if (config := run.config()).lab is not None]
    scores = {run.path: _by_place(run, config.starts) for run, config in labs}
    for late, config in labs:
        for first, other in labs:
            if not config.starts or other.starts or late.path.parent != first.path.parent:
                continue
            ours, theirs = scores[late.path], scores[first.path]
            for place, metric in sorted(ours.keys() & theirs.keys()):
                one, two = ours[place, metric], theirs[place, metric]
                yield Advantage(
                    place,
                    first.path.name,
                    late.path.name,
                    config.starts,
                    metric,
                    *_difference(one, two),
                )


def _by_place(run: RunDirectory, starts: int) -> dict[tuple[int, str], Score]:
    """Scores by generation of the web and metric."""
    return {
        (score.generation + starts, metric): score
        for metric, reference in METRICS.items()
        for score in select(run.scores(), metric, reference=reference, class_="")
        if score.generation != FLOOR
    }


def _difference(one: Score, two: Score) -> tuple[float, float | None, float | None]:
    value = one.value - two.value
    if None in (one.low, one.high, two.low, two.high):
        return value, None, None
    assert one.low is not None
    assert one.high is not None
    assert two.low is not None
    assert two.high is not None
    below = math.hypot(one.value - one.low, two.high - two.value)
    above = math.hypot(one.high - one.value, two.value - two.low)
    return value, value - below, value + above
