"""``imgcollapse measure``: scores of any images against a reference."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.cli.words import MISFIT, is_misfit
from imgcollapse.errors import ConfigError

if TYPE_CHECKING:
    from imgcollapse.scores import Score
    from imgcollapse.study.measuring import Measured

TRAIN = "train"
FACTS = ("accuracy", "num_held_out", "false_reject", "calibration_error", "sha256")


def measure(
    samples: Annotated[
        Path, typer.Argument(metavar="SAMPLES", help="Images: a folder, zip, npz or IDX file.")
    ],
    reference: Annotated[
        Path,
        typer.Option(help="Real images in the same formats, or an npz of mu and sigma."),
    ],
    judge: Annotated[
        str, typer.Option(help="A run whose judge is used, or train: on half of the reference.")
    ] = TRAIN,
    held_out: Annotated[
        Path | None,
        typer.Option(help="Real images that the samples' generator did not see, for nn_ratio."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="For scores.csv, the judge, mu and sigma of the reference."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the judge and of all draws.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Training steps of the judge.", min=1)] = 800,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    tstr: Annotated[
        bool, typer.Option(help="Train a classifier on the samples, test it on the reference.")
    ] = True,
    inception: Annotated[
        bool, typer.Option("--inception", help="Also fid and kid, on Inception features.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="The Inception weights file, for --inception.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the Inception weights if need be.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure images from anywhere: which classes they lack, and how far they are from real.

    The reference is halved: one half is compared with, the other gives the floor, what real images
    score. The table has both; a judge is trained, and says how good it is, unless one is given.
    """
    from_run = None if judge == TRAIN else Path(judge)
    if from_run is not None and not (from_run / "judge" / "judge.json").is_file():
        raise ConfigError(f"no judge there ({from_run})", "give a run directory, or --judge train")
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device: {device!r}", "it is auto, cpu or cuda")
    if out is not None:
        _refuse_no_place(out)
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.device import pick_device, set_up
    from imgcollapse.scores import to_csv
    from imgcollapse.store.files import write_text
    from imgcollapse.study.given_images import GivenImages
    from imgcollapse.study.inception_scores import load_inception, measure_by_inception
    from imgcollapse.study.measuring import measure as measure_by_judge
    from imgcollapse.study.reference_parts import NoJudge
    from imgcollapse.study.statistics_file import num_features

    chosen = pick_device("cuda" if device == "cuda" else "cpu" if device == "cpu" else "auto")
    set_up(chosen, True)
    found, by_inception = None, None
    notes: list[str] = []
    network = load_inception(weights, download=download, device=chosen) if inception else None
    drawn = GivenImages(samples, samples=True, kept=inception)
    real = GivenImages(reference, kept=inception)
    if network is None or num_features(reference) != network.dim:
        try:
            found = measure_by_judge(
                drawn,
                real,
                judge=from_run,
                held_out=held_out,
                steps=steps,
                seed=seed,
                tstr=tstr,
                device=chosen,
                watcher=_Heard(),
            )
            notes += found.notes
        except NoJudge as error:
            if network is None:
                raise
            notes.append(f"no scores by a judge: {error.message}")
    if network is not None:
        by_inception = measure_by_inception(drawn, real, network, seed=seed)
    results = [one for one in (found, by_inception) if one is not None]
    scores = [score for one in results for score in one.scores]
    if out is not None:
        with _folder(out) as folder:
            write_text(folder / "scores.csv", to_csv(scores))
            for one in results:
                one.save(folder)
    facts = None if found is None else {name: found.judge.facts[name] for name in FACTS}
    if as_json:
        rows_as_json = [score.as_row() for score in scores]
        print_json({"scores": rows_as_json, "judge": facts, "notes": notes})
        return
    for note in notes:
        print(note, file=sys.stderr)
    if found is not None:
        print(
            f"judge: {100 * found.judge.facts['accuracy']:.1f} % right on "
            f"{found.judge.facts['num_held_out']:,} held-out real images, rejects "
            f"{100 * found.judge.facts['false_reject']:.1f} % of them"
        )
        _print_words(found)
    _print_table(scores)


def _print_words(found: Measured) -> None:
    from imgcollapse.metrics.representation import representation
    from imgcollapse.scores import percent, select

    here = [score for score in found.scores if score.generation == 0]
    if is_misfit(here):
        print(MISFIT)
    rejected = select(here, "reject")[0].value
    print(
        f"{percent(rejected)} of the samples show no class (real images: "
        f"{percent(found.judge.facts['false_reject'])})"
    )
    if found.began is None:
        return
    classes = found.judge.facts["classes"]
    for one in representation(here, classes, found.began):
        print(f"  {one.in_words()}")


def _print_table(scores: list[Score]) -> None:
    from imgcollapse.scores import FLOOR

    shares = ("share", "share_raw", "share_em")
    floor = {
        (one.metric, one.class_, one.reference): one for one in scores if one.generation == FLOOR
    }
    print(f"\n{'score':<38}{'samples':>10}  {'95 % interval':<22}{'real':>10}  floor")
    for one in scores:
        if one.generation == FLOOR or one.metric in shares:
            continue
        real = floor.get((one.metric, one.class_, one.reference))
        against = one.reference if one.reference == "balanced" else ""
        name = " ".join(part for part in (one.metric, one.class_, against) if part)
        print(f"{name:<38}{_number(one.value):>10}  {_limits(one):<22}", end="")
        print(f"{_number(real.value):>10}  {_limits(real)}" if real else "")
    numbers = sorted({one.n for one in scores if one.generation == 0})
    says = f"n = {', '.join(f'{n:,}' for n in numbers)}"
    print(f"{says}; floor: limits of nine in ten real sets" if floor else says)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _limits(score: Score) -> str:
    if score.low is None or score.high is None:
        return ""
    return f"{_number(score.low)} to {_number(score.high)}"


def _refuse_no_place(out: Path) -> None:
    from imgcollapse.store.places import refuse_unwritable

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"there is something already ({out})", "give another --out")
    refuse_unwritable(out, "measurement")


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A new folder whose content moves into ``out`` when all is written."""
    out.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".partial-", dir=out))
    try:
        yield staged
        for path in sorted(staged.iterdir()):
            path.rename(out / path.name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if not any(out.iterdir()):
            out.rmdir()


class _Heard:
    """Says on stderr how far the judge's training is."""

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        if step == steps or step % 200 == 0:
            print(f"judge: step {step} of {steps}", file=sys.stderr)

    def should_stop(self) -> bool:
        return False
