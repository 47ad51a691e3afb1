"""The same laws for every generator, and for diffusion the oracles of diffusers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgcollapse.chain import run_chain
from imgcollapse.config_file import parse_config
from imgcollapse.errors import ConfigError, CorruptError, NumericalError
from imgcollapse.generators import Generator, Surroundings, draw_labels, make_generator
from imgcollapse.generators.noise import BLOCK_IMAGES, noise_batches
from imgcollapse.generators.samplers import alphas_cumprod, make_scheduler
from imgcollapse.images import ImageSet
from imgcollapse.training import Task, Trained, compiling, train
from imgcollapse.training.state import as_array

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)
CLASSES = ("dark", "light")
TRAINING = {"steps": 12, "batch_size": 16, "warmup_steps": 2}
MLP = {"kind": "diffusion", "network": "mlp", "width": 16, "depth": 1}
NEGATIVE = {"steps": 6, "images": 40, "weight": 0.5}
UNET = {"kind": "diffusion", "network": "unet", "width": 8, "depth": 2}
DROPPED = {"labels": "balanced", "label_dropout": 0.2}
GUIDED = {"lambda": 0.5, "lambda_by": "guidance"}

MEMBERS: dict[str, dict[str, Any]] = {
    "bootstrap": {"generator": {"kind": "bootstrap"}},
    "gaussian": {
        "generator": {
            "kind": "gaussian", "components": 2, "first_stage": {"kind": "pca", "dim": 4}
        }
    },
    "vae": {"generator": {"kind": "vae", "width": 8, "latent": 4}},
    "vae mean": {"generator": {"kind": "vae", "width": 8, "latent": 4, "decode": "mean"}},
    "vae mlp": {
        "generator": {"kind": "vae", "network": "mlp", "width": 16, "latent": 4, "decode": "mean"}
    },
    "mlp flow": {
        "generator": {**MLP, "objective": "flow"},
        "sampling": {"sampler": "flow", "steps": 4},
    },
    "mlp pca v dpm++": {
        "generator": {**MLP, "objective": "v", "first_stage": {"kind": "pca", "dim": 4}},
        "sampling": {"sampler": "dpm++", "steps": 4},
    },
    "unet eps ddpm": {
        "generator": {**UNET, "objective": "eps"},
        "sampling": {"sampler": "ddpm", "steps": 4},
    },
    "unet v ddim": {
        "generator": {**UNET, "objective": "v"}, "sampling": {"sampler": "ddim", "steps": 4}
    },
    "mlp flow unipc": {
        "generator": {**MLP, "objective": "flow"},
        "sampling": {"sampler": "unipc", "steps": 4},
    },
    "mlp eps euler": {
        "generator": {**MLP, "objective": "eps"}, "sampling": {"sampler": "euler", "steps": 4}
    },
    "mlp v unipc": {
        "generator": {**MLP, "objective": "v"}, "sampling": {"sampler": "unipc", "steps": 4}
    },
    "mlp v class balance": {
        "generator": {**MLP, "objective": "v", "labels": "balanced", "class_balance": 0.5},
        "sampling": {"sampler": "unipc", "steps": 4},
    },
    "mlp flow neon": {
        "generator": {**MLP, "objective": "flow", "negative": {"kind": "neon", **NEGATIVE}},
        "sampling": {"sampler": "flow", "steps": 4},
    },
    "vae neon": {
        "generator": {
            "kind": "vae", "network": "mlp", "width": 16, "latent": 4,
            "negative": {"kind": "neon", **NEGATIVE},
        },
    },
    "mlp pca v sims": {
        "generator": {
            **MLP, "objective": "v", "first_stage": {"kind": "pca", "dim": 4},
            "negative": {"kind": "sims", **NEGATIVE},
        },
        "sampling": {"sampler": "unipc", "steps": 4},
    },
    "unet eps heun": {
        "generator": {**UNET, "objective": "eps"}, "sampling": {"sampler": "heun", "steps": 18}
    },
    "vae truncated": {
        "generator": {"kind": "vae", "width": 8, "latent": 4}, "sampling": {"truncation": 1.5}
    },
    "unet v ddim truncated": {
        "generator": {**UNET, "objective": "v"},
        "sampling": {"sampler": "ddim", "steps": 4, "truncation": 1.5},
    },
    "mlp flow guided": {
        "generator": {**MLP, "objective": "flow", **DROPPED},
        "sampling": {"sampler": "flow", "steps": 4, **GUIDED},
    },
    "unet eps ddpm guided": {
        "generator": {**UNET, "objective": "eps", **DROPPED},
        "sampling": {"sampler": "ddpm", "steps": 4, **GUIDED},
    },
}  # fmt: skip
CONDITIONAL = ["vae", "mlp flow", "mlp flow guided", "unet v ddim"]


def pool(num: int = 60, seed: int = 0) -> ImageSet:
    """Dark and light noise: two classes that one mean tells apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    means = np.where(labels == 0, 60, 190).reshape(num, 1, 1, 1)
    pixels = np.clip(random.normal(means, 20, (num, *SHAPE)), 0, 255).astype(np.uint8)
    return ImageSet.of(pixels, labels, CLASSES)


