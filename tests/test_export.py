"""What is exported is read back by the tools it is for, and what cannot be is refused in words."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import TINY, Call, SilentReporter
from numpy.typing import NDArray
from PIL import Image

from imgcollapse.config_file import parse_config
from imgcollapse.data.formats import read_images
from imgcollapse.errors import ConfigError, CorruptError, DataError
from imgcollapse.generators.samplers import alphas_cumprod, make_pipeline_scheduler
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.sampling_config import FLOW_SAMPLERS, VP_SAMPLERS, SamplingConfig
from imgcollapse.store.run_directory import RunDirectory, write_samples
from imgcollapse.study.export import export_images, export_pipeline
from imgcollapse.study.run import run_to_disk

ENDINGS = {"npz": "set.npz", "zip": "set.zip", "folder": "set"}
MEAN, DEVIATION = 0.3, 0.2


def back(path: Path) -> ImageSet:
    return read_images(path, image_size=None, how="antialias")[0]


def drawn(run: Path, number: int = 1) -> ImageSet:
    found = RunDirectory(run)
    return found.samples(number, tuple(found.initial_counts()))


@pytest.mark.parametrize("to", ENDINGS)
def test_images_come_back_with_the_classes_that_were_intended(
    call: Call, finished: Path, tmp_path: Path, to: str
) -> None:
    out = tmp_path / "new" / ENDINGS[to]
    said = call("export", finished, "--generation", 1, "--to", to, "--out", out, "--json")
    found, samples = back(out), drawn(finished)
    np.testing.assert_array_equal(found.images, samples.images)
    np.testing.assert_array_equal(found.labels, samples.labels)
    assert found.classes == samples.classes
    assert said.json["images"] == len(samples)
    assert said.json["labels"] == "intended"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_only_the_first_images_where_a_number_is_given(finished: Path, tmp_path: Path) -> None:
    done = export_images(RunDirectory(finished), 0, "npz", tmp_path / "set.npz", num=7)
    assert done.num_images == 7
    np.testing.assert_array_equal(back(tmp_path / "set.npz").images, drawn(finished, 0).images[:7])
    with pytest.raises(ConfigError, match=r"sampled .* and 100,000 are asked for"):
        export_images(RunDirectory(finished), 0, "npz", tmp_path / "more.npz", num=100_000)


@pytest.mark.parametrize("to", ["npz", "zip"])
def test_two_exports_write_the_same_bytes(finished: Path, tmp_path: Path, to: str) -> None:
    paths = [tmp_path / str(place) / ENDINGS[to] for place in range(2)]
    for path in paths:
        export_images(RunDirectory(finished), 1, to, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_adm_s_arrays_are_bytes_with_channels_last(finished: Path, tmp_path: Path) -> None:
    export_images(RunDirectory(finished), 1, "npz", tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as stored:
        assert stored["arr_0"].dtype == np.uint8
        assert stored["arr_0"].shape == (len(drawn(finished)), 16, 16, 3)
        assert stored["arr_1"].dtype == np.int64


def as_edm_reads(path: Path) -> tuple[NDArray[np.uint8], NDArray[Any] | None]:
    """Images and labels as ``ImageFolderDataset`` of EDM's ``training/dataset.py`` gets them.

    Names with an ending that PIL knows, sorted; every image decoded and of the shape of the first;
    labels looked up by name, int64 where they are numbers.
    """
    Image.init()
    with zipfile.ZipFile(path) as archive:
        every = set(archive.namelist())
        names = sorted(
            name for name in every if os.path.splitext(name)[1].lower() in Image.EXTENSION
        )
        images = []
        for name in names:
            image = np.array(Image.open(io.BytesIO(archive.read(name))))
            images.append((image if image.ndim == 3 else image[:, :, None]).transpose(2, 0, 1))
        assert len({image.shape for image in images}) == 1
        labels = json.loads(archive.read("dataset.json"))["labels"]
    if labels is None:
        return np.stack(images), None
    by_name = dict(labels)
    numbers = np.array([by_name[name.replace("\\", "/")] for name in names])
    return np.stack(images), numbers.astype({1: np.int64, 2: np.float32}[numbers.ndim])


@pytest.mark.parametrize("channels", [1, 3])
def test_edm_s_reader_gets_images_and_labels(
    copy_of_finished: Path, tmp_path: Path, channels: int
) -> None:
    samples = drawn(copy_of_finished)
    if channels == 1:
        samples = ImageSet(samples.images[:, :1], samples.labels, samples.origin, samples.classes)
    replace_samples(copy_of_finished, samples)
    export_images(RunDirectory(copy_of_finished), 1, "zip", tmp_path / "set.zip")
    images, labels = as_edm_reads(tmp_path / "set.zip")
    np.testing.assert_array_equal(images, samples.images)
    assert labels is not None
    np.testing.assert_array_equal(labels, samples.labels)
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert archive.namelist()[:2] == ["00000/img00000000.png", "00000/img00000001.png"]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        first = archive.read("00000/img00000000.png")
    assert len(first) > samples.images[0].size, "the PNG is compressed"


def replace_samples(run: Path, samples: ImageSet) -> None:
    """As if generation 1 had drawn them: the manifest is made anew."""
    (run / "gen_001" / "samples.npz").unlink()
    write_samples(run / "gen_001" / "samples.npz", samples)
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["generations"][1]
    (run / "manifest.json").write_text(json.dumps(manifest))
    RunDirectory(run).write_tables()


def test_images_without_a_class_have_no_labels_unless_the_judge_is_asked(
    call: Call, copy_of_finished: Path, tmp_path: Path
) -> None:
    samples = drawn(copy_of_finished)
    without = np.full(len(samples), UNLABELLED)
    replace_samples(
        copy_of_finished, ImageSet(samples.images, without, samples.origin, samples.classes)
    )
    words = ("export", copy_of_finished, "--generation", 1, "--to")
    said = call(*words, "zip", "--out", tmp_path / "set.zip")
    assert "labels: none" in said.out
    assert "--labels judged" in said.err
    assert as_edm_reads(tmp_path / "set.zip")[1] is None
    assert "arr_1" not in np.load(_exported(copy_of_finished, tmp_path / "set.npz"))
    _exported(copy_of_finished, tmp_path / "set", "folder")
    assert [path.name for path in (tmp_path / "set").iterdir() if path.is_dir()] == ["unlabelled"]
    call(*words, "npz", "--labels", "judged", "--out", tmp_path / "judged.npz")
    judged = back(tmp_path / "judged.npz")
    right = judged.labels == samples.labels
    assert right.mean() > 0.6, "the judge sees what the bootstrap copied"


def _exported(run: Path, out: Path, to: str = "npz") -> Path:
    export_images(RunDirectory(run), 1, to, out)
    return out


def test_a_zip_that_edm_would_misread_is_refused(copy_of_finished: Path, tmp_path: Path) -> None:
    samples = drawn(copy_of_finished)
    labels = samples.labels.copy()
    labels[:5] = UNLABELLED
    mixed = ImageSet(samples.images, labels, samples.origin, samples.classes)
    replace_samples(copy_of_finished, mixed)
    with pytest.raises(ConfigError, match=r"5 of the .* have no class"):
        export_images(RunDirectory(copy_of_finished), 1, "zip", tmp_path / "set.zip")
    found = back(_exported(copy_of_finished, tmp_path / "set.npz"))
    np.testing.assert_array_equal(found.labels, labels)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--generation", 2, "--to", "npz", "--out", "new.npz"), 2, "the run has 0 to 1"),
        (("--generation", -1, "--to", "npz", "--out", "new.npz"), 2, "the run has 0 to 1"),
        (("--generation", 1, "--to", "gif", "--out", "new.gif"), 2, "no such --to: gif"),
        (("--generation", 1, "--to", "zip", "--out", "new.npz"), 2, "ends in .zip"),
        (("--generation", 1, "--to", "npz", "--out", "tiny.yaml"), 2, "ends in .npz"),
        (("--generation", 1, "--to", "folder", "--out", "tiny.yaml"), 3, "already"),
        (("--generation", 1, "--to", "npz", "--out", "new.npz", "--labels", "real"), 2, "--labels"),
        (("--generation", 1, "--to", "diffusers", "--out", "new"), 2, "kind is bootstrap"),
        (("--generation", 1, "--to", "diffusers", "--out", "new", "--num", 3), 2, "go with images"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_and_nothing_written(
    call: Call, finished: Path, tiny_yaml: Path, words: tuple[Any, ...], code: int, says: str
) -> None:
    said = call("export", finished, *words)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert "\nhint: " in said.err
    assert [path.name for path in tiny_yaml.parent.iterdir()] == ["tiny.yaml"]


def test_an_empty_folder_and_a_link_to_nothing_are_something(
    finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set.npz").symlink_to("nowhere")
    for to, name in (("folder", "set"), ("npz", "set.npz")):
        with pytest.raises(DataError, match="already"):
            export_images(RunDirectory(finished), 0, to, tmp_path / name)


def test_a_generation_with_a_changed_byte_is_not_exported(
    copy_of_finished: Path, tmp_path: Path
) -> None:
    path = copy_of_finished / "gen_001" / "samples.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=r"gen_001/samples\.npz"):
        export_images(RunDirectory(copy_of_finished), 1, "npz", tmp_path / "set.npz")
    assert export_images(RunDirectory(copy_of_finished), 0, "npz", tmp_path / "set.npz")


@pytest.fixture(scope="session")
def unet_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny UNet on pixels, whose sampler a pipeline cannot call."""
    values = yaml.safe_load(TINY)
    values["generations"] = 1
    values["generator"] = {"kind": "diffusion", "width": 8, "depth": 2, "objective": "v"}
    values["training"] = {"steps": 3, "batch_size": 16}
    values["sampling"] = {"sampler": "heun", "steps": 18, "lambda": 0.9, "num_images": 4}
    values["judge"] = {"steps": 10}
    values["scores"] = {"num_images": 50, "grid_images": 4}
    out = tmp_path_factory.mktemp("unet") / "run"
    run_to_disk(parse_config(values), out, SilentReporter())
    return out


