"""Convolutions take channels_last on CUDA, and a UNet's on a CPU, which plays the part of CUDA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from imgcollapse.config_file import parse_config
from imgcollapse.generators import Generator, Surroundings, layout, make_generator, networks
from imgcollapse.images import ImageSet

SHAPE = (3, 16, 16)
KINDS: dict[str, dict[str, Any]] = {
    "unet": {
        "generator": {"network": "unet", "width": 8, "depth": 3},
        "sampling": {"sampler": "ddim", "steps": 2},
    },
    "vae": {"generator": {"kind": "vae", "width": 8, "latent": 4}},
}


DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
        ],
    ),
]


def fitted(kind: str, device: str) -> tuple[Generator, float]:
    training = {"steps": 2, "batch_size": 16, "precision": "fp32", "compile": "never"}
    config = parse_config({"training": training, **KINDS[kind]})
    pixels = np.random.default_rng(0).integers(0, 256, (32, *SHAPE), dtype=np.uint8)
    generator = make_generator(config, SHAPE, ("a",), torch.device(device))
    pool = ImageSet.of(pixels, np.zeros(32, np.int64), ("a",))
    fit = generator.fit(pool, seed=1, surroundings=Surroundings())
    assert fit.loss is not None
    return generator, fit.loss


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_groupnorm_and_no_block_of_diffusers_undoes_channels_last(
    kind: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(networks, "lay_out_convolutions", lambda *_, **__: None)
        plain, plain_loss = fitted(kind, device)
    if device == "cpu":
        norm = F.group_norm
        monkeypatch.setattr(F, "group_norm", lambda *given: norm(*given).contiguous())
    if device == "cpu" and kind == "vae":
        monkeypatch.setattr(layout, "CHANNELS_LAST_ON", ("cpu",))
    found: list[bool] = []
    for name in ("conv2d", "conv_transpose2d"):

        def convolve(x: torch.Tensor, *more: Any, of: Any = getattr(F, name)) -> torch.Tensor:
            found.append(x.is_contiguous(memory_format=torch.channels_last))
            made: torch.Tensor = of(x, *more)
            return made

        monkeypatch.setattr(F, name, convolve)
    generator, loss = fitted(kind, device)
    in_training = len(found)
    drawn = generator.sample(64, seed=2).images
    assert len(found) > in_training > 0
    assert all(found)
    assert loss == pytest.approx(plain_loss, rel=1e-4)
    gap = np.abs(drawn.astype(int) - plain.sample(64, seed=2).images)
    assert gap.max() <= 1
