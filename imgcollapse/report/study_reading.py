"""Reads a study: its tables, and the runs of its cells where these are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.report.contents import Arm, Chain, Contents
from imgcollapse.scores import Score
from imgcollapse.store.finding import folder_of
from imgcollapse.store.run_directory import RunDirectory

LOCK = "study.yaml"
TABLES = ("study.csv", "counts.csv", "summary.csv")
MEND = "imgcollapse study makes the tables anew"


def is_study(path: Path) -> bool:
    return (path / LOCK).is_file()


def read_study(path: Path) -> Contents:
    """The arms of a study in their order; ConfigError where its tables are not made yet."""
    missing = [name for name in TABLES if not (path / name).is_file()]
    if missing:
        raise ConfigError(f"the study has no {missing[0]} yet ({path})", MEND)
    tables = StudyTables(path)
    scores = tables.scores
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for one in tables.counts:
        counts.setdefault((one.arm, one.seed), {})[one.class_] = one.count
    cells = [cell for cell, rows in scores.items() if any(row.generation >= 0 for row in rows)]
    if not cells:
        raise ConfigError(
            f"no cell of the study has a generation yet ({path})", "imgcollapse study"
        )
    for cell in cells:
        if cell not in counts:
            raise CorruptError(f"no counts of arm {cell[0]}, seed {cell[1]} ({path})", MEND)
    arms = []
    for name in dict.fromkeys(arm for arm, _ in cells):
        chains = [
            _chain(path, name, seed, counts[name, seed], scores[name, seed])
            for arm, seed in cells
            if arm == name
        ]
        means = [one for one in tables.summary if one.arm == name and not one.class_]
        arms.append(Arm(name, chains, means))
    return Contents(path.resolve().name, arms, (path / LOCK).read_text(encoding="utf-8"))


def _chain(path: Path, arm: str, seed: int, counts: dict[str, int], scores: list[Score]) -> Chain:
    place = f"{folder_of(arm)}/seed{seed}"
    run = RunDirectory(path / place)
    return Chain(
        place=place,
        seed=seed,
        classes=tuple(counts),
        initial_counts=np.array(list(counts.values()), np.int64),
        scores=scores,
        run=run if run.exists else None,
    )
