"""How samples are drawn: bf16 weights cast once, and no waiting for the device between steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from imgcollapse.config_file import parse_config
from imgcollapse.generators import Generator, Surroundings, make_generator
from imgcollapse.generators.samplers import make_scheduler, run_sampler
from imgcollapse.images import ImageSet
from imgcollapse.sampling_config import FLOW_SAMPLERS, VP_SAMPLERS, SamplingConfig

SHAPE = (3, 8, 8)
AWAY = torch.device("meta")
KINDS: dict[str, dict[str, Any]] = {
    "unet": {"generator": {"network": "unet", "width": 16, "depth": 2, "labels": "balanced"}},
    "mlp": {"generator": {"network": "mlp", "width": 32, "depth": 2}},
}


class Noise:
    """The noise of 128 images on a device that holds no numbers, so that reading one raises."""

    device = AWAY
    randoms = (None, None)

    def __len__(self) -> int:
        return 128

    def normal(self, *shape: int) -> Tensor:
        return torch.empty((128, *shape), device=AWAY)


class Conversions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hears of every tensor that is copied to another type or device."""

    def __init__(self, heard: Callable[[Tensor, Tensor], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.heard = heard

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.to, torch.ops.aten._to_copy):
            self.heard(args[0], out)
        return out


SAMPLERS = [(one, "v") for one in VP_SAMPLERS] + [(one, "flow") for one in FLOW_SAMPLERS]


@pytest.mark.parametrize(("sampler", "objective"), SAMPLERS)
def test_no_sampler_waits_for_the_device_between_steps(sampler: str, objective: str) -> None:
    """Neither by reading a number there nor by fetching one from the host.

    What PyTorch does inside an operation does not show: unipc solves two equations at each step.
    """
    sampling = SamplingConfig.model_validate({"sampler": sampler, "steps": 20})
    scheduler = make_scheduler(sampling, objective, clip=True)
    copies: list[torch.Size] = []
    times: list[Tensor] = []

    def heard(given: Tensor, made: Tensor) -> None:
        if given.device != made.device:
            copies.append(given.shape)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        if not times:
            between_steps.enter_context(Conversions(heard))
        times.append(t)
        return torch.empty_like(x)

    with ExitStack() as between_steps:
        made = run_sampler(scheduler, 20, denoise, Noise(), (3, 4, 4), 1.0)  # type: ignore[arg-type]
    assert made.device == AWAY
    assert len(times) >= 20
    assert all(t.device == AWAY and t.shape == (128,) for t in times)
    assert not copies


def made(kind: str, precision: str) -> Generator:
    training = {"steps": 60, "batch_size": 32, "learning_rate": 4e-3, "ema_decay": 0.9}
    config = parse_config(
        {
            "training": {**training, "precision": precision},
            "sampling": {"sampler": "ddim", "steps": 10, "batch_size": 64},
            **KINDS[kind],
        }
    )
    return make_generator(config, SHAPE, ("dark", "light"), torch.device("cpu"))


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_draws_from_weights_that_are_cast_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three batches; the sampler computes in float32, and so does the model stay, on disk too."""
    labels = np.arange(150) % 2
    means = np.where(labels, 190, 60)[:, None, None, None]
    pixels = np.random.default_rng(0).normal(means, 20, (150, *SHAPE)).clip(0, 255)
    pool = ImageSet.of(pixels.astype(np.uint8), labels, ("dark", "light"))
    exact, rounded = made(kind, "fp32"), made(kind, "bf16")
    exact.fit(pool, seed=1, surroundings=Surroundings())
    exact.save(tmp_path / "exact")
    rounded.load(tmp_path / "exact")
    casts: list[torch.dtype] = []
    computed: set[torch.dtype] = set()
    stepped: set[torch.dtype] = set()
    step = DDIMScheduler.step

    def heard(given: Tensor, made: Tensor) -> None:
        if isinstance(given, nn.Parameter) and given.dtype != made.dtype:
            casts.append(made.dtype)

    def see(module: nn.Module, inputs: Any) -> None:
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.GroupNorm):
            computed.update((module.weight.dtype, inputs[0].dtype))

    def steps(self: Any, out: Tensor, t: Any, x: Tensor) -> Any:
        stepped.update((out.dtype, x.dtype))
        return step(self, out, t, x)

    monkeypatch.setattr(DDIMScheduler, "step", steps)
    hook = nn.modules.module.register_module_forward_pre_hook(see)
    with Conversions(heard):
        drawn = rounded.sample(150, seed=2, labels=labels).images
    hook.remove()
    average: nn.Module = rounded.average  # type: ignore[attr-defined]
    assert casts == [torch.bfloat16] * len(list(average.parameters()))
    assert computed == {torch.bfloat16}
    assert stepped == {torch.float32}
    gap = np.abs(drawn.astype(int) - exact.sample(150, seed=2, labels=labels).images)
    assert 0 < gap.mean() < 1
    rounded.save(tmp_path / "rounded")
    for path in (tmp_path / "exact").rglob("*.safetensors"):
        twin = tmp_path / "rounded" / path.relative_to(tmp_path / "exact")
        assert path.read_bytes() == twin.read_bytes()
