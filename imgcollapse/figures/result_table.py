"""The table of a paper: scores of the arms of a study, or of the generations of a run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imgcollapse.errors import ConfigError
from imgcollapse.figures.metric_words import (
    DISTANCE,
    PRECISION,
    RECALL,
    REJECT,
    TAIL,
    Metric,
    metric_of,
)
from imgcollapse.figures.study_gaps import gaps_words, missing_arms
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.figures.tables import RunTables
from imgcollapse.metrics.holm import holm
from imgcollapse.metrics.over_chains import RULE, OverChains
from imgcollapse.scores import FLOOR, Score

LEVEL = 0.05
DEFAULTS = (TAIL, REJECT, DISTANCE, PRECISION, RECALL)
"""As many as the width of a page holds."""
PREFERRED = ("initial", "", "pool", "balanced")
REAL = "real images"
OF_FLOOR = ("data", "judge", "scores")
"""Sections of an arm's config on which the scores of its real images depend, beside its counts."""


@dataclass(frozen=True)
class Entry:
    """A value with its 95 % limits and, where it was tested, the corrected p."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def half(self) -> float | None:
        """Half the width of the interval: of one that is not symmetric, the longer side."""
        if self.low is None or self.high is None:
            return None
        return max(self.high - self.value, self.value - self.low)

    @property
    def is_significant(self) -> bool:
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class Line:
    """A row: its name, an entry for each metric or None, and n in words."""

    name: str
    entries: tuple[Entry | None, ...]
    n: str


@dataclass(frozen=True)
class ResultTable:
    """``head`` and ``n_head`` name the first and the last column; ``floors`` stand apart."""

    head: str
    metrics: tuple[Metric, ...]
    lines: list[Line]
    floors: list[Line]
    n_head: str
    caption: str


def study_table(
    tables: StudyTables,
    names: Sequence[str] = (),
    generation: int | None = None,
    control: str | None = None,
) -> ResultTable:
    """Means over the chains of each arm in one generation, the last that all arms have.

    Arms are tested against ``control`` by t-tests that are paired over seeds, and all tests of the
    table are corrected together. ConfigError where a name is unknown or a generation not there.
    """
    against = control or tables.control
    if against in missing_arms(tables):
        raise ConfigError(
            f"no chain of arm {against} is in the tables, so nothing can be tested against it",
            f"--control ARM, one of {_listed(tables.arms)}",
        )
    if against not in tables.arms:
        raise ConfigError(f"no arm {against!r} in the study", f"its arms: {_listed(tables.arms)}")
    known = {(one.metric, one.reference) for one in tables.summary if not one.class_}
    metrics = _chosen(names, known, {one.metric for one in tables.summary})
    number = _generation_of(tables, generation)
    tests = {
        (arm, metric): _paired_p(tables, arm, against, metric, number)
        for metric in metrics
        for arm in tables.arms
        if arm != against
    }
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    lines = [_study_line(tables, arm, arm, metrics, number, corrected) for arm in tables.arms]
    floors = [
        one
        for arm, name in _floors(tables, against).items()
        if any((one := _study_line(tables, arm, name, metrics, FLOOR, {})).entries)
    ]
    num_tests = sum(p is not None for p in corrected.values())
    return ResultTable(
        head="arm",
        metrics=metrics,
        lines=lines,
        floors=floors,
        n_head="chains",
        caption=" ".join(
            [
                f"Generation {number}: mean ± half the width of its 95 % confidence interval over "
                f"chains ({RULE}; the longer side where it is not symmetric).",
                *([_floor_words(len(floors))] if floors else []),
                _tests_words(num_tests, against, missing_arms(tables)),
                *([gaps] if (gaps := gaps_words(tables)) else []),
            ]
        ),
    )


def run_table(
    tables: RunTables, names: Sequence[str] = (), generations: Sequence[int] = ()
) -> ResultTable:
    """The scores of one chain in these generations, or in all of them.

    ConfigError where a name is unknown or a generation not there.
    """
    known = {(one.metric, one.reference) for one in tables.scores if not one.class_}
    metrics = _chosen(names, known, {one.metric for one in tables.scores})
    for number in generations:
        if number not in tables.generations:
            raise ConfigError(
                f"generation {number} is not there", f"there are {_listed(tables.generations)}"
            )
    lines = [
        _run_line(tables, str(number), metrics, number)
        for number in generations or tables.generations
    ]
    floor = _run_line(tables, REAL, metrics, FLOOR)
    return ResultTable(
        head="generation",
        metrics=metrics,
        lines=lines,
        floors=[floor] if any(floor.entries) else [],
        n_head="images",
        caption=(
            "One chain: value ± half the width of its 95 % interval (the longer side where it is "
            "not symmetric), which is of measurement and not of how chains differ. "
            f"{_floor_words(1)}"
        ),
    )


def _chosen(
    names: Sequence[str], known: Iterable[tuple[str, str]], every: Iterable[str]
) -> tuple[Metric, ...]:
    """Metrics by names such as ``fd_judge`` or ``fd_judge/balanced``; else the usual ones."""
    references: dict[str, list[str]] = {}
    for metric, reference in known:
        references.setdefault(metric, []).append(reference)
    if not names:
        found = tuple(m for m in DEFAULTS if m.reference in references.get(m.name, ()))
        if not found:
            raise ConfigError(
                "none of the usual scores is there",
                f"--metric NAME; there are {_listed(sorted(references))}",
            )
        return found
    return tuple(_metric(name, references, set(every)) for name in dict.fromkeys(names))


def _metric(text: str, references: dict[str, list[str]], every: set[str]) -> Metric:
    name, _, reference = text.partition("/")
    if name not in references:
        if name in every:
            raise ConfigError(
                f"{name} is a score of each class, and a table holds scores of whole sets",
                "imgcollapse figures draws the classes; study.csv or scores.csv holds them",
            )
        near = difflib.get_close_matches(name, references, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {_listed(sorted(references))}"
        raise ConfigError(f"no score {name!r}", hint)
    have = references[name]
    if "/" not in text:
        reference = next(one for one in PREFERRED if one in have)
    elif reference not in have:
        raise ConfigError(
            f"{name} does not compare with {reference!r}",
            f"it compares with {_listed(sorted(have))}",
        )
    return metric_of(name, reference)


def _generation_of(tables: StudyTables, wanted: int | None) -> int:
    ends: dict[str, int] = {}
    for one in tables.summary:
        ends[one.arm] = max(ends.get(one.arm, FLOOR), one.generation)
    last = min(ends.values(), default=FLOOR)
    if wanted is None and last > FLOOR:
        return last
    if wanted is None:
        raise ConfigError("an arm of the study has no generation yet", "imgcollapse study goes on")
    if wanted not in {one.generation for one in tables.summary} - {FLOOR}:
        raise ConfigError(f"no arm has generation {wanted}", f"all arms have 0 to {last}")
    return wanted


def _paired_p(
    tables: StudyTables, arm: str, control: str, metric: Metric, generation: int
) -> float | None:
    """As ``differences.csv`` has it for the study's own control."""
    pairs = OverChains()
    for seed in tables.seeds:
        ours, theirs = (
            _value(tables.scores.get((one, seed), ()), metric, generation) for one in (arm, control)
        )
        if ours is not None and theirs is not None:
            pairs.add(ours - theirs)
    return pairs.p_value()


