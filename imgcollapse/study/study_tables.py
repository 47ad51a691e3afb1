"""The tables of a study, made from its cells one by one: memory does not grow with their number."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from imgcollapse.errors import CorruptError
from imgcollapse.metrics.over_chains import OverChains, within_range
from imgcollapse.scores import COLUMNS, Score, cell
from imgcollapse.store.files import written_in_parts
from imgcollapse.study.parquet import parquet_writer
from imgcollapse.study.selection_rows import selection_rows
from imgcollapse.study.study_file import Study
from imgcollapse.study.study_folder import Cell, StudyFolder
from imgcollapse.study.survival_rows import logrank_rows, survival_of, survival_rows

Rows = Iterable[Sequence[object]]
Key = tuple[int, str, str, str]
KEY = ["generation", "metric", "class", "reference"]
STUDY = ["arm", "seed", *COLUMNS]
HEADERS = {
    "study.csv": STUDY,
    "counts.csv": ["arm", "seed", "class", "count"],
    "summary.csv": ["arm", *KEY, "mean", "low", "high", "chains"],
    "differences.csv": ["arm", "control", *KEY, "mean", "low", "high", "pairs", "p"],
    "survival.csv": ["arm", "count", "generation", "at_risk", "lost", "alive", "expected"],
    "logrank.csv": ["arm", "control", "count", "statistic", "p"],
    "selection.csv": ["arm", "class", "share", "value", "low", "high", "chains"],
}
"""The columns of each table."""


def write_tables(folder: StudyFolder, study: Study, say: Callable[[str], None]) -> list[Path]:
    """Makes all tables of a study from what its cells have committed; returns the files.

    ``say`` hears of cells that cannot be read, which are left out, and of arms without selection.
    """
    arms: dict[str, list[Cell]] = {arm: [] for arm in study.arms}
    for one in folder.cells(study):
        if _is_readable(one, say):
            arms[one.arm].append(one)
    makers: dict[str, Callable[[], Rows]] = {
        "counts.csv": lambda: _counts(arms),
        "summary.csv": lambda: _summary(arms),
        "differences.csv": lambda: _differences(arms, study.control),
        "selection.csv": lambda: selection_rows(arms, say),
    }
    with folder.alone():
        _write_study(folder.path, arms)
        lives = survival_of(arms)
        makers["survival.csv"] = lambda: survival_rows(arms, lives)
        makers["logrank.csv"] = lambda: logrank_rows(lives, study.control)
        for name, maker in makers.items():
            with _table(folder.path / name) as write:
                write(maker())
    return [folder.path / name for name in HEADERS]


def _is_readable(one: Cell, say: Callable[[str], None]) -> bool:
    try:
        if not (one.run.generations() and one.is_begun()):
            return False
        one.run.scores()
        one.run.initial_counts()
    except CorruptError as error:
        say(f"{one.name} is left out of the tables: {error.message}")
        return False
    return True


@contextmanager
def _table(path: Path) -> Iterator[Callable[[Rows], None]]:
    with written_in_parts(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADERS[path.name])

        def write(rows: Rows) -> None:
            writer.writerows([cell(value) for value in row] for row in rows)

        yield write


def _write_study(folder: Path, arms: dict[str, list[Cell]]) -> None:
    """Every score of every cell: ``study.csv``, and ``study.parquet`` where pyarrow is there."""
    with ExitStack() as stack:
        write = stack.enter_context(_table(folder / "study.csv"))
        write_parquet = stack.enter_context(parquet_writer(folder / "study.parquet", STUDY))
        for one in _each(arms):
            rows = [(one.arm, one.seed, *astuple(score)) for score in one.run.scores()]
            write(rows)
            write_parquet(rows)


def _counts(arms: dict[str, list[Cell]]) -> Rows:
    for one in _each(arms):
        for name, count in one.run.initial_counts().items():
            yield one.arm, one.seed, name, count


def _summary(arms: dict[str, list[Cell]]) -> Rows:
    for arm, cells in arms.items():
        found: dict[Key, OverChains] = {}
        num_classes = max((len(one.run.initial_counts()) for one in cells), default=0)
        for one in cells:
            for score in one.run.scores():
                found.setdefault(_key(score), OverChains()).add(score.value, score.low, score.high)
        for key, chains in _by_generation(found):
            yield (
                arm,
                *key,
                chains.mean,
                *within_range(key[1], chains.limits(), num_classes),
                chains.num,
            )


def _differences(arms: dict[str, list[Cell]], control: str) -> Rows:
    others = {
        arm: ({one.seed: one for one in cells}, dict[Key, OverChains]())
        for arm, cells in arms.items()
        if arm != control
    }
    for base in arms[control]:
        held = {_key(score): score.value for score in base.run.scores()}
        for cells, found in others.values():
            if base.seed not in cells:
                continue
            for score in cells[base.seed].run.scores():
                if (key := _key(score)) in held:
                    found.setdefault(key, OverChains()).add(score.value - held[key])
    for arm, (_, found) in others.items():
        for key, pairs in _by_generation(found):
            yield arm, control, *key, pairs.mean, *pairs.limits(), pairs.num, pairs.p_value()


def _each(arms: dict[str, list[Cell]]) -> Iterator[Cell]:
    for cells in arms.values():
        yield from cells


def _key(score: Score) -> Key:
    return score.generation, score.metric, score.class_, score.reference


def _by_generation(found: dict[Key, Any]) -> list[tuple[Key, Any]]:
    """By generation, and within one in the order of the first chain."""
    return sorted(found.items(), key=lambda both: both[0][0])
