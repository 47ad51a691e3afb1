"""``imgcollapse run``: one chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import (
    ConfigArgument,
    JsonOption,
    SetOption,
    WithOption,
    print_json,
    read_config,
)
from imgcollapse.cli.reporter import ConsoleReporter, Interrupts

if TYPE_CHECKING:
    from imgcollapse.config import Config


def run(
    config: ConfigArgument,
    out: Annotated[
        Path | None, typer.Option(help="The run directory [default: runs/CONFIG-seedN].")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Overrides the config's seed.")] = None,
    set_: SetOption = None,
    with_: WithOption = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved config and its cost, and exit.")
    ] = False,
    max_time: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Stop in good order after so long."),
    ] = None,
    replicas: Annotated[
        int,
        typer.Option(
            min=1,
            help="So many chains below --out, with seeds that follow: dense networks trained as "
            "one stack, others at once in a process each.",
        ),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run one chain, or go on with one: give the same command again to resume."""
    overrides = list(set_ or [])
    overrides += [f"seed={seed}"] if seed is not None else []
    overrides += [f"device={device}"] if device is not None else []
    resolved = read_config(config, overrides, with_)
    if dry_run:
        _print_plan(resolved, replicas, as_json)
        return
    stem = Path("runs") / "+".join(Path(one).stem for one in (config, *(with_ or [])))
    if replicas > 1:
        _run_replicas(resolved, out or stem, replicas, max_time, as_json)
        return
    folder = out or stem.with_name(f"{stem.name}-seed{resolved.seed}")
    reporter = ConsoleReporter(resolved, max_time, to_stderr=as_json)
    from imgcollapse.study.run import run_to_disk

    made = run_to_disk(resolved, folder, reporter)
    if as_json:
        print_json({"run": str(folder), "generations": len(made.generations())})
    else:
        print(f"done: {folder} (imgcollapse show {folder})")


def _run_replicas(
    config: Config, out: Path, num: int, max_time: float | None, as_json: bool
) -> None:
    configs = [config.model_copy(update={"seed": config.seed + more}) for more in range(num)]
    interrupts = Interrupts()
    reporters = [
        ConsoleReporter(one, max_time, as_json, f"seed {one.seed}", interrupts) for one in configs
    ]
    from imgcollapse.study.replicas import run_replicas

    runs = run_replicas(configs, out, reporters)
    if as_json:
        rows = [{"run": str(run.path), "generations": len(run.generations())} for run in runs]
        print_json({"runs": rows})
    else:
        print(f"done: {num} runs below {out} (imgcollapse show {out})")


def _print_plan(config: Config, chains: int, as_json: bool) -> None:
    from imgcollapse.config_file import to_yaml
    from imgcollapse.study.estimate import estimate

    cost = estimate(config, chains)
    if as_json:
        values = config.model_dump(mode="json", by_alias=True)
        print_json({"config": values, "cost": cost.as_dict() if cost else None})
        return
    print(to_yaml(config))
    print(f"# {cost.in_words() if cost else 'what it costs depends on the data'}")
