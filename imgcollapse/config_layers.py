"""Config files that extend others, and sections laid over sections."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from imgcollapse.errors import ConfigError

EXTENDS = "extends"
PRESET_FILLS = {
    "policy": (
        "real", "hoarded_until", "window", "cap", "subsample", "real_fraction", "pool",
    ),
    "sampling": ("sampler", "steps"),
}  # fmt: skip
"""What the preset of a section decides: a preset that is laid over takes their place."""
WHOLE_WITH_A_KIND = ("filter",)
"""Put in whole by a layer that names the kind, be it the same: what it does not give is unset."""


def shipped_configs() -> Path:
    """The folder of configs that comes with the package."""
    packaged = Path(str(importlib.resources.files("imgcollapse"))) / "configs"
    return packaged if packaged.is_dir() else packaged.parent.parent / "configs"


def shipped_studies() -> Path:
    """The folder of studies that comes with the package, beside the configs."""
    return shipped_configs() / "studies"


def list_configs() -> list[Path]:
    """Every shipped config, studies left out."""
    studies = shipped_studies()
    return sorted(path for path in shipped_configs().rglob("*.yaml") if studies not in path.parents)


def find_config(name: str) -> Path:
    """A config file by path, or by the name of a shipped one (``demo``, ``presets/ouroboros``)."""
    return _find(name, shipped_configs(), list_configs(), "config")


def find_study(name: str) -> Path:
    """A study file by path, or by the name of a shipped one (``policies``)."""
    folder = shipped_studies()
    return _find(name, folder, sorted(folder.glob("*.yaml")), "study")


def _find(name: str, folder: Path, paths: Sequence[Path], what: str) -> Path:
    for candidate in (Path(name), folder / name, folder / f"{name}.yaml"):
        if candidate.is_file():
            return candidate
    shipped = [str(path.relative_to(folder)) for path in paths]
    near = difflib.get_close_matches(name, shipped, 1) or [
        one for one in shipped if Path(one).stem == Path(name).stem
    ]
    some = {"config": "configs", "study": "studies"}[what]
    raise ConfigError(
        f"no {what} file {name}",
        f"did you mean {near[0]}?" if near else f"shipped {some}: {', '.join(shipped)}",
    )


class Loader(yaml.SafeLoader):
    """Refuses a mapping that holds a key twice, of which YAML keeps the last without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise KeyTwice(None, None, f"the key {key.value} is given twice", key.start_mark)
            seen.add(str(key.value))
        return node


class KeyTwice(yaml.MarkedYAMLError):
    pass


def read_config_file(path: Path) -> dict[str, Any]:
    """The raw sections of a file, laid over those of the file that it extends.

    ConfigError where a file is not there, not readable, or extends itself.
    """
    return _read(path, ())


def read_layer(path: Path) -> dict[str, Any]:
    """The raw sections that a file itself gives."""
    values = read_yaml(path)
    values.pop(EXTENDS, None)
    return values


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the keys of ``over`` put in, section by section.

    Lists, sections of another ``kind``, and a policy's filter of any given kind are put in whole.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if (
            isinstance(old, Mapping)
            and isinstance(value, Mapping)
            and value.get("kind", old.get("kind")) == old.get("kind")
            and not (key in WHOLE_WITH_A_KIND and "kind" in value)
        ):
            left_out = replaced_by(key, value)
            kept = {name: one for name, one in old.items() if name not in left_out}
            merged[key] = laid_over(kept, value)
        else:
            merged[key] = value
    return merged


def replaced_by(section: str, over: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a section a preset, or a whole composition, that is laid over it decides."""
    filled = PRESET_FILLS.get(section, ())
    if over.get("preset") is not None:
        return filled
    whole = section == "policy" and set(over) >= {"real", "window", "cap"}
    return ("preset", *filled) if whole else ()


def find_beside(path: Path, name: str) -> Path:
    """The config that a file names: one beside it, or else as ``find_config`` finds it."""
    beside = path.parent / name
    return beside if beside.is_file() else find_config(name)


def _read(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    place = path.resolve()
    if place in below:
        raise ConfigError(f"the config extends itself ({path})", "a chain of extends has an end")
    values = read_yaml(path)
    name = values.pop(EXTENDS, None)
    if name is None:
        return values
    if not isinstance(name, str):
        raise ConfigError(f"extends names one config file ({path})", "extends: demo.yaml")
    base = find_beside(path, name)
    return laid_over(_read(base, (*below, place)), values)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty for an empty file; ConfigError says what is wrong."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        if isinstance(error, KeyTwice):
            raise ConfigError(f"{error.problem} ({path}{line})", "keep one of the two") from None
        raise ConfigError(
            f"not readable as YAML ({path}{line})", "check indentation and quotes"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the config: {error.strerror} ({path})") from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"a config is a mapping of sections ({path})", "see config show demo.yaml"
        )
    return values
