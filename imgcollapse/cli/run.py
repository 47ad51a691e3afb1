"""``imgcollapse run``: one chain."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
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
from imgcollapse.errors import ConfigError

if TYPE_CHECKING:
    from imgcollapse.config import Config
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.chain_run import Reporter


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
            help="So many chains below --out, with seeds that follow: at once, in a process each, "
            "or dense networks on a GPU as one stack.",
        ),
    ] = 1,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write scores, pictures and losses to DIR/volatile/tensorboard."
        ),
    ] = False,
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
    seeded = out or stem.with_name(f"{stem.name}-seed{resolved.seed}")
    if resolved.labs:
        if replicas > 1:
            raise ConfigError(
                "--replicas goes with one chain, and the config has labs",
                "give the seeds one after the other: --seed N",
            )
        _run_ecosystem(resolved, seeded, max_time, as_json, tensorboard)
        return
    if replicas > 1:
        _run_replicas(resolved, out or stem, replicas, max_time, as_json, tensorboard)
        return
    reporter = ConsoleReporter(resolved, max_time, to_stderr=as_json)
    from imgcollapse.study.run import run_to_disk

    with _shown([seeded], [reporter], tensorboard) as (heard,):
        made = run_to_disk(resolved, seeded, heard)
    if as_json:
        print_json(_as_row(made))
    else:
        print(f"done: {seeded} (imgcollapse show {seeded})")


def _run_replicas(
    config: Config, out: Path, num: int, max_time: float | None, as_json: bool, tensorboard: bool
) -> None:
    configs = [config.model_copy(update={"seed": config.seed + more}) for more in range(num)]
    interrupts = Interrupts()
    reporters = [
        ConsoleReporter(one, max_time, as_json, f"seed {one.seed}", interrupts) for one in configs
    ]
    from imgcollapse.study.replicas import replica_folder, run_replicas

    places = [replica_folder(out, one) for one in configs]
    with _shown(places, reporters, tensorboard) as heard:
        runs = run_replicas(configs, out, heard)
    _print_done(runs, "runs", out, as_json)


def _run_ecosystem(
    config: Config, out: Path, max_time: float | None, as_json: bool, tensorboard: bool
) -> None:
    from imgcollapse.config_file import lab_configs

    interrupts = Interrupts()
    names = [one.lab.name for one in lab_configs(config) if one.lab]
    reporters = [ConsoleReporter(config, max_time, as_json, name, interrupts) for name in names]
    from imgcollapse.study.ecosystem import run_ecosystem

    with _shown([out / name for name in names], reporters, tensorboard) as heard:
        by_name = dict(zip(names, heard, strict=True))
        runs = run_ecosystem(config, out, lambda one: by_name[one.lab.name if one.lab else ""])
    _print_done(runs, "labs", out, as_json)


@contextlib.contextmanager
def _shown(
    places: Sequence[Path], reporters: Sequence[ConsoleReporter], tensorboard: bool
) -> Iterator[Sequence[Reporter]]:
    """The reporters of runs at these places, with TensorBoard beside each where it is asked for."""
    if not tensorboard:
        yield reporters
        return
    from imgcollapse.study.reporters import Reporters
    from imgcollapse.study.tensorboard import FOLDER, TensorBoard

    boards = [TensorBoard(place) for place in places]
    for place in places:
        print(f"look: tensorboard --logdir {place / FOLDER}", file=sys.stderr)
    yield [Reporters(both) for both in zip(reporters, boards, strict=True)]
    for board in boards:
        board.finish()


def _print_done(runs: Sequence[RunDirectory], what: str, out: Path, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [_as_row(run) for run in runs]})
    else:
        print(f"done: {len(runs)} {what} below {out} (imgcollapse show {out})")


def _as_row(run: RunDirectory) -> dict[str, object]:
    return {"run": str(run.path), "generations": len(run.generations())}


def _print_plan(config: Config, chains: int, as_json: bool) -> None:
    from imgcollapse.config_file import lab_configs, to_yaml
    from imgcollapse.study.estimate import estimate

    labs = {one.lab.name: estimate(one) for one in lab_configs(config) if one.lab}
    cost = None if labs else estimate(config, chains)
    if as_json:
        plan: dict[str, object] = {"config": config.model_dump(mode="json", by_alias=True)}
        plan["cost"] = cost.as_dict() if cost else None
        if labs:
            plan["labs"] = {name: one.as_dict() if one else None for name, one in labs.items()}
        print_json(plan)
        return
    print(to_yaml(config))
    for name, one in (labs or {"": cost}).items():
        words = one.in_words() if one else "what it costs depends on the data"
        print(f"# {name + ': ' if name else ''}{words}")
