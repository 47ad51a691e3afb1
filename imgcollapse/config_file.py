"""Configs as YAML: found, read, laid over, and refused in words before anything is written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from imgcollapse.config import Config, DataConfig
from imgcollapse.config_layers import (
    KeyTwice,
    Loader,
    laid_over,
    read_config_file,
    read_layer,
    replaced_by,
)
from imgcollapse.errors import ConfigError

Sections = dict[str, type[BaseModel]]
"""Sections of which a key is one, by their kind."""


def load_config(path: Path, overrides: Sequence[str] = (), layers: Sequence[Path] = ()) -> Config:
    """Reads a YAML file, lays the own sections of ``layers`` and ``key=value`` over it, validates.

    Raises ConfigError that names the file and the key.
    """
    values = read_config_file(path)
    for layer in layers:
        values = laid_over(values, read_layer(layer))
    for override in overrides:
        lay_key(values, *read_override(override))
    over = [f"--with {one}" for one in layers] + [f"--set {one}" for one in overrides]
    return parse_config(values, f"{path}{' with ' if over else ''}{' '.join(over)}")


def parse_config(values: Mapping[str, Any], where: str = "config") -> Config:
    """Validates a mapping; ConfigError names the key, the allowed values and the nearest match."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        message, hint = explained(error)
        raise ConfigError(f"{message} ({where})", hint) from None


def lab_configs(config: Config) -> list[Config]:
    """The config of each lab of an ecosystem; ConfigError names the lab whose sections are wrong.

    Its generations are counted from the one in which it starts.
    """
    base = config.model_dump(mode="json", by_alias=True)
    labs = base.pop("labs")
    values = [
        laid_over(base, lab.sections) | {"generations": config.generations - lab.starts}
        for lab in config.labs
    ]
    seats = []
    for alone, lab in zip(values, labs, strict=True):
        policy = parse_config(alone, f"lab {lab['name']}").policy.model_dump(mode="json")
        seat = {name: lab[name] for name in ("name", "share", "starts")}
        seats.append({**seat, "watermark": policy["watermark"]})
    configs = [
        parse_config({**alone, "lab": {"name": lab["name"], "web": seats}}, f"lab {lab['name']}")
        for alone, lab in zip(values, labs, strict=True)
    ]
    silent = [one.lab.name for one in configs if one.lab and not one.gives_labels]
    for one in configs:
        if one.lab and silent and one.needs_labels and one.policy.window != "none":
            raise ConfigError(
                f"the lab {one.lab.name} learns classes, and samples of {silent[0]} have none",
                f"give {silent[0]} the repair relabel, or {one.lab.name} generator.label_dropout",
            )
    return configs


