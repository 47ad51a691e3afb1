"""A study's folder made from runs: the tables that a report reads, with simple intervals."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from imgcollapse.scores import COLUMNS
from imgcollapse.store.run_directory import RunDirectory

Cells = dict[tuple[str, int], RunDirectory]


def write_study(path: Path, cells: Cells) -> None:
    """``study.yaml``, ``study.csv``, ``counts.csv`` and ``summary.csv`` of the cells."""
    arms = list(dict.fromkeys(arm for arm, _ in cells))
    declared = "".join(f"  {arm}: {{policy: {{preset: mix}}}}\n" for arm in arms)
    (path / "study.yaml").write_text(f"base: smoke.yaml\nseeds: 2\narms:\n{declared}")
    rows = [
        (arm, seed, *score.as_row().values())
        for (arm, seed), run in cells.items()
        for score in run.scores()
    ]
    _write(path / "study.csv", ("arm", "seed", *COLUMNS), rows)
    counts = [
        (arm, seed, *count)
        for (arm, seed), run in cells.items()
        for count in run.initial_counts().items()
    ]
    _write(path / "counts.csv", ("arm", "seed", "class", "count"), counts)
    values: dict[tuple[Any, ...], list[float]] = {}
    for arm, _, generation, metric, class_, reference, value, *_ in rows:
        values.setdefault((arm, generation, metric, class_, reference), []).append(value)
    means = [
        (*key, np.mean(held), np.min(held), np.max(held), len(held)) for key, held in values.items()
    ]
    columns = ("arm", "generation", "metric", "class", "reference", "mean", "low", "high", "chains")
    _write(path / "summary.csv", columns, means)


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
