"""How a denoiser is called while images are drawn: layout, rows at once, compiled or graphed."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from imgcollapse.config import Config
from imgcollapse.training.compiling import chosen
from imgcollapse.training.graphs import Graphed

ROWS = 32
"""Images that a UNet sees at once on a CPU, whose caches hold few. On two cores, 1.0 M parameters
and 32×32: learning from 32 at once is 1.2 times as fast as from 128, drawing 32 at once 1.1 times
as fast as 64 and twice as fast as 512."""

Denoise = Callable[..., Tensor]
"""(x, t, labels) -> prediction."""


def rows_at_once(config: Config, device: torch.device) -> int | None:
    """How many images go through the network together; None is as many as there are."""
    return ROWS if config.generator.network == "unet" and device.type == "cpu" else None


def denoiser_for(config: Config, network: nn.Module) -> Denoise:
    """``network(x, t, labels)`` as float32, called as is fast on its device.

    Of a UNet on a CPU, or compiled, a copy in channels_last is called.
    """
    device = next(network.parameters()).device
    function = chosen(_denoised, config.training.compile, network)
    last = config.generator.network == "unet" and (
        device.type == "cpu" or function is not _denoised
    )
    if last:
        network = copy.deepcopy(network).to(memory_format=torch.channels_last)
    denoise: Denoise = functools.partial(function, network)
    if config.training.cuda_graphs and device.type == "cuda":
        denoise = Graphed(denoise)
    return functools.partial(_in_blocks, denoise, rows_at_once(config, device), last)


def _denoised(network: nn.Module, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    prediction: Tensor = network(x, t, labels)
    return prediction.float()


def _in_blocks(
    denoise: Denoise, rows: int | None, last: bool, x: Tensor, t: Tensor, labels: Tensor
) -> Tensor:
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    rows = rows or len(x)
    parts = zip(x.split(rows), t.split(rows), labels.split(rows), strict=True)
    return torch.cat([denoise(*part) for part in parts])