def make(name: str, **changes: Any) -> Generator:
    values: dict[str, Any] = {"training": dict(TRAINING), **MEMBERS[name]}
    for key, value in changes.items():
        values[key] = {**values.get(key, {}), **value}
    return make_generator(parse_config(values), SHAPE, CLASSES, CPU)


def fitted(name: str, seed: int = 1, **changes: Any) -> Generator:
    generator = make(name, **changes)
    generator.fit(pool(), seed=seed, surroundings=Surroundings())
    return generator


@pytest.mark.parametrize("name", MEMBERS)
def test_samples_are_as_many_as_asked_for_and_of_the_pool_s_kind(name: str) -> None:
    samples = fitted(name).sample(BLOCK_IMAGES + 3, seed=2)
    assert len(samples) == BLOCK_IMAGES + 3
    assert samples.image_shape == SHAPE
    assert samples.classes == CLASSES
    assert samples.images.std() > 0


@pytest.mark.parametrize("name", MEMBERS)
def test_the_same_seeds_give_the_same_bytes_and_others_do_not(name: str) -> None:
    one, again = fitted(name), fitted(name)
    drawn = one.sample(20, seed=2).images
    assert (drawn == again.sample(20, seed=2).images).all()
    assert (drawn != one.sample(20, seed=3).images).any()


@pytest.mark.parametrize("name", MEMBERS)
def test_what_was_saved_samples_the_same_bytes(name: str, tmp_path: Path) -> None:
    one, other = fitted(name), make(name)
    one.save(tmp_path / "model")
    other.load(tmp_path / "model")
    assert (one.sample(20, seed=2).images == other.sample(20, seed=2).images).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_two_saves_write_the_same_bytes(name: str, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        fitted(name).save(tmp_path / folder)
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files
    for path in files:
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_model_that_is_not_whole_is_refused(name: str, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    for path in tmp_path.rglob("*"):
        if path.suffix in (".safetensors", ".npz"):
            path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CorruptError):
        make(name).load(tmp_path)


@pytest.mark.parametrize("name", MEMBERS)
def test_more_samples_begin_with_the_same_images(name: str) -> None:
    """Image i has its own noise; only rounding may differ with the batch it is in."""
    generator = fitted(name, sampling={"batch_size": 64})
    few = generator.sample(10, seed=4).images.astype(int)
    many = generator.sample(150, seed=4).images.astype(int)
    if name == "bootstrap":
        assert (few == many[:10]).all()
    assert np.abs(few - many[:10]).max() <= 1


@pytest.mark.parametrize("batch_size", [64, 128, 512])
def test_the_noise_of_image_i_is_the_same_whatever_the_batch_size(batch_size: int) -> None:
    def noises(batch: int) -> torch.Tensor:
        parts = []
        for where, noise in noise_batches(300, batch, 7, CPU):
            drawn = torch.cat(
                [noise.normal(3), noise.uniform()[:, None], noise.truncated(1.0, 2)], 1
            )
            parts.append(drawn[: where.stop - where.start])
        return torch.cat(parts)

    assert torch.equal(noises(batch_size), noises(64))


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "bootstrap"])
def test_ancestral_and_starting_noise_do_not_depend_on_the_batch_size(name: str) -> None:
    small, large = (fitted(name, sampling={"batch_size": size}) for size in (64, 256))
    one = small.sample(200, seed=5).images.astype(int)
    other = large.sample(200, seed=5).images.astype(int)
    assert np.abs(one - other).max() <= 2


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_conditional_generator_draws_what_it_is_asked_for(name: str) -> None:
    generator = fitted(
        name,
        generator={"labels": "balanced"},
        training={"steps": 120, "learning_rate": 5e-3, "ema_decay": 0.9},
        sampling={"steps": 12},
    ) if name != "vae" else fitted(
        name,
        generator={"labels": "balanced"},
        training={"steps": 250, "learning_rate": 5e-3, "ema_decay": 0.9},
    )  # fmt: skip
    labels = np.array([0, 1] * 20)
    samples = generator.sample(40, seed=3, labels=labels)
    brightness = samples.images.mean((1, 2, 3))
    assert (samples.labels == labels).all()
    assert brightness[labels == 1].mean() > brightness[labels == 0].mean() + 40


