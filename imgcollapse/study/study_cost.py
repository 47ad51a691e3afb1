"""What the cells of a study that are missing will cost, from a generation of each arm."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgcollapse.config import Config
from imgcollapse.errors import NumericalError
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.beginning import beginning_of
from imgcollapse.study.estimate import estimate
from imgcollapse.study.processes import sharing_cores
from imgcollapse.study.study_folder import Cell

MEASURED, LIKE, PROBED = "measured", "measured in", "a few steps"


@dataclass(frozen=True)
class CellCost:
    """One cell: what it has, and what it still takes on one worker.

    ``seconds`` and ``disk_bytes`` are None where only the data would tell. ``by`` says what they
    are from: generations of the arm, of one that begins alike, or a few steps on random images, in
    which judge and scores are left out.
    """

    arm: str
    seed: int
    run: str
    done: int
    generations: int
    seconds: float | None
    disk_bytes: int | None
    by: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Rate:
    """Of one chain: seconds before generation 0, seconds and bytes of a generation."""

    beginning: float
    generation: float
    bytes_before: int
    bytes_of_one: int
    by: str


def study_cost(cells: Sequence[Cell], workers: int) -> list[CellCost]:
    """What each cell still takes where ``workers`` share the cores; needs no data on disk."""
    arms: dict[str, list[Cell]] = {}
    for cell in cells:
        arms.setdefault(cell.arm, []).append(cell)
    measured = {arm: _measured(some) for arm, some in arms.items()}
    kinds = {arm: _kind(some[0].config) for arm, some in arms.items()}
    rates: dict[str, _Rate | None] = {}
    for arm, some in arms.items():
        rate = measured[arm]
        if rate is None:
            rate = next(
                (
                    _Rate(
                        one.beginning, one.generation, one.bytes_before, one.bytes_of_one,
                        f"{LIKE} {other}",
                    )
                    for other, one in measured.items()
                    if one is not None and kinds[other] == kinds[arm]
                ),
                None,
            )  # fmt: skip
        rates[arm] = rate or _probed(some[0].config, workers)
    begun: set[tuple[int, int]] = set()
    found = []
    for cell in cells:
        same = next(n for n, kind in enumerate(kinds.values()) if kind == kinds[cell.arm])
        first = (same, cell.seed) not in begun
        begun.add((same, cell.seed))
        found.append(_cost(cell, rates[cell.arm], first))
    return found


def _cost(cell: Cell, rate: _Rate | None, first: bool) -> CellCost:
    done, wanted = len(cell.run.generations()), cell.config.generations
    seconds = size = None
    if rate is not None:
        copied = 0 if first or done else 1
        prepared = 0.0 if done or not first else rate.beginning
        seconds = prepared + (wanted - done - copied) * rate.generation
        size = (wanted - done) * rate.bytes_of_one + (0 if done else rate.bytes_before)
    by = "" if done == wanted else rate.by if rate else ""
    return CellCost(cell.arm, cell.seed, str(cell.path), done, wanted, seconds, size, by)


def _kind(config: Config) -> Any:
    return beginning_of(config.model_copy(update={"seed": 0}))


def _measured(cells: Sequence[Cell]) -> _Rate | None:
    """The means over all generations of an arm that were made and timed."""
    before: list[float] = []
    each: list[float] = []
    sized: Path | None = None
    for cell in cells:
        for line in _log(cell.path / "volatile" / "log.jsonl"):
            if "generation" in line:
                each.append(float(line["seconds"]))
            elif "preparation_seconds" in line:
                before.append(float(line["preparation_seconds"]))
        if sized is None and cell.run.generations():
            sized = cell.path
    if not each or sized is None:
        return None
    return _Rate(
        max(before, default=0.0),
        statistics.fmean(each),
        _bytes_below(sized / "judge") + _bytes_below(sized / "reference"),
        _bytes_below(RunDirectory(sized).generations()[0]),
        MEASURED,
    )


def _probed(config: Config, workers: int) -> _Rate | None:
    try:
        with sharing_cores(workers):
            cost = estimate(config)
    except NumericalError:  # it would diverge; the cell itself will say so
        cost = None
    if cost is None:
        return None
    per_generation = (cost.training_seconds + cost.sampling_seconds) / config.generations
    return _Rate(0.0, per_generation, 0, cost.disk_bytes // config.generations, PROBED)


def _log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log that are whole."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            found.append(dict(json.loads(line)))
        except ValueError:  # a line that a killed process left unfinished
            continue
    return found


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