def test_an_unconditional_unet_loads_as_a_pipeline_and_draws(
    call: Call,
    unet_run: Path,
    tmp_path: Path,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    from diffusers import DDPMPipeline, UNet2DModel

    out = tmp_path / "model"
    said = call("export", unet_run, "--generation", 0, "--to", "diffusers", "--out", out)
    assert said.code == 0
    pipeline = DDPMPipeline.from_pretrained(out, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(batch_size=2, num_inference_steps=4).images
    assert [image.size for image in images] == [(16, 16), (16, 16)]
    own = UNet2DModel.from_pretrained(unet_run / "gen_000/model/unet", local_files_only=True)
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([10, 900])
    with torch.inference_mode():
        assert torch.equal(pipeline.unet(x, t).sample, own(x, t).sample)
    card = (out / "README.md").read_text(encoding="utf-8")
    for words in (
        "# Generation 0 of run", "| sampler of the run | heun, 18 steps |", "MIT, as imgcollapse",
        "DPMSolverMultistepScheduler", "0.9 (sampling.lambda)", "seed 3", "Licence: ",
    ):  # fmt: skip
        assert words in card
    assert str(unet_run) not in "".join(map(str, files_below(out).values()))
    export_pipeline(RunDirectory(unet_run), 0, tmp_path / "again")
    assert files_below(out) == files_below(tmp_path / "again")


def test_a_model_that_cannot_be_written_leaves_nothing(unet_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="the model cannot be written"):
        export_pipeline(RunDirectory(unet_run), 0, tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("generator", "says"),
    [
        ({"kind": "vae", "width": 8}, "generator.kind is vae"),
        ({"kind": "diffusion", "network": "mlp"}, "dense layers"),
        ({"kind": "diffusion", "network": "mlp", "first_stage": {"dim": 8}}, "linear first stage"),
        ({"kind": "diffusion", "labels": "balanced"}, "asked for classes"),
        ({"kind": "diffusion", "negative": {"kind": "sims"}}, "two networks"),
    ],
)
def test_models_that_no_pipeline_can_hold_are_refused_in_words(
    finished: Path, tmp_path: Path, generator: dict[str, Any], says: str
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "copy"))
    values = {**yaml.safe_load(TINY), "generator": generator}
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    (run / "manifest.json").unlink()
    with pytest.raises(ConfigError, match=says) as refused:
        export_pipeline(RunDirectory(run), 0, tmp_path / "model")
    assert "npz, zip or folder" in refused.value.hint


def exact(objective: str, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The best prediction for data N(0.3, 0.2²)."""
    if objective == "flow":
        keep, lose = 1 - t / 1000, t / 1000
    else:
        signal = alphas_cumprod()[t.long().clamp(0, 999)]
        keep, lose = signal.sqrt(), (1 - signal).sqrt()
    gain = keep * DEVIATION**2 / (keep**2 * DEVIATION**2 + lose**2)
    x0 = MEAN + gain * (x - keep * MEAN)
    noise = (x - keep * x0) / lose
    return {"eps": noise, "v": keep * noise - lose * x0, "flow": noise - x0}[objective]


@pytest.mark.parametrize(
    ("objective", "sampler"),
    [
        *((objective, sampler) for objective in ("eps", "v") for sampler in VP_SAMPLERS),
        *(("flow", sampler) for sampler in FLOW_SAMPLERS),
    ],
)
def test_the_pipeline_of_every_sampler_gives_back_a_gaussian_whose_denoiser_is_exact(
    objective: str, sampler: str
) -> None:
    from diffusers import DDPMPipeline, UNet2DModel

    steps = 250 if sampler in ("ddpm", "ddim", "flow") else 30
    config = SamplingConfig.model_validate({"sampler": sampler, "steps": steps})

    class Exact(UNet2DModel):  # type: ignore[misc]
        def forward(self, x: torch.Tensor, t: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(sample=exact(objective, x, t))

    unet = Exact(
        sample_size=32, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8,),
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), norm_num_groups=8,
    )  # fmt: skip
    pipeline = DDPMPipeline(unet, make_pipeline_scheduler(config, objective))
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(
        batch_size=4,
        num_inference_steps=steps,
        output_type="np",
        generator=torch.Generator().manual_seed(0),
    ).images
    values = 2 * images - 1
    assert abs(values.mean() - MEAN) < 0.02
    assert abs(values.std() / DEVIATION - 1) < 0.08