def test_a_unet_with_other_heads_of_attention_is_not_loaded(tmp_path: Path) -> None:
    """Its weights have the same shapes."""
    generator = fitted("unet v ddim")
    generator.save(tmp_path)
    place = tmp_path / "unet" / "config.json"
    saved = json.loads(place.read_text(encoding="utf-8"))
    assert saved["attention_head_dim"] == 16
    place.write_text(json.dumps(saved | {"attention_head_dim": 8}), encoding="utf-8")
    with pytest.raises(CorruptError, match="attention_head_dim 8 and not 16"):
        make("unet v ddim").load(tmp_path)


@pytest.mark.parametrize("name", ["vae", "mlp flow", "unet v ddim"])
def test_a_warm_start_goes_on_from_the_last_weights(name: str, tmp_path: Path) -> None:
    """At a learning rate that moves nothing, warm keeps the weights and scratch draws new ones."""
    still = {"steps": 1, "learning_rate": 1e-12}
    first = fitted(name, seed=1)
    first.save(tmp_path)
    before = first.sample(8, seed=9).images.astype(int)
    for init, is_kept in (("warm", True), ("scratch", False)):
        again = make(name, generator={"init": init}, training=still)
        again.load(tmp_path)
        again.fit(pool(), seed=2, surroundings=Surroundings())
        gap = np.abs(again.sample(8, seed=9).images.astype(int) - before).max()
        assert (gap <= 1) == is_kept


def test_label_processes_are_none_the_pool_s_shares_or_balanced() -> None:
    images = pool()[np.array([0] * 9 + [1])]
    assert draw_labels("none", images, 50, seed=1) is None
    balanced = draw_labels("balanced", images, 50, seed=1)
    assert balanced is not None
    assert np.bincount(balanced).tolist() == [25, 25]
    drawn = draw_labels("from-pool", images, 4000, seed=1)
    assert drawn is not None
    assert abs(drawn.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 4000)


def test_the_bootstrap_only_copies_and_keeps_labels() -> None:
    images = pool()
    samples = fitted("bootstrap").sample(500, seed=1)
    truth = dict(zip(images.hashes(), images.labels, strict=True))
    found = zip(samples.hashes(), samples.labels, strict=True)
    assert all(truth[digest] == label for digest, label in found)


def test_the_mixture_gives_back_two_modes_and_their_weights() -> None:
    random = np.random.default_rng(1)
    bright = random.random(3000) < 0.2
    pixels = np.where(bright[:, None, None, None], 200, 50) + random.normal(0, 8, (3000, *SHAPE))
    images = ImageSet.of(pixels.astype(np.uint8), bright.astype(int), CLASSES)
    generator = make("gaussian")
    generator.fit(images, seed=1, surroundings=Surroundings())
    share = (generator.sample(3000, seed=2).images.mean((1, 2, 3)) > 125).mean()
    assert abs(share - bright.mean()) < 4 * np.sqrt(0.2 * 0.8 / 3000)


@pytest.mark.parametrize("name", ["gaussian", "mlp flow"])
def test_lambda_scales_the_noise(name: str) -> None:
    def spread(scale: float) -> float:
        generator = fitted(name, sampling={"lambda": scale}, training={"steps": 100})
        return float(generator.sample(256, seed=1).images.std(0).mean())

    assert spread(0.0) < spread(0.5) < spread(1.0)


