"""``imgcollapse run``: one chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import (
    ConfigArgument,
    JsonOption,
    SetOption,
    print_json,
    read_config,
)
from imgcollapse.cli.reporter import ConsoleReporter


def run(
    config: ConfigArgument,
    out: Annotated[
        Path | None, typer.Option(help="The run directory [default: runs/CONFIG-seedN].")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Overrides the config's seed.")] = None,
    set_: SetOption = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved config and its cost, and exit.")
    ] = False,
    max_time: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop in good order after so long."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run one chain, or go on with one: give the same command again to resume."""
    overrides = list(set_ or [])
    overrides += [f"seed={seed}"] if seed is not None else []
    overrides += [f"device={device}"] if device is not None else []
    resolved = read_config(config, overrides)
    if dry_run:
        _print_plan(config, overrides, as_json)
        return
    folder = out or Path("runs") / f"{Path(config).stem}-seed{resolved.seed}"
    reporter = ConsoleReporter(resolved, max_time, to_stderr=as_json)
    from imgcollapse.study.run import run_to_disk

    made = run_to_disk(resolved, folder, reporter)
    if as_json:
        print_json({"run": str(folder), "generations": len(made.generations())})
    else:
        print(f"done: {folder} (imgcollapse show {folder})")


def _print_plan(name: str, overrides: list[str], as_json: bool) -> None:
    from imgcollapse.config_file import to_yaml
    from imgcollapse.study.estimate import estimate

    config = read_config(name, overrides)
    cost = estimate(config)
    if as_json:
        values = config.model_dump(mode="json", by_alias=True)
        print_json({"config": values, "cost": cost.as_dict() if cost else None})
        return
    print(to_yaml(config))
    print(f"# {cost.in_words() if cost else 'what it costs depends on the data'}")