def _value(scores: Iterable[Score], metric: Metric, generation: int) -> float | None:
    wanted = (generation, metric.name, metric.reference, "")
    for one in scores:
        if (one.generation, one.metric, one.reference, one.class_) == wanted:
            return one.value
    return None


def _study_line(
    tables: StudyTables,
    arm: str,
    name: str,
    metrics: Sequence[Metric],
    generation: int,
    corrected: dict[tuple[str, Metric], float | None],
) -> Line:
    found = [
        tables.over_chains(arm, one.name, reference=one.reference).get(generation)
        for one in metrics
    ]
    entries = tuple(
        Entry(one.mean, one.low, one.high, corrected.get((arm, metric))) if one else None
        for metric, one in zip(metrics, found, strict=True)
    )
    return Line(name, entries, _range({one.chains for one in found if one}))


def _run_line(tables: RunTables, name: str, metrics: Sequence[Metric], generation: int) -> Line:
    found = [tables.values(one.name, one.reference).get(generation) for one in metrics]
    entries = tuple(Entry(one.value, one.low, one.high) if one else None for one in found)
    return Line(name, entries, _range({one.n for one in found if one}))


def _floors(tables: StudyTables, control: str) -> dict[str, str]:
    """The arms whose real images are shown, with the names of their rows.

    One, the control, where all arms have the same real images, judges and ways of scoring.
    """
    if all(_has_same_floor(tables, control, arm) for arm in tables.arms):
        return {control: REAL}
    return {arm: f"{REAL}, {arm}" for arm in tables.arms}


def _has_same_floor(tables: StudyTables, one: str, other: str) -> bool:
    """Whether arms began with the same counts, seed by seed, from the same data."""
    first, second = (_initial_counts(tables, arm) for arm in (one, other))
    both = first.keys() & second.keys()
    settings = [
        [tables.declared["arms"][arm].get(section) for section in OF_FLOOR] for arm in (one, other)
    ]
    return settings[0] == settings[1] and all(first[seed] == second[seed] for seed in both)


def _initial_counts(tables: StudyTables, arm: str) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for one in tables.counts:
        if one.arm == arm:
            found.setdefault(one.seed, {})[one.class_] = one.count
    return found


def _floor_words(num: int) -> str:
    more = ", each as its arm began: arms differ in their real images or in how these are scored"
    return f"{REAL.capitalize()}: held-out real images, scored alike{more if num > 1 else ''}."


def _tests_words(num: int, control: str, missing: Sequence[str]) -> str:
    if not num:
        lacks = f" ({', '.join(missing)}: not in the tables)" if missing else ""
        return f"Nothing is tested: that takes two chains or more of another arm{lacks}."
    return (
        f"* differs from {control}: p < {LEVEL} in a t-test paired over seeds, after Holm's "
        f"correction for the {num} tests of the table. No value is set in bold: to be the best of "
        "several means is no finding."
    )


def _range(numbers: set[int]) -> str:
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) or "nothing" for word in words)
