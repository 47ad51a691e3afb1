"""``imgcollapse compare``: scores of two runs or measurements, side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError, DataError

if TYPE_CHECKING:
    from imgcollapse.scores import Score

Key = tuple[str, str, str]
SHARE_OF_ITS_OWN_N = "label_fidelity"
"""Counts the images that were meant to show a class: an outcome, and its bias is none."""


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run, what measure wrote, or a scores.csv.")
    ],
    second: Annotated[Path, typer.Argument(metavar="DIR", help="Another one.")],
    generation: Annotated[
        int | None, typer.Option(help="Which generation [default: the last that both have].")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare scores of different n or extractor too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print both values of every score, their difference, and whether the intervals meet.

    Scores of different n or of different feature networks are refused: their bias differs. Early
    warnings of pools of different sizes are left out.
    """
    from imgcollapse.metrics.warning import WARNINGS

    scores = [_scores(path) for path in (first, second)]
    number = _generation(scores, generation)
    ours, theirs = ({_key(one): one for one in rows if one.generation == number} for rows in scores)
    common = [key for key in ours if key in theirs]
    if not force:
        _refuse_other_references(first, second)
        left_out = [key for key in common if key[0] in WARNINGS and ours[key].n != theirs[key].n]
        common = [key for key in common if key not in left_out]
        _refuse_unlike([(ours[key], theirs[key]) for key in common])
        if left_out:
            names = ", ".join(metric for metric, *_ in left_out)
            sizes = f"{ours[left_out[0]].n:,} and {theirs[left_out[0]].n:,}"
            print(
                f"left out, because they are of {sizes} images: {names} (--force compares them)",
                file=sys.stderr,
            )
    rows = [_row(ours[key], theirs[key]) for key in common]
    if as_json:
        print_json({"generation": number, "rows": rows})
        return
    print(f"generation {number}: {first} and {second}")
    print(f"{'':<46}{'first':>12}{'second':>12}{'difference':>12}")
    for row in rows:
        name = " ".join(part for part in (row["metric"], row["class"], row["reference"]) if part)
        apart = "" if row["intervals_meet"] is not False else "  intervals apart"
        n, other_n = row["n"]
        sizes = "" if n == other_n else f"  n {n:,} and {other_n:,}"
        numbers = "".join(f"{row[what]:>12.4g}" for what in ("first", "second", "difference"))
        print(f"{name:<46}{numbers}{apart}{sizes}")


def _scores(path: Path) -> list[Score]:
    from imgcollapse.scores import from_csv
    from imgcollapse.store.run_directory import RunDirectory

    if RunDirectory(path).exists:
        return RunDirectory(path).scores()
    file = path / "scores.csv" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"neither a run nor a scores.csv ({path})", "imgcollapse status DIR")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"no table of scores ({file})", "give a scores.csv") from error
    return from_csv(text, str(file))


def _refuse_other_references(first: Path, second: Path) -> None:
    """What ``measure`` wrote holds the reference's statistics."""
    for name in ("stats.npz", "inception_stats.npz"):
        kept = [path / name for path in (first, second)]
        if all(path.is_file() for path in kept) and kept[0].read_bytes() != kept[1].read_bytes():
            raise ConfigError(
                "the two were measured against different references",
                "measure both against the same real images, or give --force",
            )


def _generation(scores: list[list[Score]], wanted: int | None) -> int:
    numbers = set.intersection(*({one.generation for one in rows} for rows in scores))
    if wanted is None and not numbers:
        raise ConfigError("the two have no generation in common")
    if wanted is not None and wanted not in numbers:
        have = ", ".join(str(number) for number in sorted(numbers))
        raise ConfigError(f"not both have generation {wanted}", f"both have {have}")
    return max(numbers) if wanted is None else wanted


def _key(score: Score) -> Key:
    return score.metric, score.class_, score.reference


def _refuse_unlike(pairs: list[tuple[Score, Score]]) -> None:
    for one, other in pairs:
        compared = ("n", "extractor") if one.metric != SHARE_OF_ITS_OWN_N else ("extractor",)
        for what in compared:
            values = getattr(one, what), getattr(other, what)
            if values[0] != values[1]:
                raise ConfigError(
                    f"{one.metric} has {what} {values[0]} in the first and {values[1]} in the "
                    "second: scores of different n or extractor cannot be compared",
                    "score both with the same judge and number of images, or give --force",
                )


def _row(one: Score, other: Score) -> dict[str, Any]:
    limits = (one.low, one.high, other.low, other.high)
    meet = None
    if None not in limits:
        low, high, other_low, other_high = (float(limit or 0) for limit in limits)
        meet = low <= other_high and other_low <= high
    metric, class_, reference = _key(one)
    return {
        "metric": metric,
        "class": class_,
        "reference": reference,
        "first": one.value,
        "second": other.value,
        "difference": other.value - one.value,
        "intervals_meet": meet,
        "n": [one.n, other.n],
    }
