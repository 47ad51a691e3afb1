"""``status``, ``show`` and ``verify``: look at what is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, RunArgument, print_json
from imgcollapse.cli.words import MISFIT, generation_row, header_row, is_misfit
from imgcollapse.errors import ConfigError, CorruptError

if TYPE_CHECKING:
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.first_mover import Advantage

CORRUPT = "corrupt"


def status(directory: RunArgument, as_json: JsonOption = False) -> None:
    """Say how far a run, or every run below a folder, has come."""
    found = [_state(path) for path in _runs_below(directory, begun_only=False)]
    if as_json:
        print_json({"runs": found})
    else:
        for one in found:
            far = f", {one['done']} of {one['generations']} generations"
            print(f"{one['run']}: {one['state']}{far if one['generations'] else ''}")
    if any(one["state"].startswith(CORRUPT) for one in found):
        raise typer.Exit(CorruptError.exit_code)


def _runs_below(directory: Path, begun_only: bool = True) -> list[Path]:
    """The runs in a folder or in its folders; of a study its cells, in their order."""
    from imgcollapse.store.finding import runs_below
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.study_folder import StudyFolder

    study = StudyFolder(directory)
    if not study.exists:
        return runs_below(directory)
    cells = study.cell_paths()
    paths = [path for path in cells if not begun_only or RunDirectory(path).exists]
    if not paths:
        raise ConfigError(f"no cell of the study is begun ({directory})", "imgcollapse study")
    return paths


def _state(path: Path) -> dict[str, Any]:
    from imgcollapse.store.lock import holder, is_locked
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.study_folder import read_failure

    run = RunDirectory(path)
    done = len(run.generations())
    failure = read_failure(path)
    state = f"failed: {failure['message']}" if failure else "not begun"
    wanted = None
    if run.exists:
        try:
            run.check_readable()
            wanted = run.config().generations
        except CorruptError as error:
            state = f"{CORRUPT}: {error.message}"
            return {"run": str(path), "state": state, "done": done, "generations": None}
        if failure:
            pass
        elif done == wanted:
            state = "complete"
        else:
            state = "stopped, give its command again to go on"
    if is_locked(path):
        state = f"running ({holder(path / 'run.lock')})"
    return {"run": str(path), "state": state, "done": done, "generations": wanted}


def show(directory: RunArgument, as_json: JsonOption = False) -> None:
    """Print the scores of a run, and what its pools are made of, generation by generation."""
    from imgcollapse.cli.lineage import lineage_lines
    from imgcollapse.figures.tables import RunTables
    from imgcollapse.scores import FLOOR, percent, select
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.first_mover import first_mover

    paths = _runs_below(directory)
    for path in paths:
        RunDirectory(path).check_readable()
    advantages = list(first_mover(paths))
    if as_json:
        print_json(
            {
                "runs": [_as_dict(RunDirectory(path)) for path in paths],
                "first_mover": [one.as_dict() for one in advantages],
            }
        )
        return
    for path in paths:
        run = RunDirectory(path)
        config = run.config()
        if not (path / "reference").is_dir():
            print(f"{path}: nothing committed yet")
            continue
        tables = RunTables.read(run)
        head = tables.head
        began = percent(tables.initial_shares().shares[0])
        print(
            f"{path}: {config.data.source}, {config.generator.kind}, policy "
            f"{config.policy.preset or 'of its own'}, seed {config.seed}; head {head} began with "
            f"{began} of {tables.initial_counts.sum():,} images"
        )
        print(header_row(timed=False))
        misfit = False
        for generation in [FLOOR, *tables.generations]:
            here = [score for score in tables.scores if score.generation == generation]
            loss = run.pool(generation)["loss"] if generation >= 0 else None
            print(generation_row(here, head, tables.tail, generation, loss=loss))
            misfit |= is_misfit(here)
        if misfit:
            print(MISFIT)
        print(f"pools (images of each origin{'; generations of the web' if config.lab else ''}):")
        for generation in tables.generations:
            print("\n".join(lineage_lines(config.starts + generation, run.pool(generation))))
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

    _print_advantages(advantages)


def _print_advantages(advantages: Sequence[Advantage]) -> None:
    if advantages:
        print("what late labs are beside those that were there from the start (95 % limits):")
    for one in advantages:
        share = one.metric == "tail_share"
        low, value, high = (
            "" if number is None else f"{100 * number:+.1f} %" if share else f"{number:+.3g}"
            for number in (one.low, one.value, one.high)
        )
        limits = f" ({low} to {high})" if low else ""
        print(
            f"  generation {one.generation}: {one.late} (since {one.starts}) less {one.first}: "
            f"{one.metric} {value}{limits}"
        )


def _as_dict(run: RunDirectory) -> dict[str, Any]:
    numbers = range(len(run.generations()))
    return {
        "run": str(run.path),
        "scores": [score.as_row() for score in run.scores()],
        "pools": [{"generation": number, **run.pool(number)} for number in numbers],
    }


def verify(
    directory: RunArgument,
    scores: Annotated[
        bool, typer.Option("--scores", help="Measure all scores again from the images too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare every committed file of a run with the manifest."""
    from imgcollapse.store.run_directory import RunDirectory

    checked = {str(path): RunDirectory(path).check() for path in _runs_below(directory)}
    measured: dict[str, int] = {}
    if scores:
        from imgcollapse.study.rescoring import check_scores

        measured = {path: check_scores(RunDirectory(Path(path))) for path in checked}
    if as_json:
        print_json({"files": checked, "scores": measured})
        return
    for path, num_files in checked.items():
        says = f"{num_files} files are what the manifest says"
        print(f"{path}: {says if num_files else 'nothing is committed yet'}")
    for path, num_scores in measured.items():
        print(f"{path}: {num_scores:,} scores are the same when measured again")
