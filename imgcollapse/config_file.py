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
from imgcollapse.config_layers import KeyTwice, Loader, laid_over, read_config_file, read_layer
from imgcollapse.errors import ConfigError


def load_config(path: Path, overrides: Sequence[str] = (), layers: Sequence[Path] = ()) -> Config:
    """Reads a YAML file, lays the own sections of ``layers`` and ``key=value`` over it, validates.

    Raises ConfigError that names the file and the key.
    """
    values = read_config_file(path)
    for layer in layers:
        values = laid_over(values, read_layer(layer))
    for override in overrides:
        _lay_over(values, override)
    over = [f"--with {one}" for one in layers] + [f"--set {one}" for one in overrides]
    return parse_config(values, f"{path}{' with ' if over else ''}{' '.join(over)}")


def parse_config(values: Mapping[str, Any], where: str = "config") -> Config:
    """Validates a mapping; ConfigError names the key, the allowed values and the nearest match."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        message, hint = _explain(error.errors())
        raise ConfigError(f"{message} ({where})", hint) from None


def lab_configs(config: Config) -> list[Config]:
    """The config of each lab of an ecosystem; ConfigError names the lab whose sections are wrong.

    Its generations are counted from the one in which it starts.
    """
    base = config.model_dump(mode="json", by_alias=True)
    labs = base.pop("labs")
    seats = [{name: lab[name] for name in ("name", "share", "starts")} for lab in labs]
    return [
        parse_config(
            laid_over(base, lab.sections)
            | {
                "generations": config.generations - lab.starts,
                "lab": {"name": lab.name, "web": seats},
            },
            f"lab {lab.name}",
        )
        for lab in config.labs
    ]


def _lay_over(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes key=value, not {override!r}", "--set generator.width=48")
    *sections, last = key.strip().split(".")
    target = values
    for section in sections:
        inner = target.get(section)
        if inner is None:
            inner = target[section] = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"{section} is not a section (--set {override})", "see config schema")
        target = inner
    try:
        target[last] = yaml.load(text, Loader)
    except KeyTwice as error:
        raise ConfigError(f"{error.problem} (--set {override})", "keep one of the two") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"the value is not readable as YAML (--set {override})") from None


def _explain(errors: Sequence[ErrorDetails]) -> tuple[str, str]:
    """What is wrong with the first key that is wrong, and a hint."""
    error = errors[0]
    path = _key_path(error["loc"], extra=error["type"] == "extra_forbidden")
    key = ".".join(path) or "config"
    if error["type"] == "extra_forbidden":
        known = _keys_at(path[:-1])
        near = difflib.get_close_matches(path[-1], known, 1)
        elsewhere = [name for name in _all_keys() if name.split(".")[-1] == path[-1]]
        guess = near[0] if near else (elsewhere[0] if elsewhere else "")
        hint = f"did you mean {guess}? " if guess else ""
        return f"unknown key {key}", f"{hint}allowed: {', '.join(known)}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"]), "imgcollapse config schema prints every key"
    near = difflib.get_close_matches(str(error["input"]), _allowed_words(error), 1)
    hint = "imgcollapse config schema prints what each key may be"
    branches = [one for one in errors if _key_path(one["loc"], extra=False) == path]
    message = "; ".join(dict.fromkeys(_in_words(one) for one in branches))
    return f"{key}: {error['input']!r}: {message}", f"did you mean {near[0]}?" if near else hint


def _in_words(error: ErrorDetails) -> str:
    allowed = _allowed_words(error)
    if allowed:
        return f"not one of {', '.join(allowed)}"
    return error["msg"][0].lower() + error["msg"][1:]


def _allowed_words(error: ErrorDetails) -> list[str]:
    if error["type"] != "literal_error":
        return []
    return [word.strip(" '") for word in error["ctx"]["expected"].replace(" or ", ",").split(",")]


def _key_path(location: Sequence[int | str], extra: bool) -> list[str]:
    """The keys of ours in pydantic's location, which also names the branches of unions."""
    path: list[str] = []
    model: type[BaseModel] | None = Config
    for place, part in enumerate(location):
        inner = dict(_fields(model)) if model else {}
        if part in inner:
            path.append(str(part))
            model = inner[str(part)]
        elif extra and place == len(location) - 1:
            path.append(str(part))
    return path


def _fields(model: type[BaseModel]) -> Iterable[tuple[str, type[BaseModel] | None]]:
    for name, info in model.model_fields.items():
        options = (info.annotation, *get_args(info.annotation))
        inner = next(
            (one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), None
        )
        yield info.alias or name, inner


def _keys_at(path: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Config
    for part in path:
        inner = dict(_fields(model)).get(part)
        if inner is None:
            return []
        model = inner
    return [name for name, _ in _fields(model)]


def _all_keys(model: type[BaseModel] = Config, prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, inner in _fields(model):
        keys.add(prefix + name)
        if inner is not None:
            keys |= _all_keys(inner, f"{prefix}{name}.")
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
