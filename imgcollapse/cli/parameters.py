"""Arguments and options that several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from imgcollapse.config import Config

ConfigArgument = Annotated[
    str, typer.Argument(metavar="CONFIG", help="A YAML file, or the name of a shipped one.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as generator.width=48."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RunArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.")]


def read_config(name: str, overrides: list[str] | None) -> Config:
    """The resolved config of a CONFIG argument and its ``--set`` options."""
    from imgcollapse.config_file import find_config, load_config

    return load_config(find_config(name), overrides or [])


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
