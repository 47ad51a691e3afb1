"""``imgcollapse export``: a generation's images or model for other tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, RunArgument, print_json
from imgcollapse.errors import ConfigError


def export(
    directory: RunArgument,
    generation: Annotated[int, typer.Option(help="Which generation.")],
    to: Annotated[str, typer.Option(help="diffusers (the model), or npz, zip or folder (images).")],
    out: Annotated[Path, typer.Option(help="What is written; never over anything.")],
    num: Annotated[int | None, typer.Option(min=1, help="Only the first so many images.")] = None,
    labels: Annotated[
        str,
        typer.Option(
            help="intended: the classes that were asked for, if any were; judged: what the run's "
            "judge sees."
        ),
    ] = "intended",
    as_json: JsonOption = False,
) -> None:
    """Hand the samples of a generation, as they were drawn, or its model to other tools.

    npz is ADM's layout, zip that of StyleGAN's and EDM's readers, folder has a folder for each
    class. A folder of diffusers loads with DDPMPipeline.from_pretrained.
    """
    from imgcollapse.store.run_directory import RunDirectory
    from imgcollapse.study.export import FORMATS, LABELS, export_images, export_pipeline

    for option, value, known in (("--to", to, FORMATS), ("--labels", labels, LABELS)):
        if value not in known:
            raise ConfigError(f"no such {option}: {value}", f"{option} is {', '.join(known)}")
    run = RunDirectory(directory)
    if to == "diffusers":
        if num is not None or labels != "intended":
            raise ConfigError(
                "--num and --labels go with images, and --to diffusers writes the model",
                "leave them out, or give --to npz, zip or folder",
            )
        done = export_pipeline(run, generation, out)
    else:
        done = export_images(run, generation, to, out, num=num, labels=labels)
    if as_json:
        print_json(
            {
                "out": str(out),
                "to": to,
                "generation": generation,
                "images": done.num_images,
                "labels": done.labels,
                "unlabelled": done.unlabelled,
            }
        )
        return
    if to == "diffusers":
        print(f"{out}: the model of generation {generation}; its README.md says how to call it")
        return
    print(f"{out}: {done.num_images:,} images of generation {generation}, labels: {done.labels}")
    if done.labels == "none":
        print(
            "no classes were asked for, so there are no labels; --labels judged gives verdicts",
            file=sys.stderr,
        )
    elif done.unlabelled:
        print(f"{done.unlabelled:,} of them have no class", file=sys.stderr)
