"""Denoisers: diffusers' UNet for images, and a residual MLP for short vectors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from imgcollapse.config import GeneratorConfig
from imgcollapse.device import seeded
from imgcollapse.generators.dense import Dense
from imgcollapse.generators.layout import lay_out_convolutions

TIME_FEATURES = 64
HEAD = 64
"""Channels of an attention head, at most."""


class MLPDenoiser(nn.Module):
    """Residual MLP on flattened items, modulated by time and class.

    ``forward(x, t, labels)``: x of shape N×…, t float N in [0, 1000], labels int64 N. Returns the
    prediction in the shape of x.
    """

    def __init__(self, dim: int, width: int, depth: int, num_classes: int) -> None:
        super().__init__()
        self.settings = {"dim": dim, "width": width, "depth": depth, "num_classes": num_classes}
        self.time = nn.Sequential(Dense(TIME_FEATURES, width), nn.SiLU())
        self.label = nn.Embedding(num_classes, width) if num_classes else None
        self.enter = Dense(dim, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        last = Dense(width, dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.leave = nn.Sequential(nn.LayerNorm(width), last)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        condition = self.time(_time_features(t).to(x.dtype))
        if self.label is not None:
            condition = condition + self.label(labels)
        hidden = self.enter(x.flatten(1))
        for block in self.blocks:
            hidden = block(hidden, condition)
        return self.leave(hidden).view_as(x)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = Dense(width, 2 * width)
        self.inner = nn.Sequential(Dense(width, 2 * width), nn.SiLU(), Dense(2 * width, width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulate(condition).chunk(2, 1)
        return x + self.inner(self.norm(x) * (1 + scale) + shift)


def _time_features(t: Tensor) -> Tensor:
    """Sines and cosines of t in [0, 1000] at geometric frequencies, N×64."""
    frequencies = torch.exp(
        torch.arange(TIME_FEATURES // 2, device=t.device)
        * (-math.log(10000) / (TIME_FEATURES // 2))
    )
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class UNetDenoiser(nn.Module):
    """diffusers' ``UNet2DModel`` with the call of this lab: ``forward(x, t, labels)``.

    ``width`` channels at full resolution and twice as many below it, ``depth`` resolutions,
    attention at 16×16 and below, with heads of 64 channels (Dhariwal and Nichol 2021, table 3) or
    of their largest divisor below that: eight times as many heads took four times as long on a CPU.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], width: int, depth: int, num_classes: int
    ) -> None:
        super().__init__()
        from diffusers import UNet2DModel

        channels, _, side = image_shape
        attended = [level > 0 and side // 2**level <= 16 for level in range(depth)]
        down = ["AttnDownBlock2D" if here else "DownBlock2D" for here in attended]
        up = ["AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attended)]
        channels_of = tuple(width * (1 if level == 0 else 2) for level in range(depth))
        most = min(HEAD, channels_of[-1])
        self.unet = UNet2DModel(
            sample_size=side,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=2,
            block_out_channels=channels_of,
            down_block_types=tuple(down),
            up_block_types=tuple(up),
            norm_num_groups=8,
            attention_head_dim=max(n for n in range(1, most + 1) if channels_of[-1] % n == 0),
            num_class_embeds=num_classes or None,
        )
        self.num_classes = num_classes
        lay_out_convolutions(self, on_cpu=True)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        classes = labels if self.num_classes else None
        prediction: Tensor = self.unet(x, t, class_labels=classes).sample
        return prediction


def make_denoiser(
    config: GeneratorConfig, item_shape: tuple[int, ...], num_classes: int, seed: int
) -> MLPDenoiser | UNetDenoiser:
    """A denoiser with weights drawn from ``seed``; ``num_classes`` 0 is unconditional."""
    sizes: dict[str, Any] = {
        "width": config.width,
        "depth": config.depth,
        "num_classes": num_classes,
    }
    with seeded(seed):
        if config.network == "mlp":
            return MLPDenoiser(dim=math.prod(item_shape), **sizes)
        channels, height, width = item_shape
        return UNetDenoiser(image_shape=(channels, height, width), **sizes)
