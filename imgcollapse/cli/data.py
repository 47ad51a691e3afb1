"""``imgcollapse data``: which images there are, what a file holds, and files of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from imgcollapse.cli.parameters import (
    ConfigArgument,
    JsonOption,
    SetOption,
    WithOption,
    print_json,
    read_config,
)
from imgcollapse.errors import ConfigError

app = typer.Typer(help="List, inspect and write image sets.", no_args_is_help=True)


@app.command(name="list")
def list_(as_json: JsonOption = False) -> None:
    """Print the sources that data.source can name."""
    from imgcollapse.data.sources import SOURCES

    if as_json:
        print_json({info.name: info.about for info in SOURCES})
        return
    for info in SOURCES:
        print(f"{info.name:<15} {info.about}")


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder, zip, npz or IDX file.")],
    as_json: JsonOption = False,
) -> None:
    """Say what an image file or folder holds: shape, classes and counts, duplicates."""
    from imgcollapse.data.formats import read_images

    images, notes = read_images(path, image_size=None, how="antialias")
    channels, height, width = images.image_shape
    counts = dict(zip(images.classes, images.counts().tolist(), strict=True))
    facts: dict[str, Any] = {
        "images": len(images),
        "channels": channels,
        "height": height,
        "width": width,
        "counts": counts,
        "unlabelled": int((images.labels < 0).sum()),
        "duplicates": len(images) - len(set(images.hashes())),
        "notes": notes,
    }
    if as_json:
        print_json(facts)
        return
    shape = f"{channels} × {height} × {width} (channels, height, width)"
    print(f"{path}: {len(images):,} images, {shape}")
    for note in notes:
        print(note)
    for name, count in counts.items():
        print(f"  {name:<22} {count:>8,}  {100 * count / len(images):5.1f} %")
    if facts["unlabelled"]:
        print(f"  {'without a class':<22} {facts['unlabelled']:>8,}")
    print(f"{facts['duplicates']:,} of them are copies of an earlier one")


@app.command()
def make(
    config: ConfigArgument,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A .npz or .zip file, or a folder to make.")
    ],
    split: Annotated[str, typer.Option(help="pool, judge, reference or floor.")] = "pool",
    set_: SetOption = None,
    with_: WithOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a split of a config's real images to a file or folder."""
    resolved = read_config(config, set_, with_)
    from imgcollapse.data.splits import make_splits
    from imgcollapse.data.writing import write_images, writer_for

    writer_for(out)
    parts = make_splits(resolved).parts()
    if split not in parts:
        raise ConfigError(f"no split {split}", f"one of {', '.join(parts)}")
    write_images(parts[split], out)
    if as_json:
        print_json({"path": str(out), "split": split, "images": len(parts[split])})
    else:
        print(f"{out}: {len(parts[split]):,} images")
