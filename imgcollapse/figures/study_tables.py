"""What the figures of a study are drawn from: the tables that ``study`` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.scores import COLUMNS, Score


@dataclass(frozen=True)
class Summary:
    """A score over the chains of an arm, with 95 % limits over chains."""

    arm: str
    generation: int
    metric: str
    class_: str
    reference: str
    mean: float
    low: float | None
    high: float | None
    chains: int


@dataclass(frozen=True)
class Difference:
    """A score of an arm less that of the control, paired over seeds; ``p`` is of no difference."""

    arm: str
    control: str
    generation: int
    metric: str
    class_: str
    reference: str
    mean: float
    low: float | None
    high: float | None
    pairs: int
    p: float | None


@dataclass(frozen=True)
class Survival:
    """Classes of an arm that began with ``count`` images: Kaplan-Meier beside chance alone.

    ``alive`` is None where the loss of classes of so few images cannot be seen.
    """

    arm: str
    count: int
    generation: int
    at_risk: int
    lost: int
    alive: float | None
    expected: float | None


@dataclass(frozen=True)
class Coefficient:
    """Selection of a class over the chains of an arm; of no class, the crowding coefficient."""

    arm: str
    class_: str
    share: float | None
    value: float
    low: float | None
    high: float | None
    chains: int


@dataclass(frozen=True)
class Count:
    """Images of a class in the first pool of a cell."""

    arm: str
    seed: int
    class_: str
    count: int


Row = TypeVar("Row")


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study's folder, or of a copy of them without the cells."""

    path: Path

    @classmethod
    def read(cls, path: Path) -> StudyTables:
        """ConfigError where there is no study, or nothing of it is done."""
        if not (path / "study.yaml").is_file():
            raise ConfigError(f"not a study ({path})", "imgcollapse study STUDY makes one")
        if not (path / "study.csv").is_file():
            raise ConfigError(f"nothing of the study is done yet ({path})", "imgcollapse study")
        return cls(path)

    @cached_property
    def scores(self) -> dict[tuple[str, int], list[Score]]:
        """Every score of every cell: (arm, seed) -> scores."""
        found: dict[tuple[str, int], list[Score]] = {}
        kinds = {"arm": str, "seed": int} | dict(
            zip(COLUMNS, get_type_hints(Score).values(), strict=True)
        )
        for arm, seed, *values in _read(self.path / "study.csv", kinds):
            found.setdefault((arm, seed), []).append(Score(*values))
        return found

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """As they were declared."""
        return tuple(dict.fromkeys(arm for arm, _ in self.scores))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for _, seed in self.scores}))

    @cached_property
    def control(self) -> str:
        """The arm that others are compared with."""
        declared = yaml.safe_load((self.path / "study.yaml").read_text(encoding="utf-8"))
        return str(declared.get("control") or self.arms[0])

    @cached_property
    def counts(self) -> list[Count]:
        return self._rows("counts.csv", Count)

    @cached_property
    def summary(self) -> list[Summary]:
        return self._rows("summary.csv", Summary)

    @cached_property
    def differences(self) -> list[Difference]:
        return self._rows("differences.csv", Difference)

    @cached_property
    def survival(self) -> list[Survival]:
        return self._rows("survival.csv", Survival)

    @cached_property
    def selection(self) -> list[Coefficient]:
        return self._rows("selection.csv", Coefficient)

    def over_chains(
        self, arm: str, metric: str, *, reference: str = "", class_: str = ""
    ) -> dict[int, Summary]:
        """One score of an arm over its chains, by generation; the floor is -1."""
        return {
            one.generation: one
            for one in self.summary
            if (one.arm, one.metric, one.reference, one.class_) == (arm, metric, reference, class_)
        }

    def _rows(self, name: str, kind: type[Row]) -> list[Row]:
        kinds = {name.rstrip("_"): one for name, one in get_type_hints(kind).items()}
        return [kind(*values) for values in _read(self.path / name, kinds)]


def knobs(arm: str) -> dict[str, str]:
    """The swept keys in the name of an arm: ``mix sampling.lambda=0.9`` -> sampling.lambda: 0.9."""
    parts = (part.partition("=") for part in arm.split(" ") if "=" in part)
    return {key: value for key, _, value in parts}


def _read(path: Path, kinds: dict[str, Any]) -> Iterable[list[Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise ConfigError(
            f"a table of the study is missing ({path})", "imgcollapse study STUDY makes it"
        ) from None
    rows = csv.reader(io.StringIO(text))
    if next(rows, None) != list(kinds):
        raise CorruptError(f"the table has other columns than {','.join(kinds)} ({path})")
    for row in rows:
        try:
            pairs = zip(kinds.values(), row, strict=True)
            yield [_value(kind, text) for kind, text in pairs]
        except ValueError as error:
            raise CorruptError(f"the table is not readable: {error} ({path})") from None


def _value(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind is int:
        return int(text)
    return None if not text and kind is not float else float(text)
