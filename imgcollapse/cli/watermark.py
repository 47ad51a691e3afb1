"""``imgcollapse watermark``: mark images with a key, and find the images that carry one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError, DataError

if TYPE_CHECKING:
    from imgcollapse.images import ImageSet
    from imgcollapse.policies.watermark import Key
    from imgcollapse.policies.watermark_detection import Detection

MOST_FALSE = 0.1
LEAST_P = 1e-300
ImagesArgument = Annotated[
    Path, typer.Argument(metavar="IN", help="Images: a folder, zip, npz or IDX file.")
]

app = typer.Typer(help="Mark generated images, and find them again.", no_args_is_help=True)


@app.command()
def stamp(
    images: ImagesArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A .npz or .zip file, or a folder to make.")
    ],
    key: Annotated[str, typer.Option(help="Any text or number.")],
    psnr: Annotated[
        float,
        typer.Option(help="Peak signal-to-noise ratio that each image keeps, dB.", min=30, max=50),
    ] = 40,
    as_json: JsonOption = False,
) -> None:
    """Write images with an invisible mark that only the key finds; labels stay."""
    from imgcollapse.data.writing import write_images, writer_for
    from imgcollapse.policies.watermark import psnr_of
    from imgcollapse.policies.watermark import stamp as stamp_images

    _refuse_no_text([key])
    writer_for(out)
    plain = _read(images)
    marked = stamp_images(plain.images, key, psnr=psnr)
    write_images(replace(plain, images=marked), out)
    least = float(psnr_of(plain.images, marked).min())
    if as_json:
        print_json({"path": str(out), "images": len(plain), "key": key, "psnr": round(least, 2)})
    else:
        print(f"{out}: {len(plain):,} images marked, each at a PSNR of {least:.1f} dB or more")


@app.command()
def detect(
    images: ImagesArgument,
    key: Annotated[
        list[str] | None, typer.Option(help="The key; again for each of several.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A run, for the keys of all its generations so far.")
    ] = None,
    fpr: Annotated[
        float, typer.Option(help="Part of the unmarked images that may be taken for marked.")
    ] = 1e-3,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="REAL", help="Real images, as IN, that nobody marked."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which images carry a key, and whether the set as a whole does.

    The threshold lets through as many unmarked images as --fpr says, for all keys together: of
    random keys on the images themselves, or of these keys on the real images of --calibrate.
    With --run, the keys are those of a run's generations: the lineage of the images.
    """
    if not 0 < fpr <= MOST_FALSE:
        raise ConfigError(f"--fpr {fpr:g} is no false positive rate", f"up to {MOST_FALSE}")
    if bool(key) == bool(run):
        raise ConfigError("watermark detect looks for --key or for the keys of --run", "give one")
    named = _keys_of_run(run) if run else _named_once(key or [])
    names, keys = list(named), list(named.values())
    from imgcollapse.policies import watermark_detection as detection

    found = _read(images)
    if calibrate is None:
        threshold = detection.threshold_by_random_keys(found.images, num_keys=len(keys), fpr=fpr)
    else:
        real = _read(calibrate)
        if real.image_shape != found.image_shape:
            raise DataError(
                f"the images are {_shape(found)}, those to calibrate with {_shape(real)} "
                f"({calibrate})",
                "give real images of the same size and channels",
            )
        threshold = detection.threshold_by_real_images(real.images, keys, fpr=fpr)
    result = detection.detect(found.images, keys, threshold)
    if as_json:
        print_json(_as_dict(result, names, calibrate))
    else:
        _print_words(result, names, images, calibrate)


def _refuse_no_text(keys: Sequence[str]) -> None:
    """An unset variable of the shell gives an empty key; bytes that are no UTF-8 come as halves."""
    if "" in keys:
        raise ConfigError("--key is empty", "is the variable set that it comes from?")
    if any("\ud800" <= letter <= "\udfff" for key in keys for letter in key):
        raise ConfigError("--key is no text in UTF-8", "give a text or a number")


