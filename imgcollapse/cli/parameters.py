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
WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="CONFIG", help="Lay the sections of a preset or remedy over CONFIG."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RunArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.")]


def read_config(
    name: str, overrides: list[str] | None = None, layers: list[str] | None = None
) -> Config:
    """The resolved config of a CONFIG argument with its ``--set`` and ``--with`` options."""
    from imgcollapse.config_file import lab_configs, load_config
    from imgcollapse.config_layers import find_config

    config = load_config(
        find_config(name), overrides or [], [find_config(one) for one in layers or []]
    )
    lab_configs(config)  # what is wrong with a lab is said before anything else is done
    return config


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
