"""What ``training.precision: auto`` stands for, and that networks learn as much in either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcollapse.bench.results import guard
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.device import describe, dtype_of, has_bf16
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.metrics.judge import train_judge
from imgcollapse.metrics.tstr import tstr_accuracy
from imgcollapse.report.card_facts import setting
from imgcollapse.report.setting_words import precision_words
from imgcollapse.training import Task, Trained, train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHAPE, CLASSES = (1, 16, 16), ("dark", "light")
TRAINING = {"steps": 20, "batch_size": 64, "warmup_steps": 5, "learning_rate": 2e-3}
NETWORKS: dict[str, dict[str, Any]] = {
    "dense vae": {"kind": "vae", "network": "mlp", "width": 64, "latent": 4},
    "vae": {"kind": "vae", "width": 8, "latent": 4},
    "mlp": {"network": "mlp", "width": 64, "depth": 2},
    "unet": {"network": "unet", "width": 16, "depth": 2},
}


def config_of(kind: str, *, precision: str) -> Config:
    return parse_config(
        {
            "generator": NETWORKS[kind],
            "training": {**TRAINING, "precision": precision},
            "sampling": {"sampler": "ddim", "steps": 3},
        }
    )


@contextmanager
def products() -> Iterator[set[torch.dtype]]:
    """The types of all that layers multiply meanwhile."""
    seen: set[torch.dtype] = set()

    def see(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            seen.add(output.dtype)

    hook = nn.modules.module.register_module_forward_hook(see)
    yield seen
    hook.remove()


def two_classes() -> ImageSet:
    labels = np.arange(300) % 2
    means = np.where(labels, 190, 60)[:, None, None, None]
    pixels = np.random.default_rng(0).normal(means, 20, (300, *SHAPE)).clip(0, 255)
    return ImageSet.of(pixels.astype(np.uint8), labels, CLASSES)


@pytest.mark.parametrize("native", [False, True])
def test_a_processor_has_bf16_where_it_says_so(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    assert has_bf16(CPU) is native
    assert describe(CPU)["bf16"] is native
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"neon": True})
    assert not has_bf16(CPU)
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as in PyTorch 2.10
    assert not has_bf16(CPU)


@pytest.mark.parametrize("native", [False, True])
def test_emulated_bf16_does_not_count_on_cuda(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert has_bf16(CUDA) is native


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("asked", ["auto", "fp32", "bf16"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_auto_is_bf16_where_the_device_has_it(
    kind: str, asked: str, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of training, where autocast is on or off, and of drawing, where a VAE is in fp32 always."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    auto = "bf16" if native else "fp32"
    expected = dtype_of(auto if asked == "auto" else asked)  # type: ignore[arg-type]
    generator = make_generator(config_of(kind, precision=asked), SHAPE, CLASSES, CPU)
    with products() as fitted:
        generator.fit(two_classes(), seed=1, surroundings=Surroundings())
    with products() as drawn:
        generator.sample(8, seed=1)
    assert fitted == {expected}
    assert drawn == {torch.float32 if "vae" in kind else expected}


@pytest.mark.parametrize("kind", ["mlp", "unet"])
def test_denoisers_learn_in_bf16_what_they_learn_in_fp32(kind: str) -> None:
    """Equal batches and noise: every tenth of the loss curve within 0.5 %, and not to the byte."""
    curves = []

    def carry_out(task: Task) -> Trained:
        trained = train(task)
        curves.append(trained.curve)
        assert all(one.dtype == torch.float32 for one in task.model.parameters())
        return trained

    for precision in ("bf16", "fp32"):
        make_generator(config_of(kind, precision=precision), SHAPE, CLASSES, CPU).fit(
            two_classes(), seed=1, surroundings=Surroundings(train=carry_out)
        )
    rounded, exact = curves
    assert len(exact) == 10
    assert rounded == pytest.approx(exact, rel=5e-3)
    assert rounded != exact


@pytest.mark.parametrize("kind", ["dense vae", "vae"])
def test_vaes_learn_in_bf16_what_they_learn_in_fp32(kind: str) -> None:
    """Equal batches and noise: mean curves of 8 trainings within 0.5 %, and not to the byte."""
    curves: dict[str, list[tuple[float, ...]]] = {"bf16": [], "fp32": []}
    for seed in range(8):
        for precision, found in curves.items():

            def carry_out(task: Task, found: list[tuple[float, ...]] = found) -> Trained:
                trained = train(task)
                found.append(trained.curve)
                assert all(one.dtype == torch.float32 for one in task.model.parameters())
                return trained

            make_generator(config_of(kind, precision=precision), SHAPE, CLASSES, CPU).fit(
                two_classes(), seed=seed, surroundings=Surroundings(train=carry_out)
            )
    assert [len(one) for one in curves["fp32"]] == [10] * 8
    alike = guard("a/b", curves["bf16"], curves["fp32"], "")
    assert alike.holds, alike
    assert curves["bf16"] != curves["fp32"]


def test_the_ruler_is_in_fp32_on_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge and classifier of ``tstr_accuracy``, while they are trained and while they look."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    images = two_classes()
    with products() as of_judge:
        train_judge(images, seed=1, device=CPU, steps=3).look(images.images)
    with products() as of_tstr:
        tstr_accuracy(images, images.labels, images, seed=1, device=CPU)
    assert of_judge == of_tstr == {torch.float32}


def test_a_card_tells_what_networks_multiplied() -> None:
    config = config_of("unet", precision="auto")
    assert "products in bfloat16" in setting(config, {"bf16": True})["training"]
    assert "products in float32" in setting(config, {"bf16": False})["training"]
    assert "not recorded" in setting(config, {})["training"]
    on_cuda = {"bf16": False, "device": "cuda"}
    assert "float32 (TensorFloat-32 products)" in setting(config, on_cuda)["training"]
    on_cuda["bf16"] = True
    vae = setting(config_of("vae", precision="auto"), on_cuda)["training"]
    assert "bfloat16 (TensorFloat-32 in drawing)" in vae


@pytest.mark.parametrize(
    ("config", "recorded", "words"),
    [
        ({}, True, "bfloat16"),
        ({}, False, "float32"),
        ({"training": {"precision": "fp32"}}, True, "float32"),
        ({"training": {"precision": "bf16"}}, None, "bfloat16"),
        ({}, None, ""),
        ({"generator": {"kind": "vae"}}, True, "bfloat16 (float32 in drawing)"),
        ({"generator": {"kind": "vae"}}, False, "float32"),
        ({"generator": {"kind": "bootstrap"}}, True, ""),
    ],
)
def test_the_methods_tell_what_networks_multiplied(
    config: dict[str, Any], recorded: bool | None, words: str
) -> None:
    environment = {} if recorded is None else {"bf16": recorded}
    assert precision_words(parse_config(config), environment) == words
