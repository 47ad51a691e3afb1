"""A generation for other tools: its samples as they were drawn, or its model for diffusers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgcollapse.config import Config
from imgcollapse.data.writing import staged, write_folder, write_npz, write_zip
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.store.files import read_json
from imgcollapse.store.manifest import check_generation
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.model_card import model_card

WRITERS: dict[str, Callable[[ImageSet, Path], None]] = {
    "npz": write_npz,
    "zip": write_zip,
    "folder": write_folder,
}
ENDINGS = {"npz": ".npz", "zip": ".zip"}
FORMATS = ("diffusers", *WRITERS)
LABELS = ("intended", "judged")


@dataclass(frozen=True)
class Exported:
    """What was written; ``num_images`` is 0 of a model, ``labels`` what the images have."""

    num_images: int = 0
    labels: str = "none"
    unlabelled: int = 0


def export_images(
    run: RunDirectory,
    number: int,
    to: str,
    out: Path,
    *,
    num: int | None = None,
    labels: str = "intended",
) -> Exported:
    """Writes the samples of a generation, or the first ``num``, in a format of ``WRITERS``.

    ``labels`` are those that were intended, if any, or the verdicts of the run's judge. ConfigError
    where the format, the generation or the number cannot be had, or a zip would hold images
    without a class beside others; DataError where something is at ``out``; CorruptError where the
    generation is not what the manifest says.
    """
    ending = ENDINGS.get(to, "")
    if ending and out.suffix.lower() != ending:
        raise ConfigError(f"--to {to} writes a file that ends in {ending} ({out})", "name it so")
    folder = _checked(run, number, out)
    images = run.samples(number, tuple(run.initial_counts()))
    if num is not None and num > len(images):
        raise ConfigError(
            f"generation {number} sampled {len(images):,} images, and {num:,} are asked for "
            f"({folder})",
            "lower --num, or draw more with the model: --to diffusers",
        )
    images = images[:num]
    if labels == "judged":
        images = _judged(run, images)
    without = int((images.labels == UNLABELLED).sum())
    WRITERS[to](images, out)
    return Exported(len(images), "none" if without == len(images) else labels, without)


def export_pipeline(run: RunDirectory, number: int, out: Path) -> Exported:
    """Writes a folder that ``DDPMPipeline.from_pretrained`` loads and that can be called.

    The weights are those of the run, byte for byte; beside them lie the scheduler that comes
    nearest to the run's sampler, and a card. ConfigError where the generator is no unconditional
    diffusion on pixels; else as ``export_images``.
    """
    config = run.config()
    _refuse_unless_pipeline(config)
    model = _checked(run, number, out) / "model"
    from imgcollapse.generators.samplers import make_pipeline_scheduler, make_scheduler

    objective = config.generator.objective
    scheduler = make_pipeline_scheduler(config.sampling, objective)
    name = type(scheduler).__name__
    is_own = isinstance(make_scheduler(config.sampling, objective, clip=True), type(scheduler))
    card = model_card(run, number, name, is_own)
    index = {**read_json(model / "model_index.json"), "scheduler": ["diffusers", name]}
    with staged(out, "model") as staging:
        shutil.copytree(model / "unet", staging / "unet")
        scheduler.save_pretrained(staging / "scheduler")
        text = json.dumps(index, indent=2) + "\n"
        (staging / "model_index.json").write_text(text, encoding="utf-8")
        (staging / "README.md").write_text(card, encoding="utf-8")
    return Exported()


def _checked(run: RunDirectory, number: int, out: Path) -> Path:
    """The folder of a generation that is committed and whole, where ``out`` is free."""
    folders = run.generations()
    if not 0 <= number < len(folders):
        have = f"the run has 0 to {len(folders) - 1}" if folders else "the run has none yet"
        raise ConfigError(f"generation {number} is not committed ({run.path})", have)
    if os.path.lexists(out):
        raise DataError(f"there is something at this path already ({out})", "name another path")
    check_generation(run.path, number, folders[number])
    return folders[number]


def _refuse_unless_pipeline(config: Config) -> None:
    generator = config.generator
    kind, network = generator.kind, generator.network
    if kind != "diffusion":
        why = f"generator.kind is {kind}"
    elif network != "unet":
        on = "a linear first stage" if generator.first_stage else "dense layers"
        why = f"generator.network is {network}, on {on}"
    elif generator.labels != "none":
        why = f"it is asked for classes (generator.labels: {generator.labels})"
    elif generator.negative is not None and generator.negative.kind == "sims":
        why = "its predictions are those of two networks (generator.negative.kind: sims)"
    else:
        return
    raise ConfigError(
        f"no pipeline of diffusers can hold this generator: {why}",
        "unconditional diffusion with generator.network: unet can be exported to diffusers; of "
        "this run export the images: --to npz, zip or folder",
    )


def _judged(run: RunDirectory, images: ImageSet) -> ImageSet:
    from imgcollapse.device import pick_device
    from imgcollapse.metrics.judge import Judge

    judge = Judge.load(run.path / "judge", pick_device("auto"))
    verdicts = judge.look(np.ascontiguousarray(images.images)).classes
    return ImageSet(images.images, verdicts, images.origin, images.classes)
