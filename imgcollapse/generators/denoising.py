"""How a denoiser is called while images are drawn: type and layout, rows, compiled or graphed."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from imgcollapse.config import Config
from imgcollapse.device import dtype_of
from imgcollapse.training.compiling import chosen, has_convolutions
from imgcollapse.training.graphs import Graphed

ROWS = 32
"""Images that a UNet sees at once on a CPU, whose caches hold few. On two cores, 1.0 M parameters
and 32×32, in fp32: learning from 32 at once is 1.2 times as fast as from 128, drawing 32 at once
1.1 times as fast as 64 and twice as fast as 512; in bf16 16 to 128 differ by a tenth."""

Denoise = Callable[..., Tensor]
"""(x, t, labels) -> prediction."""


def rows_at_once(config: Config, device: torch.device) -> int | None:
    """How many images go through the network together; None is as many as there are."""
    return ROWS if config.generator.network == "unet" and device.type == "cpu" else None


def denoiser_for(config: Config, network: nn.Module) -> Denoise:
    """``network(x, t, labels)`` from float32 to float32, called as is fast on its device.

    A copy is called: in the type that training computes in, so that bf16 weights are cast once,
    and of a UNet in channels_last.
    """
    device = next(network.parameters()).device
    dtype = dtype_of(config.training.precision)
    layout = torch.channels_last if has_convolutions(network) else torch.preserve_format
    called = copy.deepcopy(network).to(dtype).to(memory_format=layout)
    batches = -(-config.scores.num_images // config.sampling.batch_size)
    calls = config.generations * batches * config.sampling.steps
    function = chosen(_denoised, config.training.compile, called, calls)
    denoise: Denoise = functools.partial(function, called)
    if config.training.cuda_graphs and device.type == "cuda":
        denoise = Graphed(denoise)
    return functools.partial(_in_blocks, denoise, rows_at_once(config, device), dtype, layout)


def _denoised(network: nn.Module, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    prediction: Tensor = network(x, t, labels)
    return prediction.float()


def _in_blocks(
    denoise: Denoise,
    rows: int | None,
    dtype: torch.dtype,
    layout: torch.memory_format,
    x: Tensor,
    t: Tensor,
    labels: Tensor,
) -> Tensor:
    x = x.to(dtype, memory_format=layout)
    rows = rows or len(x)
    parts = zip(x.split(rows), t.split(rows), labels.split(rows), strict=True)
    return torch.cat([denoise(*part) for part in parts])
