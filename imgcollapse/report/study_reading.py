"""Reads a study: its tables, and the runs of its cells where these are at hand."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.report.contents import Arm, Chain, Contents, Mean
from imgcollapse.scores import COLUMNS, Score, from_csv
from imgcollapse.store.run_directory import RunDirectory

LOCK = "study.yaml"
TABLES = ("study.csv", "counts.csv", "summary.csv")
MEND = "imgcollapse study makes the tables anew"
ODD = re.compile(r"[^A-Za-z0-9._=-]")


def is_study(path: Path) -> bool:
    return (path / LOCK).is_file()


def read_study(path: Path) -> Contents:
    """The arms of a study in their order; ConfigError where its tables are not made yet."""
    missing = [name for name in TABLES if not (path / name).is_file()]
    if missing:
        raise ConfigError(f"the study has no {missing[0]} yet ({path})", MEND)
    scores = _scores(path / "study.csv")
    counts = _counts(path / "counts.csv")
    means = _means(path / "summary.csv")
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
        arms.append(Arm(name, chains, means.get(name, [])))
    return Contents(path.resolve().name, arms, (path / LOCK).read_text(encoding="utf-8"))


def _chain(path: Path, arm: str, seed: int, counts: dict[str, int], scores: list[Score]) -> Chain:
    place = f"{ODD.sub('-', arm)}/seed{seed}"
    run = RunDirectory(path / place)
    return Chain(
        place=place,
        seed=seed,
        classes=tuple(counts),
        initial_counts=np.array(list(counts.values()), np.int64),
        scores=scores,
        run=run if run.exists else None,
    )


def _scores(path: Path) -> dict[tuple[str, int], list[Score]]:
    """The scores of every cell, from ``study.csv``."""
    texts: dict[tuple[str, int], list[dict[str, str]]] = {}
    for row in _rows(path, ("arm", "seed", *COLUMNS)):
        texts.setdefault((row["arm"], _whole(row["seed"], path)), []).append(row)
    return {cell: from_csv(_as_text(rows), str(path)) for cell, rows in texts.items()}


def _as_text(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _counts(path: Path) -> dict[tuple[str, int], dict[str, int]]:
    """The first pool of every cell: class -> images."""
    found: dict[tuple[str, int], dict[str, int]] = {}
    for row in _rows(path, ("arm", "seed", "class", "count")):
        cell = found.setdefault((row["arm"], _whole(row["seed"], path)), {})
        cell[row["class"]] = _whole(row["count"], path)
    return found


def _means(path: Path) -> dict[str, list[Mean]]:
    """The rows of ``summary.csv`` that are of the whole set, by arm."""
    columns = ("arm", "generation", "metric", "class", "reference", "mean", "low", "high", "chains")
    found: dict[str, list[Mean]] = {}
    for row in _rows(path, columns):
        if row["class"]:
            continue
        try:
            low, high = (float(row[name]) if row[name] else None for name in ("low", "high"))
            mean = Mean(
                int(row["generation"]),
                row["metric"],
                row["reference"],
                float(row["mean"]),
                low,
                high,
                int(row["chains"]),
            )
        except ValueError as error:
            raise CorruptError(f"not a table of means: {error} ({path})", MEND) from None
        found.setdefault(row["arm"], []).append(mean)
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CorruptError(f"not a table ({path})", MEND) from None
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) != columns:
        raise CorruptError(f"the table has other columns than {','.join(columns)} ({path})", MEND)
    for row in rows:
        if None in row or None in row.values():
            raise CorruptError(f"row {rows.line_num} has other cells than columns ({path})", MEND)
        yield row


def _whole(text: str, path: Path) -> int:
    try:
        return int(text)
    except ValueError:
        raise CorruptError(f"not a whole number: {text!r} ({path})", MEND) from None