@pytest.mark.parametrize(
    ("sampler", "objective", "scheduler"),
    [
        ("ddpm", "eps", "DDPMScheduler"), ("ddpm", "v", "DDPMScheduler"),
        ("ddim", "eps", "DDIMScheduler"), ("ddim", "v", "DDIMScheduler"),
        ("dpm++", "eps", "DPMSolverMultistepScheduler"),
        ("dpm++", "v", "DPMSolverMultistepScheduler"),
        ("heun", "eps", "DPMSolverMultistepScheduler"),
        ("euler", "v", "DPMSolverMultistepScheduler"),
        ("unipc", "v", "DPMSolverMultistepScheduler"),
        ("flow", "flow", "FlowMatchEulerDiscreteScheduler"),
        ("heun", "flow", "FlowMatchHeunDiscreteScheduler"),
        ("dpm++", "flow", "DPMSolverMultistepScheduler"),
        ("unipc", "flow", "DPMSolverMultistepScheduler"),
    ],
)  # fmt: skip
def test_an_unconditional_unet_loads_as_a_pipeline_of_diffusers_that_can_be_called(
    sampler: str, objective: str, scheduler: str, tmp_path: Path
) -> None:
    from diffusers import DDPMPipeline

    fitted(
        "unet eps ddpm",
        generator={"objective": objective},
        sampling={"sampler": sampler, "steps": 18},
        training={"steps": 1},
    ).save(tmp_path)
    pipeline = DDPMPipeline.from_pretrained(tmp_path, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(batch_size=2, num_inference_steps=2, output_type="np").images
    assert images.shape == (2, 8, 8, 1)
    assert np.isfinite(images).all()
    assert type(pipeline.scheduler).__name__ == scheduler
    if objective != "flow":
        wanted = {"eps": "epsilon", "v": "v_prediction"}[objective]
        assert pipeline.scheduler.config.prediction_type == wanted


def test_noising_is_that_of_the_scheduler_of_diffusers() -> None:
    from diffusers import DDPMScheduler

    oracle = DDPMScheduler(num_train_timesteps=1000)
    x0, noise = torch.randn(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    t = torch.tensor([0, 10, 300, 700, 999])
    signal = alphas_cumprod()[t].view(-1, 1, 1, 1)
    xt = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
    assert torch.allclose(xt, oracle.add_noise(x0, noise, t), atol=1e-6)
    velocity = signal.sqrt() * noise - (1 - signal).sqrt() * x0
    assert torch.allclose(velocity, oracle.get_velocity(x0, noise, t), atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "objective", "steps"),
    [
        ("ddpm", "eps", 250), ("ddpm", "v", 250), ("ddim", "eps", 250), ("ddim", "v", 250),
        ("dpm++", "eps", 20), ("dpm++", "v", 20), ("heun", "eps", 18), ("heun", "v", 18),
        ("flow", "flow", 100), ("heun", "flow", 20), ("dpm++", "flow", 20),
        ("unipc", "eps", 20), ("unipc", "v", 20), ("unipc", "flow", 20), ("euler", "eps", 100),
        ("euler", "v", 100),
    ],
)  # fmt: skip
def test_every_sampler_gives_back_a_gaussian_whose_denoiser_is_exact(
    sampler: str, objective: str, steps: int
) -> None:
    """Data N(0.3, 0.2²): the best denoiser is linear, so mean and deviation must come back.

    The limits are 4 standard errors of the mean and 3.6 of the deviation of 1,024 samples.
    """
    from imgcollapse.generators.samplers import run_sampler

    mean, deviation = 0.3, 0.2
    settings = parse_config(
        {
            "generator": {**MLP, "objective": objective},
            "sampling": {"sampler": sampler, "steps": steps},
        }
    ).sampling
    signal = alphas_cumprod()

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if objective == "flow":
            keep, lose = 1 - t / 1000, t / 1000
        else:
            position = t.round().long().clamp(0, 999)
            keep, lose = signal[position].sqrt(), (1 - signal[position]).sqrt()
        keep, lose = keep[:, None], lose[:, None]
        gain = keep * deviation**2 / (keep**2 * deviation**2 + lose**2)
        x0 = mean + gain * (x - keep * mean)
        noise = (x - keep * x0) / lose
        return {"eps": noise, "v": keep * noise - lose * x0, "flow": noise - x0}[objective]

    scheduler = make_scheduler(settings, objective, clip=False)
    (_, noise), *_ = noise_batches(1024, 1024, 1, CPU)
    samples = run_sampler(scheduler, steps, denoise, noise, (1,), 1.0)
    assert abs(float(samples.mean()) - mean) < 0.025
    assert abs(float(samples.std()) / deviation - 1) < 0.08


@pytest.mark.parametrize("name", ["vae", "mlp flow", "mlp v class balance"])
def test_a_loss_that_is_not_finite_stops_with_the_step(name: str) -> None:
    with pytest.raises(NumericalError, match="step"):
        fitted(name, training={"learning_rate": 1e30, "gradient_clip": 1e30, "warmup_steps": 0})


def test_images_that_a_network_cannot_take_are_refused() -> None:
    def with_shape(name: str, shape: tuple[int, int, int]) -> None:
        make_generator(parse_config(MEMBERS[name]), shape, CLASSES, CPU)

    with pytest.raises(ConfigError, match="square"):
        with_shape("vae", (1, 8, 12))
    with pytest.raises(ConfigError, match="divisible"):
        with_shape("unet v ddim", (1, 9, 9))
    with pytest.raises(ConfigError, match="multiple of 4"):
        with_shape("vae", (1, 10, 10))
    with_shape("vae mlp", (1, 10, 10))


def test_a_pool_too_small_for_its_first_stage_is_refused() -> None:
    generator = make("mlp pca v dpm++", generator={"first_stage": {"kind": "pca", "dim": 30}})
    few: NDArray[np.int64] = np.arange(10)
    with pytest.raises(ConfigError, match="components"):
        generator.fit(pool()[few], seed=1, surroundings=Surroundings())


def test_a_unet_on_a_cpu_draws_the_same_bytes_whatever_the_batch() -> None:
    name = "unet v ddim"
    one, other = (
        fitted(name, sampling={**MEMBERS[name]["sampling"], "batch_size": size})
        for size in (64, 192)
    )
    assert (one.sample(150, seed=2).images == other.sample(150, seed=2).images).all()


@pytest.mark.long
@pytest.mark.parametrize("name", ["vae", "unet v ddim"])
def test_compiled_is_the_same_but_for_rounding(name: str) -> None:
    """Two compiled fits give equal bytes, and of the plain one all but a grey level or two."""
    plain, one, again = (
        fitted(name, training={"compile": wanted}) for wanted in ("never", "always", "always")
    )
    drawn = one.sample(20, seed=2).images
    assert (drawn == again.sample(20, seed=2).images).all()
    gap = np.abs(drawn.astype(int) - plain.sample(20, seed=2).images)
    assert (gap <= 2).mean() > 0.99


def test_compiling_is_left_to_many_steps_on_cuda_that_need_no_equal_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: False)
    few, many = compiling.LEAST_STEPS - 1, compiling.LEAST_STEPS
    assert [compiling.pays("cuda", steps) for steps in (few, many)] == [False, True]
    assert not compiling.pays("cpu", many)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    assert not compiling.pays("cuda", many)


