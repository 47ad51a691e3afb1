"""``train``: images a second that a network learns from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Subset, TensorDataset

from imgcollapse.bench.baselines.diffusers_recipe import STOCK_BATCH, TUNED_BATCH, make_loader
from imgcollapse.bench.baselines.diffusers_recipe import train as train_by_recipe
from imgcollapse.bench.baselines.plain_vae import (
    BATCH,
    HIDDEN,
    LATENT,
    Data,
    ImagesThroughPIL,
    PlainVAE,
    train_vae,
)
from imgcollapse.bench.ceilings import Work
from imgcollapse.bench.results import Result, against_bar, guard, result
from imgcollapse.bench.setting import CLASSES, Setting, config_of, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, timed
from imgcollapse.generators import Surroundings
from imgcollapse.generators.diffusion import Diffusion
from imgcollapse.generators.networks import UNetDenoiser
from imgcollapse.generators.vae import VAE, negative_elbo
from imgcollapse.images import ImageSet
from imgcollapse.training import Task, Trained, train

DIGITS = (1, 28, 28)
COLOURS = (3, 32, 32)
SMALL, MIDDLE, LARGE = "small", "middle", "large"
UNETS: dict[str, dict[str, Any]] = {
    SMALL: {"width": 32, "depth": 2},
    MIDDLE: {"width": 64, "depth": 3},
    LARGE: {"width": 128, "depth": 4},
}
"""1.0, 6.8 and 38.4 million parameters."""
RATES = {MIDDLE: 25_000.0, LARGE: 6_000.0}
"""Images a second that are wanted on CUDA."""
GUARDED_IMAGES, GUARDED_EPOCHS, GUARDED_CHAINS = 20_480, 4, 16
"""Of the guards of the dense VAE."""


def training_suite(setting: Setting) -> Iterator[Result]:
    has_bf16 = "bf16" in setting.ceilings.flops
    ways = {**setting.ways, "-fp32": {"precision": "fp32"}} if has_bf16 else {"": {}}
    for way, training in ways.items():
        yield from _vae(setting, way, **training)
    if has_bf16:
        yield _guard(
            "train/guard-vae",
            lambda: make_vae(setting, GUARDED_EPOCHS),
            synthetic_pool(GUARDED_IMAGES, DIGITS),
            "the dense VAE",
            GUARDED_CHAINS,
        )
    for size in (SMALL,) if setting.quick else (SMALL, MIDDLE, LARGE):
        for way, training in setting.ways.items():
            yield from _unet(setting, size, way, training)
    trainings, steps, batch = (10, 10, 64) if setting.quick else (3, 500, TUNED_BATCH)
    yield _guard(
        "train/guard",
        lambda: make_unet(setting, SMALL, steps, {"batch_size": batch}),
        synthetic_pool(1024, COLOURS),
        "the small UNet",
        trainings,
    )


def _guard(
    name: str, make: Callable[[], VAE | Diffusion], pool: ImageSet, what: str, trainings: int
) -> Result:
    """A network as the lab trains it, and in plain steps of whole batches in fp32."""
    fast: list[Trained] = []
    slow: list[Trained] = []

    def as_it_is(task: Task) -> Trained:
        fast.append(train(_without_warm_up(task)))
        return fast[-1]

    def plainly(task: Task) -> Trained:
        recipe = {"precision": "fp32", "compile": "never", "cuda_graphs": False}
        config = task.config.model_copy(update=recipe)
        slow.append(train(_without_warm_up(replace(task, rows_at_once=None, config=config))))
        return slow[-1]

    for seed in range(1, trainings + 1):
        for carry_out in (as_it_is, plainly):
            make().fit(pool, seed=seed, surroundings=Surroundings(train=carry_out))
    says = f"{what}: curves over {fast[0].steps:,} steps, against fp32 eager"
    return guard(name, [one.curve for one in fast], [one.curve for one in slow], says)


def _without_warm_up(task: Task) -> Task:
    return replace(task, config=task.config.model_copy(update={"warmup_steps": 0}))


def as_tensors(pool: ImageSet) -> TensorDataset:
    """As the plain loop keeps its samples."""
    pixels = torch.from_numpy(pool.images).view(len(pool), -1) / 255
    return TensorDataset(pixels, torch.from_numpy(pool.labels))


def make_vae(setting: Setting, epochs: float, **training: Any) -> VAE:
    """The lab's dense VAE in the sizes of the baseline's."""
    config = config_of(
        generator={"kind": "vae", "network": "mlp", "width": HIDDEN, "latent": LATENT},
        training={
            "budget": "epochs", "epochs": epochs, "batch_size": BATCH, "warmup_steps": 5, **training
        },
    )  # fmt: skip
    return VAE(config, DIGITS, CLASSES, setting.device)


def _vae(setting: Setting, way: str, **training: Any) -> Iterator[Result]:
    num, epochs = (20_480, 4) if setting.quick else (61_440, 20)
    pool = synthetic_pool(num, DIGITS)
    ours = make_vae(setting, epochs, **training)
    values = pool.images[0].size
    tensors = as_tensors(pool)
    limit = setting.ceilings.rate(_vae_work(setting, ours), BATCH)

    def fit() -> None:
        ours.fit(pool, seed=1, surroundings=Surroundings())

    sides: tuple[tuple[str, Data, int, float, str], ...] = (
        ("train/vae-synthetic", tensors, 1, 1.15, "both from a pool of samples"),
        (
            "train/vae-first",
            ImagesThroughPIL(pool.images, pool.labels),
            4,
            4.0,
            f"the baseline reads images through PIL (a quarter of {num:,})",
        ),
    )
    for name, data, share, target, says in sides:
        plain = PlainVAE(values).to(setting.device)
        few: Data = data if share == 1 else Subset(data, range(num // share))
        rates = rates_in_turn(
            timed(fit, setting.device),
            timed(functools.partial(train_vae, plain, few, epochs), setting.device),
            ours_units=num * epochs,
            baseline_units=num * epochs / share,
            rounds=setting.rounds,
        )
        yield result(f"{name}{way}", *rates, unit="images/s", target=target, says=says, limit=limit)


def _vae_work(setting: Setting, vae: VAE) -> Work:
    network = vae.fresh_network(0)
    x = torch.zeros(BATCH, *DIGITS, device=setting.device)
    labels = torch.zeros(BATCH, dtype=torch.int64, device=setting.device)
    noise = torch.zeros(BATCH, LATENT, device=setting.device)
    return setting.work_of(
        lambda: torch.autograd.backward(negative_elbo(network, x, labels, noise, 1.0)), vae.training
    )


def make_unet(
    setting: Setting,
    size: str,
    training_steps: int,
    training: Mapping[str, Any] = MappingProxyType({}),
    **sampling: Any,
) -> Diffusion:
    config = config_of(
        generator={"network": "unet", "objective": "eps", **UNETS[size]},
        training={"steps": training_steps, "batch_size": TUNED_BATCH, **training},
        sampling={"sampler": "ddpm", **sampling},
    )
    return Diffusion(config, COLOURS, CLASSES, setting.device)


def _unet(setting: Setting, size: str, way: str, training: dict[str, Any]) -> Iterator[Result]:
    steps = 4 if setting.quick else 100
    pool = synthetic_pool(1024 if setting.quick else 20_000, COLOURS)
    ours = make_unet(setting, size, steps, training)
    network = ours.fresh_network(1)
    assert isinstance(network, UNetDenoiser)
    x = torch.zeros(TUNED_BATCH, *COLOURS, device=setting.device)
    t = torch.zeros(TUNED_BATCH, device=setting.device)
    work = setting.work_of(
        lambda: torch.autograd.backward(network(x, t, t).square().mean()), ours.training
    )
    suffix = way if size == SMALL else f"-{size}{way}"
    millions = sum(one.numel() for one in network.parameters()) / 1e6
    sides = [("tuned", True, 1.1 if setting.device.type == "cpu" else 2.0)]
    if setting.device.type == "cuda":
        sides.append(("stock", False, 10.0))
    for side, tuned, target in sides:
        theirs = ours.fresh_network(1)
        batch = TUNED_BATCH if tuned else STOCK_BATCH
        recipe = functools.partial(
            train_by_recipe,
            functools.partial(_noise_of, theirs),
            list(theirs.parameters()),
            make_loader(pool.images, tuned=tuned, device=setting.device),
            steps=steps,
            tuned=tuned,
            device=setting.device,
        )
        rates = rates_in_turn(
            timed(lambda: ours.fit(pool, seed=1, surroundings=Surroundings()), setting.device),
            timed(recipe, setting.device),
            ours_units=steps * TUNED_BATCH,
            baseline_units=steps * batch,
            rounds=setting.rounds,
        )
        row = result(
            f"train/unet-{side}{suffix}",
            *rates,
            unit="images/s",
            target=target,
            says=f"UNet of {millions:.1f} M parameters, 32×32; batch {batch} in the baseline",
            limit=setting.ceilings.rate(work, TUNED_BATCH),
        )
        yield row
        if tuned and size in RATES and setting.device.type == "cuda":
            yield against_bar(row, RATES[size])


def _noise_of(network: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """The prediction of an unconditional denoiser, which looks at no labels."""
    prediction: Tensor = network(x, t, t)
    return prediction
