"""What the figures of a study are drawn from: the tables that ``study`` writes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.scores import COLUMNS, Score
from imgcollapse.store.files import RESTORE


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
Table = TypeVar("Table")
AGAIN = "imgcollapse study STUDY makes it again"


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study's folder, or of a copy of them without the cells.

    Each is read when it is first asked for; ``used`` holds the files that were asked for.
    """

    path: Path
    used: set[str] = field(default_factory=set)
    held: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path) -> StudyTables:
        """ConfigError where there is no study, or it has no tables yet."""
        if not (path / "study.yaml").is_file():
            raise ConfigError(f"not a study ({path})", "imgcollapse study STUDY makes one")
        if not (path / "study.csv").is_file():
            raise ConfigError(
                f"the study has no tables yet: they are made when its cells are done ({path})",
                "the same imgcollapse study command goes on with them",
            )
        return cls(path)

    def unused(self) -> StudyTables:
        """The same tables, of which nothing was asked for yet."""
        return StudyTables(self.path, held=self.held)

    @property
    def declared(self) -> dict[str, Any]:
        """What ``study.yaml`` holds; CorruptError where that is not what ``study`` wrote."""
        return self._held("study.yaml", self._read_declared)

    def _read_declared(self) -> dict[str, Any]:
        path = self.path / "study.yaml"
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            values = None
        kinds = {"arms": dict, "seeds": list, "control": str}
        if (
            not isinstance(values, dict)
            or not all(isinstance(values.get(key), kind) for key, kind in kinds.items())
            or not all(isinstance(config, dict) for config in values["arms"].values())
        ):
            raise CorruptError(f"not a study that the lab wrote ({path})", RESTORE)
        return values

    @property
    def scores(self) -> dict[tuple[str, int], list[Score]]:
        """Every score of every cell: (arm, seed) -> scores."""
        return self._held("study.csv", self._read_scores)

    def _read_scores(self) -> dict[tuple[str, int], list[Score]]:
        found: dict[tuple[str, int], list[Score]] = {}
        kinds = {"arm": str, "seed": int} | dict(
            zip(COLUMNS, get_type_hints(Score).values(), strict=True)
        )
        for arm, seed, *values in _read(self.path / "study.csv", kinds):
            found.setdefault((arm, seed), []).append(Score(*values))
        return found

    @property
    def arms(self) -> tuple[str, ...]:
        """As they were declared."""
        return tuple(dict.fromkeys(arm for arm, _ in self.scores))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for _, seed in self.scores}))

    @property
    def control(self) -> str:
        """The arm that others are compared with."""
        return str(self.declared["control"])

    @property
    def counts(self) -> list[Count]:
        return self._rows("counts.csv", Count)

    @property
    def summary(self) -> list[Summary]:
        return self._rows("summary.csv", Summary)

    @property
    def differences(self) -> list[Difference]:
        return self._rows("differences.csv", Difference)

    @property
    def survival(self) -> list[Survival]:
        return self._rows("survival.csv", Survival)

    @property
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
        return self._held(
            name, lambda: [kind(*values) for values in _read(self.path / name, kinds)]
        )

    def _held(self, name: str, read: Callable[[], Table]) -> Table:
        self.used.add(name)
        if name not in self.held:
            self.held[name] = read()
        found: Table = self.held[name]
        return found


def knobs(arm: str) -> dict[str, str]:
    """The swept keys in the name of an arm: ``mix sampling.lambda=0.9`` -> sampling.lambda: 0.9."""
    parts = (part.partition("=") for part in arm.split(" ") if "=" in part)
    return {key: value for key, _, value in parts}


def _read(path: Path, kinds: dict[str, Any]) -> Iterator[list[Any]]:
    rows = csv.reader(io.StringIO(_text(path)), strict=True)
    try:
        if next(rows, None) != list(kinds):
            raise CorruptError(
                f"the table has other columns than {','.join(kinds)} ({path})", AGAIN
            )
        for row in rows:
            if len(row) != len(kinds):
                raise ValueError(f"a row has {len(row)} cells, not {len(kinds)}")
            yield [_value(kind, text) for kind, text in zip(kinds.values(), row, strict=True)]
    except (ValueError, csv.Error) as error:
        raise CorruptError(
            f"the table is not readable: row {rows.line_num}: {error} ({path})", AGAIN
        ) from None


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"a table of the study is missing ({path})", AGAIN) from None
    except OSError as error:
        raise CorruptError(f"the table is not readable: {error.strerror} ({path})", AGAIN) from None
    except UnicodeDecodeError:
        raise CorruptError(f"the table is not readable: it is not text ({path})", AGAIN) from None
    if not text.endswith("\n"):
        raise CorruptError(f"the table is not readable: its end is missing ({path})", AGAIN)
    return text


def _value(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if not text and kind not in (int, float):
        return None
    try:
        number = int(text) if kind is int else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]!r} is no {'whole' if kind is int else 'finite'} number")
    return number
