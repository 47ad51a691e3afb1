"""The last generation of a study over the knobs that it sweeps: a curve, or a phase diagram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgcollapse.figures.metric_words import Metric
from imgcollapse.figures.plot import NotDrawnError
from imgcollapse.figures.study_tables import StudyTables, Summary, knobs
from imgcollapse.scores import FLOOR


@dataclass(frozen=True)
class Sweep:
    """Arms by their name without the knobs, and then by the knobs' values."""

    keys: tuple[str, ...]
    bases: dict[str, dict[tuple[str, ...], str]]

    def values(self, place: int) -> list[str]:
        """All values of a knob: numbers rising, words in the order in which they were declared."""
        found = list(dict.fromkeys(at[place] for arms in self.bases.values() for at in arms))
        numbers = [number(one) for one in found]
        return sorted(found, key=lambda one: number(one) or 0.0) if None not in numbers else found


def sweep_of(tables: StudyTables, num: int) -> Sweep:
    """The arms as a sweep over exactly ``num`` knobs; NotDrawnError where they are none."""
    keys = tuple(dict.fromkeys(key for arm in tables.arms for key in knobs(arm)))
    if len(keys) != num:
        wanted = "exactly one knob" if num == 1 else "exactly two knobs"
        swept = f"sweeps {', '.join(keys)}" if keys else "sweeps none"
        raise NotDrawnError(f"needs {wanted} in the study's grid; this one {swept}")
    bases: dict[str, dict[tuple[str, ...], str]] = {}
    for arm in tables.arms:
        at = knobs(arm)
        if at.keys() == set(keys):
            base = " ".join(part for part in arm.split(" ") if "=" not in part)
            bases.setdefault(base, {})[tuple(at[key] for key in keys)] = arm
    return Sweep(keys, bases)


def number(text: str) -> float | None:
    """A knob's value where it is a finite number."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def last_generation(tables: StudyTables, arms: Sequence[str], metric: Metric) -> int:
    """The last generation that any of the arms has; NotDrawnError where none has the metric."""
    ends = [
        one.generation
        for one in tables.summary
        if (one.metric, one.reference, one.class_) == (metric.name, metric.reference, "")
        and one.arm in arms
        and one.generation != FLOOR
    ]
    if not ends:
        raise NotDrawnError(f"no arm has the score {metric.name} ({metric.words})")
    return max(ends)


def at_generation(
    tables: StudyTables, arms: Mapping[tuple[str, ...], str], metric: Metric, generation: int
) -> dict[tuple[str, ...], Summary]:
    """The score of each arm of a sweep in one generation, where it has that."""
    found = {
        at: tables.over_chains(arm, metric.name, reference=metric.reference).get(generation)
        for at, arm in arms.items()
    }
    return {at: one for at, one in found.items() if one is not None}
