"""A study as YAML: a base config, arms, a grid and seeds, resolved into the config of every arm."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from imgcollapse.config import Config
from imgcollapse.config_file import explained, lay_key, read_override
from imgcollapse.config_layers import (
    find_beside,
    laid_over,
    read_config_file,
    read_layer,
    read_yaml,
)
from imgcollapse.errors import ConfigError
from imgcollapse.section import Listed, Section
from imgcollapse.store.finding import folder_of

WITH = "with"
SCHEMA = "imgcollapse config schema --study"
OWN_NAMES = ("figures", "volatile")
OWN_ENDINGS = (".csv", ".html", ".yaml", ".parquet", ".lock", ".tmp")
Seeds = Annotated[int, Field(ge=1, le=100_000)] | Listed[Annotated[int, Field(ge=0)]]
Sections = dict[str, Any]
Grid = dict[str, Listed[Any]]


class QuickSection(Section):
    """What ``--quick`` lays over a study."""

    seeds: Seeds | None = None
    set: Sections = Field({})
    grid: Grid = Field({})


class StudyFile(Section):
    """What a study file may hold."""

    base: str = "smoke.yaml"
    set: Sections = Field({}, description="laid over the base, for all arms")
    seeds: Seeds = Field(3, description="how many, from the base's seed on, or a list of them")
    control: str | None = Field(None, description="the arm that others are compared with")
    arms: dict[str, Sections | None] = Field({}, description="name: sections laid over the base")
    grid: Grid = Field({}, description="dotted key: values; every arm with every combination")
    quick: QuickSection | None = None


@dataclass(frozen=True)
class Study:
    """Resolved: the config of every arm, at the first seed, and the seeds that all arms share."""

    name: str
    arms: dict[str, Config]
    seeds: tuple[int, ...]
    control: str
    grid: dict[str, tuple[Any, ...]]

    def config(self, arm: str, seed: int) -> Config:
        return self.arms[arm].model_copy(update={"seed": seed})

    def to_yaml(self) -> str:
        """All of it as YAML, every key of every arm written out."""
        values: dict[str, Any] = {"control": self.control, "seeds": list(self.seeds)}
        if self.grid:
            values["grid"] = {key: list(some) for key, some in self.grid.items()}
        values["arms"] = {
            arm: config.model_dump(mode="json", by_alias=True, exclude={"seed"})
            for arm, config in self.arms.items()
        }
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def read_study(path: Path, overrides: Sequence[str] = (), quick: bool = False) -> Study:
    """The study of a file, with ``key=value`` laid over.

    Keys of a study file, such as ``seeds`` or ``set.generations``, change the study; those of a
    config, such as ``generations``, every arm, also over what ``quick`` says. ConfigError names the
    file, and of wrong configs every arm that has one.
    """
    values = read_yaml(path)
    read = [read_override(override) for override in overrides]
    own = [one for one in read if one[0].split(".")[0] in StudyFile.model_fields]
    over = dict(one for one in read if one not in own)
    given = _with_keys(values, own, path)
    if quick:
        if given.quick is None:
            raise ConfigError(f"the study says nothing of --quick ({path})", "run it without")
        given = _with_keys(_laid_quickly(given, given.quick).model_dump(), own, path)
    arms = _resolved_arms(given, over, path)
    control = given.control or next(iter(arms))
    if control not in arms:
        raise ConfigError(f"control: there is no arm {control} ({path})", f"arms: {_named(arms)}")
    seeds = _seeds(given.seeds, next(iter(arms.values())).seed, path)
    name = f"{path.stem}-quick" if quick else path.stem
    return Study(name, arms, seeds, control, dict(given.grid))


def _with_keys(values: dict[str, Any], keys: Sequence[tuple[str, Any]], path: Path) -> StudyFile:
    """The study of these values with keys of its own laid over."""
    for key, value in keys:
        lay_key(values, key, value)
    try:
        return StudyFile.model_validate(values)
    except ValidationError as error:
        message, hint = explained(error, StudyFile, SCHEMA)
        raise ConfigError(f"{message} ({path})", hint) from None


def _laid_quickly(study: StudyFile, quick: QuickSection) -> StudyFile:
    return study.model_copy(
        update={
            "set": laid_over(study.set, quick.set),
            "grid": {**study.grid, **quick.grid},
            "seeds": study.seeds if quick.seeds is None else quick.seeds,
        }
    )


def _seeds(given: int | Sequence[int], first: int, path: Path) -> tuple[int, ...]:
    if isinstance(given, int):
        return tuple(range(first, first + given))
    if not given or len(set(given)) < len(given):
        raise ConfigError(f"seeds are one or more, each once ({path})", "seeds: [0, 1, 2]")
    return tuple(sorted(given))


def _resolved_arms(study: StudyFile, over: Mapping[str, Any], path: Path) -> dict[str, Config]:
    base = laid_over(read_config_file(find_beside(path, study.base)), study.set)
    points = [dict(zip(study.grid, some, strict=True)) for some in _combinations(study, path)]
    arms: dict[str, Config] = {}
    wrong: dict[str, list[str]] = {}
    hints: list[str] = []
    for arm, point in itertools.product(study.arms or {"": None}, points):
        name = " ".join([*([arm] if arm else []), *(f"{k}={_word(v)}" for k, v in point.items())])
        try:
            config = _resolved(base, study.arms.get(arm) or {}, point, over, path)
        except ConfigError as error:
            wrong.setdefault(error.message, []).append(name)
            hints.append(error.hint)
        else:
            arms[name] = config
    if wrong:
        lines = [f"{_named(names)}: {message}" for message, names in wrong.items()]
        raise ConfigError(
            f"the configs of the study are wrong ({path})\n"
            + "\n".join(f"  {line}" for line in lines),
            "; ".join(dict.fromkeys(hint for hint in hints if hint)),
        )
    _refuse_odd_names(list(arms), path)
    return arms


def _combinations(study: StudyFile, path: Path) -> list[tuple[Any, ...]]:
    if not study.arms and not study.grid:
        raise ConfigError(f"the study has neither arms nor a grid ({path})", "arms: {NAME: {}}")
    for key, some in study.grid.items():
        if not some or len({_word(value) for value in some}) < len(some):
            raise ConfigError(f"grid.{key} is one value or more, each once ({path})")
    return list(itertools.product(*study.grid.values()))


def _resolved(
    base: Sections, arm: Sections, point: Sections, over: Mapping[str, Any], path: Path
) -> Config:
    """Base, then the configs of ``with``, the arm's own sections, the grid, and ``--set``."""
    own = {key: value for key, value in arm.items() if key != WITH}
    if "seed" in {*own, *point, *over}:
        raise ConfigError("seed: an arm has no seed of its own", "seeds: [0, 1, 2] of the study")
    layers = arm.get(WITH, [])
    if not isinstance(layers, list) or not all(isinstance(one, str) for one in layers):
        raise ConfigError("with is a list of configs", "with: [presets/mix.yaml]")
    values = base
    for layer in layers:
        values = laid_over(values, read_layer(find_beside(path, layer)))
    values = copy.deepcopy(laid_over(values, own))
    for key, value in {**point, **over}.items():
        lay_key(values, key, value)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*explained(error)) from None
    if config.labs:
        raise ConfigError("labs: the cells of a study are chains, not ecosystems", "leave it out")
    return config


def _word(value: Any) -> str:
    """A value of a grid as it stands in the name of an arm."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.10g}"
    return json.dumps(value, separators=(",", ":"), default=str)


def _refuse_odd_names(arms: Sequence[str], path: Path) -> None:
    """ConfigError where folders of arms would collide with each other or with other files."""
    folders: dict[str, str] = {}
    for arm in arms:
        folder = folder_of(arm)
        if arm != arm.strip() or not folder.strip(".") or folder.startswith("."):
            raise ConfigError(f"{arm!r} is no name for an arm ({path})", "such as replace, or mix2")
        other = folders.setdefault(folder.casefold(), arm)
        if other != arm:
            raise ConfigError(
                f"the arms {other} and {arm} would share the folder {folder} ({path})",
                "name them apart in letters, digits or . _ = -",
            )
        if folder.casefold() in OWN_NAMES or folder.endswith(OWN_ENDINGS):
            raise ConfigError(
                f"the folder {folder} is one of the study's own ({path})", "rename it"
            )


def _named(arms: Sequence[str] | Mapping[str, Any]) -> str:
    names = list(arms)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
