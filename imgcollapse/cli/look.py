"""``status``, ``show`` and ``verify``: look at what is there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from imgcollapse.cli.parameters import JsonOption, RunArgument, print_json
from imgcollapse.cli.words import generation_row, header_row
from imgcollapse.errors import ConfigError


def status(directory: RunArgument, as_json: JsonOption = False) -> None:
    """Say how far a run, or every run below a folder, has come."""
    found = [_state(path) for path in _runs_below(directory)]
    if as_json:
        print_json({"runs": found})
        return
    for one in found:
        print(f"{one['run']}: {one['state']}, {one['done']} of {one['generations']} generations")


def _runs_below(directory: Path) -> list[Path]:
    paths = [directory] if (directory / "config.yaml").is_file() else []
    if not paths and directory.is_dir():
        paths = sorted(path.parent for path in directory.glob("*/config.yaml"))
    if not paths:
        raise ConfigError(f"no run here ({directory})", "imgcollapse run CONFIG --out DIR")
    return paths


def _state(path: Path) -> dict[str, Any]:
    from imgcollapse.store.lock import holder, is_locked
    from imgcollapse.store.run_directory import RunDirectory

    run = RunDirectory(path)
    done, wanted = len(run.generations()), run.config().generations
    state = "complete" if done == wanted else "stopped, give its command again to go on"
    if is_locked(path):
        state = f"running ({holder(path / 'run.lock')})"
    return {"run": str(path), "state": state, "done": done, "generations": wanted}


def show(directory: RunArgument, as_json: JsonOption = False) -> None:
    """Print the scores of a run, generation by generation."""
    from imgcollapse.figures.tables import RunTables
    from imgcollapse.scores import FLOOR, percent, select
    from imgcollapse.store.run_directory import RunDirectory

    if as_json:
        runs = {str(path): RunDirectory(path).scores() for path in _runs_below(directory)}
        rows = [
            {"run": path, "scores": [asdict(score) for score in scores]}
            for path, scores in runs.items()
        ]
        print_json({"runs": rows})
        return
    for path in _runs_below(directory):
        run = RunDirectory(path)
        config = run.config()
        if not (path / "reference" / "counts.json").is_file():
            print(f"{path}: nothing committed yet")
            continue
        tables = RunTables.read(run)
        head = tables.classes[tables.order[0]]
        began = percent(tables.initial_shares().shares[0])
        print(
            f"{path}: {config.data.source}, {config.generator.kind}, policy "
            f"{config.policy.preset or 'of its own'}, seed {config.seed}; head {head} began with "
            f"{began} of {tables.initial_counts.sum():,} images"
        )
        print(header_row(timed=False))
        for generation in [FLOOR, *tables.generations]:
            here = [score for score in tables.scores if score.generation == generation]
            loss = run.loss(generation) if generation >= 0 else None
            print(generation_row(here, head, generation, loss=loss))
        last = tables.generations[-1] if tables.generations else FLOOR
        scores = [score for score in tables.scores if score.generation == last]
        print(f"shares in generation {last} (began with; corrected, 95 % interval; counted):")
        initial = tables.initial_shares()
        for name, began in zip(initial.names, initial.shares, strict=True):
            one = select(scores, "share", class_=name)[0]
            raw = select(scores, "share_raw", class_=name)[0]
            interval = f"{percent(one.low or 0)} to {percent(one.high or 0)}"
            print(
                f"  {name:<22} {percent(began):>8}  {percent(one.value):>8}  "
                f"({interval})  {percent(raw.value)}"
            )


def verify(directory: RunArgument, as_json: JsonOption = False) -> None:
    """Compare every committed file of a run with the manifest."""
    from imgcollapse.store.run_directory import RunDirectory

    checked = {str(path): RunDirectory(path).check() for path in _runs_below(directory)}
    if as_json:
        print_json({"files": checked})
        return
    for path, num_files in checked.items():
        print(f"{path}: {num_files} files are what the manifest says")
