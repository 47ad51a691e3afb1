"""``imgcollapse config``: what a config resolves to, and what it may hold."""

from __future__ import annotations

from typing import Annotated

import typer

from imgcollapse.cli.parameters import (
    ConfigArgument,
    JsonOption,
    SetOption,
    WithOption,
    print_json,
    read_config,
)

app = typer.Typer(help="Show configs and their schema.", no_args_is_help=True)


@app.command()
def show(
    config: ConfigArgument,
    set_: SetOption = None,
    with_: WithOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a config with every key written out."""
    from imgcollapse.config_file import to_yaml

    resolved = read_config(config, set_, with_)
    if as_json:
        print_json(resolved.model_dump(mode="json", by_alias=True))
    else:
        print(to_yaml(resolved), end="")


@app.command()
def schema(
    study: Annotated[bool, typer.Option("--study", help="Of a study file instead.")] = False,
) -> None:
    """Print the JSON schema of a config."""
    from imgcollapse.config import Config
    from imgcollapse.study.study_file import StudyFile

    print_json((StudyFile if study else Config).model_json_schema(by_alias=True))