def _named_once(keys: Sequence[str]) -> Mapping[str, Key]:
    _refuse_no_text(keys)
    if repeated := next((one for one in keys if keys.count(one) > 1), None):
        raise ConfigError(f"--key {repeated} is given twice", "name each key once")
    return {key: key for key in keys}


def _keys_of_run(path: Path) -> Mapping[str, Key]:
    """The key of each committed generation of a run, by its name."""
    from imgcollapse.policies.watermark import generation_key
    from imgcollapse.store.run_directory import RunDirectory

    run = RunDirectory(path)
    config = run.config()
    if config.watermarks == {None}:
        raise ConfigError(f"the run marks nothing ({path})", "its config has no policy.watermark")
    if not run.generations():
        raise ConfigError(f"no generation is committed yet ({path})", "imgcollapse status DIR")
    return {
        f"generation {number}": generation_key(config.seed, number)
        for number in range(config.starts + len(run.generations()))
    }


def _read(path: Path) -> ImageSet:
    from imgcollapse.data.formats import read_images

    images, notes = read_images(path, image_size=None, how="antialias", samples=True)
    for note in notes:
        print(note, file=sys.stderr)
    return images


def _shape(images: ImageSet) -> str:
    return "×".join(str(length) for length in images.image_shape)


def _limits(count: int, n: int) -> tuple[float, float]:
    """95 % limits of a share, by Clopper and Pearson (1934)."""
    from scipy.stats import binomtest

    low, high = binomtest(count, n).proportion_ci()
    return float(low), float(high)


def _part(count: int, n: int) -> str:
    low, high = _limits(count, n)
    return f"{count:,} ({100 * count / n:.2f} %, {100 * low:.2f} to {100 * high:.2f} %)"


def _as_dict(result: Detection, keys: list[str], calibrate: Path | None) -> dict[str, Any]:
    n, detected = len(result.z), int(result.carries.any(1).sum())
    low, high = _limits(detected, n)
    return {
        "n": n,
        "detected": detected,
        "rate": detected / n,
        "low": low,
        "high": high,
        "threshold": round(result.threshold.z, 4),
        "fpr": result.threshold.fpr,
        "calibration": {
            "by": "random keys" if calibrate is None else str(calibrate),
            "values": result.threshold.values,
            "fitted": result.threshold.fitted,
        },
        "keys": dict(zip(keys, result.histogram().tolist(), strict=True)),
        "none": n - detected,
        "carrying": dict(zip(keys, result.carries.sum(0).tolist(), strict=True)),
        "sets": {key: asdict(one) for key, one in zip(keys, result.sets, strict=True)},
        "z": result.z.max(1).round(4).tolist(),
    }


def _print_words(result: Detection, keys: list[str], images: Path, calibrate: Path | None) -> None:
    n, threshold = len(result.z), result.threshold
    detected = int(result.carries.any(1).sum())
    width = max(len(name) for name in keys)
    what = "the key" if len(keys) == 1 else "one of the keys"
    print(f"{images}: {_part(detected, n)} of {n:,} images carry {what}")
    if len(keys) > 1:
        columns = (result.carries.sum(0).tolist(), result.histogram().tolist())
        for name, carrying, strongest in zip(keys, *columns, strict=True):
            print(f"  {name:<{width}}  {_part(carrying, n)}, most strongly {strongest:,}")
    by = "random keys on these images" if calibrate is None else f"{calibrate}"
    tail = ", in a fitted tail" if threshold.fitted else ""
    print(
        f"that is, z is above {threshold.z:.2f}, which {100 * threshold.fpr:g} % of images without "
        f"a key pass (calibrated with {by}{tail})"
    )
    print("the set as a whole:")
    for name, one in zip(keys, result.sets, strict=True):
        limits = "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"
        p = f"p = {one.p:.2g}" if one.p > LEAST_P else f"p < {LEAST_P:g}"
        print(
            f"  {name:<{width}}  mean z {one.mean_z:.2f}{limits}, by chance within "
            f"±{one.chance:.2f}; {p}"
        )