def read_override(override: str) -> tuple[str, Any]:
    """The dotted key and the value of a ``--set key=value``; ConfigError where it is none."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes key=value, not {override!r}", "--set generator.width=48")
    try:
        return key.strip(), yaml.load(text, Loader)
    except KeyTwice as error:
        raise ConfigError(f"{error.problem} (--set {override})", "keep one of the two") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"the value is not readable as YAML (--set {override})") from None


def lay_key(values: dict[str, Any], key: str, value: Any) -> None:
    """Puts one value at its dotted key; ConfigError where a part of the key is no section."""
    *sections, last = key.split(".")
    target = values
    for section in sections:
        inner = target.get(section)
        if inner is None:
            inner = target[section] = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"{section} is not a section ({key})", "see config schema")
        target = inner
    for name in replaced_by(".".join(sections), {last: value}):
        target.pop(name, None)
    target[last] = value


def explained(
    found: ValidationError,
    model: type[BaseModel] = Config,
    schema: str = "imgcollapse config schema",
) -> tuple[str, str]:
    """What is wrong with the first key of a ``model`` that is wrong, and a hint.

    ``schema`` is where its keys can be read.
    """
    errors = found.errors()
    error = errors[0]
    path, sections = _place(error["loc"], error["type"] == "extra_forbidden", model)
    key = ".".join(path) or "config"
    if error["type"] == "extra_forbidden":
        known = [name for section in sections.values() for name in _fields(section)]
        near = difflib.get_close_matches(path[-1], known, 1)
        elsewhere = [name for name in _all_keys(model) if name.split(".")[-1] == path[-1]]
        guess = near[0] if near else (elsewhere[0] if elsewhere else "")
        hint = f"did you mean {guess}? " if guess else ""
        return f"unknown key {key}", f"{hint}allowed: {', '.join(known)}"
    if error["type"] == "value_error":
        message, *hints = error["ctx"]["error"].args
        return message, hints[0] if hints else f"{schema} prints every key"
    hint = f"{schema} prints what each key may be"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        given = error["ctx"].get("tag")
        near = difflib.get_close_matches(given or "", sections, 1)
        wrong = f"{given!r}: not" if given else "missing,"
        message = f"{key}.kind: {wrong} one of {', '.join(sections)}"
        return message, f"did you mean {near[0]}?" if near else hint
    near = difflib.get_close_matches(str(error["input"]), _allowed_words(error), 1)
    branches = [one for one in errors if _place(one["loc"], False, model)[0] == path]
    message = "; ".join(dict.fromkeys(_in_words(one) for one in branches))
    return f"{key}: {error['input']!r}: {message}", f"did you mean {near[0]}?" if near else hint


def _in_words(error: ErrorDetails) -> str:
    allowed = _allowed_words(error)
    if allowed:
        return f"not one of {', '.join(allowed)}"
    if error["type"] == "tuple_type":
        return "input should be a list"
    return error["msg"][0].lower() + error["msg"][1:]


def _allowed_words(error: ErrorDetails) -> list[str]:
    if error["type"] != "literal_error":
        return []
    return [word.strip(" '") for word in error["ctx"]["expected"].replace(" or ", ",").split(",")]


def _place(
    location: Sequence[int | str], extra: bool, model: type[BaseModel]
) -> tuple[list[str], Sections]:
    """The keys of ours in pydantic's location, which also names the branches of unions.

    And the sections that the last of them may be, or, of an unknown (``extra``) key, that it is in.
    """
    path: list[str] = []
    sections: Sections = {"": model}
    for place, part in enumerate(location):
        if isinstance(part, int):
            if sections and path:
                path[-1] += f"[{part}]"
        elif len(sections) > 1 and part in sections:
            sections = {part: sections[part]}
        elif len(sections) == 1 and part in (fields := _fields(*sections.values())):
            path.append(part)
            sections = fields[part]
        elif extra and place == len(location) - 1:
            path.append(part)
    return path, sections


def _fields(model: type[BaseModel]) -> dict[str, Sections]:
    """The keys of a section, each with the sections that it may be."""
    return {
        info.alias or name: dict(_sections_in(info.annotation))
        for name, info in model.model_fields.items()
    }


def _sections_in(annotation: Any) -> Iterable[tuple[str, type[BaseModel]]]:
    """Sections in an annotation, by the kind that chooses one of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        yield str(get_args(kind.annotation)[0] if kind else ""), annotation
    for part in get_args(annotation):
        yield from _sections_in(part)


def _all_keys(model: type[BaseModel], prefix: str = "") -> dict[str, None]:
    """Every key of a config, in order."""
    keys: dict[str, None] = {}
    for name, sections in _fields(model).items():
        keys[prefix + name] = None
        for section in sections.values():
            keys |= _all_keys(section, f"{prefix}{name}.")
    return keys


def to_yaml(config: Config) -> str:
    """The resolved config as YAML, every key written out."""
    values = config.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def expand(path: str) -> Path:
    """A path of the config with ``~`` and ``$VARIABLES`` put in; ConfigError where one is unset."""
    expanded = os.path.expandvars(os.path.expanduser(path))
    if "$" in expanded:
        raise ConfigError(f"an environment variable is not set (path {path})", "export it first")
    return Path(expanded)


def data_root(config: DataConfig) -> Path:
    """``data.root``, else ``$IMGCOLLAPSE_DATA``, else ``./data``."""
    return expand(config.root or os.environ.get("IMGCOLLAPSE_DATA", "data"))
