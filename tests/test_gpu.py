"""What must hold on a CUDA device; skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Call

from imgcollapse.arrays import in_file, in_memory
from imgcollapse.config_file import parse_config
from imgcollapse.device import set_up
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.generators.noise import BlockNoise
from imgcollapse.generators.samplers import make_scheduler, run_sampler
from imgcollapse.images import ImageSet
from imgcollapse.metrics.judge import train_judge
from imgcollapse.sampling_config import FLOW_SAMPLERS, VP_SAMPLERS, SamplingConfig
from imgcollapse.training.batches import placed
from imgcollapse.training.step import Step

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CUDA = torch.device("cuda")
SHAPE = (3, 16, 16)
KINDS: dict[str, dict[str, Any]] = {
    "vae": {"generator": {"kind": "vae", "width": 16, "latent": 8}},
    "mlp": {
        "generator": {
            "network": "mlp", "width": 64, "objective": "flow",
            "first_stage": {"kind": "pca", "dim": 16},
        },
        "sampling": {"sampler": "heun", "steps": 5},
    },
    "unet": {
        "generator": {"network": "unet", "width": 16, "depth": 2},
        "sampling": {"sampler": "dpm++", "steps": 5},
    },
    "unet ddpm": {
        "generator": {"network": "unet", "width": 16, "depth": 2, "objective": "eps"},
        "sampling": {"sampler": "ddpm", "steps": 5},
    },
    "unet with labels": {
        "generator": {"network": "unet", "width": 16, "depth": 2, "labels": "balanced"},
        "sampling": {"sampler": "ddim", "steps": 5},
    },
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def deterministic() -> Iterator[None]:
    """All tests of this file run as a run with ``deterministic: true`` does."""
    set_up(CUDA, deterministic=True)
    yield
    set_up(CUDA, deterministic=False)


def pool() -> ImageSet:
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    means = np.where(labels == 0, 60, 190).reshape(-1, 1, 1, 1)
    pixels = np.clip(random.normal(means, 20, (400, *SHAPE)), 0, 255).astype(np.uint8)
    return ImageSet.of(pixels, labels, ("dark", "light"))


@pytest.mark.parametrize("kind", KINDS)
def test_fit_sample_save_and_load_on_cuda(kind: str, tmp_path: Path) -> None:
    config = parse_config({"training": {"steps": 60, "batch_size": 64}, **KINDS[kind]})
    generator = make_generator(config, SHAPE, ("dark", "light"), CUDA)
    fit = generator.fit(pool(), seed=1, surroundings=Surroundings())
    assert fit.loss is not None
    assert np.isfinite(fit.loss)
    samples = generator.sample(100, seed=2, labels=np.arange(100) % 2)
    generator.save(tmp_path)
    other = make_generator(config, SHAPE, ("dark", "light"), CUDA)
    other.load(tmp_path)
    again = other.sample(100, seed=2, labels=np.arange(100) % 2)
    gap = np.abs(again.images.astype(int) - samples.images)
    assert gap.max() <= 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_two_fits_with_equal_seeds_give_equal_bytes(
    kind: str,
    precision: str,
    tmp_path: Path,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    training = {"steps": 60, "batch_size": 64, "precision": precision}
    config = parse_config({"training": training, **KINDS[kind]})
    samples = []
    for folder in ("one", "two"):
        generator = make_generator(config, SHAPE, ("dark", "light"), CUDA)
        generator.fit(pool(), seed=1, surroundings=Surroundings())
        generator.save(tmp_path / folder)
        samples.append(generator.sample(100, seed=2, labels=np.arange(100) % 2).images)
    assert (samples[0] == samples[1]).all()
    assert files_below(tmp_path / "one") == files_below(tmp_path / "two")


def test_two_judges_with_equal_seeds_are_the_same() -> None:
    one, two = (train_judge(pool(), seed=1, device=CUDA, steps=60) for _ in range(2))
    assert one.facts == two.facts


def test_the_judge_trains_and_looks_on_cuda() -> None:
    judge = train_judge(pool(), seed=1, device=CUDA, steps=60)
    assert judge.facts["accuracy"] > 0.95
    assert judge.look(pool().images).features.shape == (400, 96)


@pytest.mark.parametrize(
    ("sampler", "objective"),
    [(one, "v") for one in VP_SAMPLERS if one != "unipc"]
    + [(one, "flow") for one in FLOW_SAMPLERS if one != "unipc"],
)
def test_no_sampler_waits_for_the_device_between_steps(sampler: str, objective: str) -> None:
    """All but unipc, which solves two equations there at each step, and looks whether it could."""
    sampling = SamplingConfig.model_validate({"sampler": sampler, "steps": 20})
    scheduler = make_scheduler(sampling, objective, clip=True)

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        torch.cuda.set_sync_debug_mode("error")
        return torch.zeros_like(x)

    try:
        run_sampler(scheduler, 20, denoise, BlockNoise(1, 0, 2, CUDA), SHAPE, 1.0)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", ["vae", "mlp", "unet"])
def test_no_step_of_a_training_waits_for_the_device(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Step.__call__

    def watched(self: Step, *arguments: Any) -> torch.Tensor:
        torch.cuda.set_sync_debug_mode("error")
        try:
            return original(self, *arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Step, "__call__", watched)
    config = parse_config({"training": {"steps": 20, "batch_size": 64}, **KINDS[kind]})
    generator = make_generator(config, SHAPE, ("dark", "light"), CUDA)
    generator.fit(pool(), seed=1, surroundings=Surroundings())


@pytest.mark.parametrize("kind", ["vae", "unet", "unet with labels"])
@pytest.mark.parametrize("faster", [{"cuda_graphs": True}, {"compile": "always"}], ids=str)
def test_a_faster_way_learns_and_draws_the_same(kind: str, faster: dict[str, Any]) -> None:
    """Rounding apart: the loss within 0.5 %, hardly a pixel more than a few grey levels off."""
    losses, drawn = [], []
    for more in ({}, faster):
        training = {"steps": 60, "batch_size": 64, "precision": "fp32", **more}
        config = parse_config({"training": training, **KINDS[kind]})
        generator = make_generator(config, SHAPE, ("dark", "light"), CUDA)
        losses.append(generator.fit(pool(), seed=1, surroundings=Surroundings()).loss)
        drawn.append(generator.sample(128, seed=2, labels=np.arange(128) % 2).images)
    assert losses[1] == pytest.approx(losses[0], rel=0.005)
    gap = np.abs(drawn[0].astype(int) - drawn[1])
    assert (gap > 4).mean() < 0.01


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("kind", ["vae", "mlp", "unet"])
def test_fetched_rows_train_to_the_bytes_of_resident_ones(
    kind: str, graphs: bool, tmp_path: Path
) -> None:
    drawn = []
    for where, keep in (("resident", in_memory), ("mapped", in_file(tmp_path))):
        training = {"steps": 60, "batch_size": 64, "pool": where, "cuda_graphs": graphs}
        config = parse_config({"training": training, **KINDS[kind]})
        generator = make_generator(config, SHAPE, ("dark", "light"), CUDA)
        generator.fit(pool(), seed=1, surroundings=Surroundings(keep=keep))
        drawn.append(generator.sample(100, seed=2).images)
    assert (drawn[0] == drawn[1]).all()


def test_what_lies_in_a_file_and_fits_is_put_on_the_device(tmp_path: Path) -> None:
    array = pool().images
    mapped = in_file(tmp_path)(array.shape, array.dtype, [array])
    items = placed(mapped, CUDA, "auto")
    assert isinstance(items, torch.Tensor)
    assert items.device.type == "cuda"
    assert (items.cpu().numpy() == array).all()


def test_replicas_share_the_card(call: Call, tiny_yaml: Path, tmp_path: Path) -> None:
    words = ["run", tiny_yaml, "--device", "cuda", "--set", "generations=1"]
    words += ["--set", "generator.kind=vae", "--set", "generator.width=8"]
    words += ["--set", "training.steps=20"]
    assert call(*words, "--replicas", 2, "--out", tmp_path / "many").code == 0
    assert call(*words, "--seed", 4, "--out", tmp_path / "alone").code == 0
    one, other = (
        np.load(run / "gen_000" / "samples.npz")["arr_0"]
        for run in (tmp_path / "many" / "seed4", tmp_path / "alone")
    )
    assert (one == other).all()
