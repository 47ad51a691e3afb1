"""A study on disk: the file that locks it, its cells, and why some of them failed."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imgcollapse.config import Config
from imgcollapse.config_file import to_yaml
from imgcollapse.errors import ConfigError, CorruptError, LabError, LockedError
from imgcollapse.store.files import RESTORE, TEMPORARY, read_json, write_json, write_text
from imgcollapse.store.finding import folder_of
from imgcollapse.store.lock import RunLock
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.study_file import Study

FILE = "study.yaml"
VOLATILE = "volatile"
FAILURES = "failures"
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Cell:
    """One arm with one seed: a run directory, and the config that it is to have."""

    arm: str
    seed: int
    config: Config
    path: Path

    @property
    def name(self) -> str:
        return f"{self.arm} seed {self.seed}"

    @property
    def run(self) -> RunDirectory:
        return RunDirectory(self.path)

    def is_begun(self) -> bool:
        """Whether the run was begun, with this config; ConfigError where with another."""
        if not self.run.exists:
            self.run.refuse_unless_same(self.config)
            return False
        try:
            alike = (self.path / "config.yaml").read_text(encoding="utf-8") == to_yaml(self.config)
        except (OSError, UnicodeDecodeError):
            alike = False
        if not alike:
            self.run.refuse_unless_same(self.config)
        return True

    @property
    def failure(self) -> Path:
        """Where the reason lies, if it failed."""
        return failure_of(self.path)


def failure_of(cell: Path) -> Path:
    """Where a study keeps the reason for which the run in ``cell`` failed."""
    return cell.parent.parent / VOLATILE / FAILURES / cell.parent.name / f"{cell.name}.json"


def write_failure(cell: Path, error: BaseException, details: str = "") -> None:
    """Keeps why a cell failed."""
    path = failure_of(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    is_known = isinstance(error, LabError)
    write_json(
        path,
        {
            "message": error.message if isinstance(error, LabError) else repr(error),
            "hint": error.hint if isinstance(error, LabError) else "",
            "exit_code": error.exit_code if isinstance(error, LabError) else LabError.exit_code,
            "details": "" if is_known else details,
        },
    )


def read_failure(cell: Path) -> dict[str, Any] | None:
    """Why a cell failed when it was last tried; None where it did not."""
    path = failure_of(cell)
    if not path.is_file():
        return None
    found: dict[str, Any] = read_json(path, message=str, exit_code=int)
    return found


class StudyFolder:
    """Reads and writes one study; the state of its cells is theirs alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / FILE).is_file()

    def cells(self, study: Study) -> Iterator[Cell]:
        """Arm by arm as declared, seeds rising."""
        for arm in study.arms:
            for seed in study.seeds:
                yield Cell(arm, seed, study.config(arm, seed), self.cell_path(arm, seed))

    def cell_path(self, arm: str, seed: int) -> Path:
        return self.path / folder_of(arm) / f"seed{seed}"

    def cell_paths(self) -> list[Path]:
        """Where the cells of the study that is here are, or are to be; CorruptError as it reads."""
        values = self._read()
        return [self.cell_path(arm, seed) for arm in values["arms"] for seed in values["seeds"]]

    def refuse_unless_same(self, study: Study) -> None:
        """ConfigError, with a diff, where another study, or something else, is in the folder.

        More seeds may join a study.
        """
        if self.exists:
            values = self._read()
            if set(values["seeds"]) <= set(study.seeds):
                values["seeds"] = list(study.seeds)
            held, wanted = _flat(values), _flat(yaml.safe_load(study.to_yaml()))
            lines = list(difflib.unified_diff(held, wanted, "", "", "", "", 0, ""))[2:]
            if changes := [line for line in lines if line[0] in "+-"]:
                shown = changes[:20] + ([f"… {len(changes) - 20} more"] if changes[20:] else [])
                raise ConfigError(
                    f"another study is in this folder ({self.path})\n"
                    + "\n".join(f"  {line}" for line in shown),
                    "give another --out, or the study that was begun there",
                )
        elif self.path.exists() and not (self.path.is_dir() and self._is_bare()):
            raise ConfigError(
                f"there is something else than a study ({self.path})", "give another --out"
            )

    def create(self, study: Study) -> None:
        """Makes the folder and writes what locks it."""
        (self.path / VOLATILE).mkdir(parents=True, exist_ok=True)
        with self.alone():
            self.refuse_unless_same(study)
            if not self.exists or self._read()["seeds"] != list(study.seeds):
                write_text(self.path / FILE, study.to_yaml())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until no other command writes what the study has beside its cells."""
        while True:
            try:
                lock = RunLock(self.path / VOLATILE).__enter__()
                break
            except LockedError:
                time.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            lock.__exit__()

    def _is_bare(self) -> bool:
        return {path.name for path in self.path.iterdir()} <= {VOLATILE, FILE + TEMPORARY}

    def _read(self) -> dict[str, Any]:
        path = self.path / FILE
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert isinstance(values["arms"], dict)
            assert isinstance(values["seeds"], list)
        except Exception as error:
            raise CorruptError(f"not a study that the lab wrote ({path})", RESTORE) from error
        return dict(values)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """One line for each value, with all its keys."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += _flat(value, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key}: {value}")
    return lines