def test_a_chain_tells_its_trainings_how_many_are_to_come() -> None:
    found: list[int] = []

    def notes(task: Task) -> Trained:
        found.append(task.fits)
        return train(task)

    config = parse_config({**MEMBERS["vae"], "training": TRAINING, "generations": 3})
    generator = make_generator(config, SHAPE, CLASSES, CPU)
    list(run_chain(config, pool(), generator, surroundings=Surroundings(train=notes)))
    assert found == [3, 2, 1]


def test_what_cannot_be_compiled_goes_on_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(function: object, **named: object) -> object:
        def call(*arguments: object) -> object:
            raise torch._dynamo.exc.BackendCompilerFailed(call, RuntimeError("no compiler"), None)

        return call

    monkeypatch.setattr(torch, "compile", fails)
    monkeypatch.setattr(compiling, "_compiled", {})
    plain, tried = (fitted("vae", training={"compile": wanted}) for wanted in ("never", "always"))
    assert (plain.sample(20, seed=2).images == tried.sample(20, seed=2).images).all()
    assert capsys.readouterr().err.count("warning: not compiled") == 1


@pytest.mark.parametrize(
    "name", ["vae", "unet v ddim", "mlp flow neon", "vae neon", "mlp pca v sims"]
)
def test_a_warm_fit_after_sampling_is_that_after_loading(name: str, tmp_path: Path) -> None:
    """And the state of its training, saved half-way, is in the plain order of its axes."""
    one = fitted(name, generator={**MEMBERS[name]["generator"], "init": "warm"})
    one.save(tmp_path)
    other = make(name, generator={**MEMBERS[name]["generator"], "init": "warm"})
    other.load(tmp_path)
    one.sample(20, seed=3)
    for generator in (one, other):
        generator.fit(pool(seed=1), seed=5, surroundings=Surroundings())
    assert (one.sample(20, seed=2).images == other.sample(20, seed=2).images).all()
    turned = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    assert as_array(turned).flags.c_contiguous
    assert as_array(torch.tensor(3.0)).shape == ()
